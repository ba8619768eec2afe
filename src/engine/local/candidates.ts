import type { EvidenceFeature, ScoreTerm, UserFeature } from '../engine.ts'

/** One candidate of the score: columns of a regression, each a sum of terms with given weights. */
export type Candidate = { name: string; columns: ScoreTerm[][] }

/** What is compared, and what ranks where nothing was held out to learn from. */
export type Candidates = { all: Candidate[]; unlearned: Candidate }

const evidence = (feature: EvidenceFeature, ...offsets: number[]): ScoreTerm[][] =>
  offsets.map((offset) => [{ feature, offset, weight: 1 }])
const share = (feature: EvidenceFeature, offset: number): ScoreTerm[][] => [
  [{ feature, offset, relative: true, weight: 1 }],
]
const feature = (...names: UserFeature[]): ScoreTerm[][] =>
  names.map((name) => [{ feature: name, weight: 1 }])

const users = feature('events', 'activity', 'normaliser')
/** Three offsets make a flexible curve of one piece of evidence. */
const curve = [0.001, 0.03, 0.3]
const tiny = 1e-6

/** A product of evidence and powers of the user's features, that a regression only scales. */
const product = (
  name: string,
  of: EvidenceFeature,
  activity: number,
  normaliser = 0,
): Candidate => ({
  name,
  columns: [
    [
      { feature: of, offset: tiny, weight: 1 },
      { feature: 'activity', weight: activity },
      { feature: 'normaliser', weight: normaliser },
    ],
  ],
})
const affinityAndActivity = product('affinity x activity', 'affinity', 1)
const products = (['affinity', 'neighbourhood'] as const).flatMap((name) => [
  product(name, name, 0),
  product(`${name} x sqrt(activity)`, name, 0.5),
  product(`${name} x activity`, name, 1),
  product(`${name} x activity / normaliser`, name, 1, -1),
])

const affinityCurve = evidence('affinity', ...curve)
const neighbourhoodCurve = [
  ...evidence('neighbourhood', ...curve),
  ...evidence('neighbourhoodNewer', 0.003),
  ...evidence('neighbourhoodNewest', 0.003),
]
const ownHistory = [...evidence('own', 0.01, 1), ...evidence('ownRecent', 0.1, 1)]
const shares = [...share('own', 10), ...share('ownRecent', 2)]
const profiles = [...evidence('profile', 0.003), ...evidence('profileNewer', 0.003)]

/**
 * Candidates of the score, the one that others must beat first. Profiles take part where items have traits, shares
 * where queries are sets.
 */
export function candidatesOf(hasTraits: boolean, hasSets: boolean): Candidates {
  const profile = hasTraits ? profiles : []
  const own = [...ownHistory, ...(hasSets ? shares : [])]
  const blend = (name: string, ...columns: ScoreTerm[][][]): Candidate => ({
    name,
    columns: [...columns, own, users].flat(),
  })
  const all = [
    blend('blend', affinityCurve, neighbourhoodCurve, profile),
    blend('blend without factors', neighbourhoodCurve, profile),
    blend('blend without neighbourhoods', affinityCurve, profile),
    ...(hasTraits ? [blend('blend without profile', affinityCurve, neighbourhoodCurve)] : []),
    ...products,
    { name: 'activity', columns: feature('activity') },
  ]
  return { all, unlearned: affinityAndActivity }
}

/** The score for sets of items, where the others are for single ones. */
export const setCandidates = (hasTraits: boolean): Candidates => {
  const { all, unlearned } = candidatesOf(hasTraits, true)
  return { all: all.slice(0, 1), unlearned }
}

const newItemProduct: Candidate = {
  name: 'affinity x sqrt(profile)',
  columns: [
    [
      { feature: 'affinity', offset: tiny, weight: 1 },
      { feature: 'profile', offset: tiny, weight: 0.5 },
    ],
  ],
}

/** Candidates of the score for items without events, of which only traits are known. */
export const coldCandidates: Candidates = {
  all: [
    {
      name: 'blend for new items',
      columns: [...affinityCurve, ...neighbourhoodCurve, ...profiles, ...users],
    },
    newItemProduct,
  ],
  unlearned: newItemProduct,
}
