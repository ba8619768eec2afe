import {
  type EvidenceFeature,
  evidenceFeatures,
  type ModelDocument,
  type Score,
  type ScoreTerm,
} from '../engine.ts'
import { withMemory } from './arrays.ts'
import { type Asked, findEvidence } from './asked.ts'
import type { TestQueries } from './evaluate.ts'
import type { Fitted } from './fitted.ts'
import { historyWidth } from './history.ts'
import type { Kernel } from './kernel.ts'
import { onePercent, type SegmentMetrics, segmentMetrics } from './metrics.ts'
import { poissonRegression } from './poisson.ts'
import type { Events } from './prepare.ts'
import { type Random, random, sample } from './random.ts'
import { rankUsers, termValue } from './score.ts'
import type { Ranges } from './split.ts'

/** How many events a user has in the horizon, by `userHistory`. */
export type Activity = { intercept: number; coefficients: number[] }

const activityUsers = 100_000
const activityRidge = 1e-3

/** A Poisson regression of the users' events in the newer part on what the older part says of them. */
export function learnActivity(
  history: Float32Array,
  newer: Ranges,
  seed: number,
  signal: AbortSignal,
): Promise<Activity> {
  const known: number[] = []
  for (let user = 0; user * historyWidth < history.length; user++)
    if (history[user * historyWidth]! > 0) known.push(user)
  const picked = sample(known.length, activityUsers, random(seed, 11))
  const values = new Float32Array(picked.length * historyWidth)
  const targets = new Float32Array(picked.length)
  picked.forEach((at, row) => {
    const user = known[at]!
    values.set(history.subarray(user * historyWidth, (user + 1) * historyWidth), row * historyWidth)
    targets[row] = newer.ends[user]! - newer.begins[user]!
  })
  const weights = new Float32Array(picked.length).fill(1)
  return poissonRegression({ width: historyWidth, values, targets, weights }, activityRidge, signal)
}

/** activity = the log of the events that the regression foresees. */
export function foresee(
  { intercept, coefficients }: Activity,
  history: Float32Array,
  out: Float32Array,
) {
  for (let user = 0; user < out.length; user++) {
    let sum = intercept
    for (let k = 0; k < historyWidth; k++)
      sum += coefficients[k]! * history[user * historyWidth + k]!
    out[user] = sum
  }
}

/** One candidate: columns of a regression, each a sum of terms with given weights. */
type Candidate = { name: string; columns: ScoreTerm[][] }

const evidence = (feature: EvidenceFeature, ...offsets: number[]): ScoreTerm[][] =>
  offsets.map((offset) => [{ feature, offset, weight: 1 }])
const share = (feature: EvidenceFeature, offset: number): ScoreTerm[][] => [
  [{ feature, offset, relative: true, weight: 1 }],
]
const feature = (...names: Exclude<ScoreTerm, { offset: number }>['feature'][]): ScoreTerm[][] =>
  names.map((name) => [{ feature: name, weight: 1 }])

/** What moves the level of a query, and no user within it. */
const level = feature('users', 'volume')
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
    ...level,
  ],
})
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
export function candidatesOf(hasTraits: boolean, hasSets: boolean): Candidate[] {
  const profile = hasTraits ? profiles : []
  const own = [...ownHistory, ...(hasSets ? shares : [])]
  const blend = (name: string, ...columns: ScoreTerm[][][]): Candidate => ({
    name,
    columns: [...columns, own, users, level].flat(),
  })
  return [
    blend('blend', affinityCurve, neighbourhoodCurve, profile),
    blend('blend without factors', neighbourhoodCurve, profile),
    blend('blend without neighbourhoods', affinityCurve, profile),
    ...(hasTraits ? [blend('blend without profile', affinityCurve, neighbourhoodCurve)] : []),
    ...products,
    { name: 'activity', columns: [...feature('activity'), ...level] },
  ]
}

/** Candidates of the score for items without events, of which only traits are known. */
export const coldCandidates: Candidate[] = [
  {
    name: 'blend for new items',
    columns: [...affinityCurve, ...neighbourhoodCurve, ...profiles, ...users, ...level],
  },
  {
    name: 'affinity x sqrt(profile)',
    columns: [
      [
        { feature: 'affinity', offset: tiny, weight: 1 },
        { feature: 'profile', offset: tiny, weight: 0.5 },
      ],
      ...level,
    ],
  },
]

export type Learned = Pick<ModelDocument, 'score' | 'candidates' | 'interactionsPerUser'>

const examplesSeed = 13
const exampleQueries = 400
const blendRidge = 2e-3
/** Queries that candidates are compared on are no more than make so many scores, but those that they are fitted to. */
const evaluatedMax = 10_000_000

/** How queries for sets of items are asked: `askForItems`, or `askForNewItems` as if the items had no events. */
export type Ask = (
  kernel: Kernel,
  fitted: Fitted,
  sets: Uint32Array[],
  signal: AbortSignal,
) => Promise<Asked[]>

/** How queries are asked, the candidates, and how many queries they are compared on at most. */
export type Method = { ask: Ask; candidates: Candidate[]; queriesMax: number }

/**
 * Held-out events of a newer part, of which `fitted` knows nothing, queries on which somebody acted there, and the sets
 * of items that could have been asked for, but on which nobody did.
 */
export type HeldOut = {
  events: Events
  newer: Ranges
  queries: TestQueries
  idle: Uint32Array[]
}

/** Fits every candidate to the users of held-out queries and takes the one that recalls most at 1 %. */
export async function learn(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  { ask, candidates, queriesMax }: Method,
  seed: number,
  signal: AbortSignal,
): Promise<Learned> {
  const draw = random(seed, examplesSeed)
  const most = Math.max(exampleQueries, Math.floor(evaluatedMax / fitted.users.rowCount))
  const compared = picked(heldOut.queries, Math.min(most, queriesMax), draw)
  const sets = compared.map(({ items }) => items)
  const asked = await ask(kernel, fitted, sets, signal)
  const examples = await examplesOf(kernel, fitted, heldOut, sets, asked, draw, signal)
  const scores: Score[] = []
  for (const candidate of candidates)
    scores.push(await fitCandidate(candidate, examples, fitted, signal))
  const metrics = await evaluate(kernel, fitted, compared, asked, scores, signal)
  const idle = await idleExamples(kernel, fitted, heldOut, ask, draw, signal)
  const queryWeight = heldOut.queries.length / Math.min(exampleQueries, sets.length)
  const best = scores[bestOf(metrics.map(({ recalls }) => recalls))]!
  return {
    score: levelled(best, [{ ...examples, queryWeight }, idle], fitted),
    candidates: scores.map((score, n) => {
      const { recall, hits } = metrics[n]!
      return { ...score, recall, hits }
    }),
    interactionsPerUser: examples.interactionsPerUser,
  }
}

/**
 * Which candidate, by its recall of each query: the first, or one that recalls more by a standard error of the
 * difference, or the best of several that do.
 */
export function bestOf(recalls: number[][]): number {
  const meanOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  let best = 0
  for (let n = 1; n < recalls.length; n++) {
    const gains = recalls[n]!.map((recall, query) => recall - recalls[0]![query]!)
    const mean = meanOf(gains)
    const variance = meanOf(gains.map((gain) => (gain - mean) ** 2))
    const isBetter = mean > Math.sqrt(variance / gains.length)
    if (isBetter && meanOf(recalls[n]!) > meanOf(recalls[best]!)) best = n
  }
  return best
}

/** Sampled users of sampled queries. */
type Examples = {
  asked: Asked[]
  query: number[]
  user: number[]
  /** Examples x evidenceFeatures. */
  evidence: number[]
  /** 1 where the user acted. */
  targets: number[]
  /** How many users of its query each stands for. */
  weights: number[]
  /** How many queries each query stands for. */
  queryWeight: number
  interactionsPerUser: number
}

const idleQueries = 300
const queriesAtOnce = 16
const likelyShare = 0.02
/** Users by which the likeliest are told apart. */
const lookedMax = 20_000
const perPart = 60
const actedMax = 200

/** All users who acted, some of the likeliest 2 % of the others, and some of the rest. */
async function examplesOf(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  sets: Uint32Array[],
  asked: Asked[],
  draw: Random,
  signal: AbortSignal,
): Promise<Examples> {
  const userCount = fitted.users.rowCount
  const acted = actedOf(heldOut, sets, fitted)
  const activity = fitted.features.activity.map(Math.exp)
  const examples: Examples = {
    ...{ asked, query: [], user: [], evidence: [], targets: [], weights: [], queryWeight: 1 },
    interactionsPerUser: interactionsPerUser(acted),
  }
  const add = (query: number, user: number, target: number, weight: number, own: Float32Array) => {
    examples.query.push(query)
    examples.user.push(user)
    examples.targets.push(target)
    examples.weights.push(weight)
    for (let k = 0; k < evidenceFeatures.length; k++)
      examples.evidence.push(own[k * userCount + user]!)
  }
  const chosen = sample(asked.length, exampleQueries, draw)
  for (let from = 0; from < chosen.length; from += queriesAtOnce)
    await withMemory(async () => {
      const some = chosen.subarray(from, from + queriesAtOnce)
      const found = await findEvidence(
        kernel,
        fitted,
        Array.from(some, (n) => asked[n]!),
        signal,
      )
      for (const [n, query] of some.entries()) {
        const size = evidenceFeatures.length * userCount
        const own = found.subarray(n * size, (n + 1) * size)
        const { likely, rest } = othersOf(fitted, activity, acted[query]!, own, draw)
        const positives = Uint32Array.from(acted[query]!.keys())
        for (const [list, count, target] of [
          [positives, actedMax, 1],
          [likely, perPart, 0],
          [rest, perPart, 0],
        ] as const) {
          const picked = sample(list.length, count, draw)
          for (const at of picked) add(query, list[at]!, target, list.length / picked.length, own)
        }
      }
    })
  return examples
}

/** Users who did not act: the likeliest by a rough score, and the rest. */
function othersOf(
  { features }: Fitted,
  activity: Float32Array,
  acted: Map<number, number>,
  evidence: Float32Array,
  draw: Random,
) {
  const userCount = activity.length
  const ownAt = evidenceFeatures.indexOf('own') * userCount
  const nearAt = evidenceFeatures.indexOf('neighbourhood') * userCount
  const rough = new Float32Array(userCount)
  const others = new Uint32Array(userCount)
  let count = 0
  for (let user = 0; user < userCount; user++) {
    if (features.events[user] === 0 || acted.has(user)) continue
    others[count++] = user
    const own = Math.min(1, evidence[ownAt + user]!)
    const evident = evidence[user]! + evidence[nearAt + user]! + own / 2
    rough[user] = (evident + 1e-3) * activity[user]!
  }
  const looked = sample(count, lookedMax, draw)
  const sorted = Float32Array.from(looked, (at) => rough[others[at]!]!).sort()
  const cut = sorted[Math.floor((1 - likelyShare) * sorted.length)] ?? 0
  const all = others.subarray(0, count)
  return {
    likely: all.filter((user) => rough[user]! >= cut),
    rest: all.filter((user) => rough[user]! < cut),
  }
}

/** Known users who acted in the newer part on an item of each set, and how often. */
function actedOf(
  { events, newer: { begins, ends } }: HeldOut,
  sets: Uint32Array[],
  { features }: Fitted,
): Map<number, number>[] {
  const setsOf = new Map<number, number[]>()
  for (const [n, items] of sets.entries())
    for (const item of items) {
      const of = setsOf.get(item)
      if (of) of.push(n)
      else setsOf.set(item, [n])
    }
  const acted = sets.map(() => new Map<number, number>())
  for (let user = 0; user < begins.length; user++) {
    if (features.events[user] === 0) continue
    for (let at = begins[user]!; at < ends[user]!; at++)
      for (const n of setsOf.get(events.items[at]!) ?? [])
        acted[n]!.set(user, (acted[n]!.get(user) ?? 0) + 1)
  }
  return acted
}

function interactionsPerUser(acted: Map<number, number>[]): number {
  let pairs = 0
  let events = 0
  for (const users of acted)
    for (const count of users.values()) {
      pairs++
      events += count
    }
  return pairs === 0 ? 1 : events / pairs
}

/** The value of a term in an example. */
function valueIn(term: ScoreTerm, examples: Examples, row: number, fitted: Fitted): number {
  const { asked, query, user, evidence } = examples
  const at = row * evidenceFeatures.length
  return termValue(
    term,
    asked[query[row]!]!,
    fitted,
    user[row]!,
    (feature) => evidence[at + evidenceFeatures.indexOf(feature)]!,
  )
}

const logScoreOf = ({ terms }: Score, examples: Examples, row: number, fitted: Fitted) =>
  terms.reduce((sum, term) => sum + term.weight * valueIn(term, examples, row, fitted), 0)

async function fitCandidate(
  { name, columns }: Candidate,
  examples: Examples,
  fitted: Fitted,
  signal: AbortSignal,
): Promise<Score> {
  const rowCount = examples.query.length
  const width = columns.length
  const values = new Float32Array(rowCount * width)
  for (let row = 0; row < rowCount; row++)
    for (const [k, terms] of columns.entries())
      for (const term of terms)
        values[row * width + k]! += term.weight * valueIn(term, examples, row, fitted)
  const { intercept, coefficients } = await poissonRegression(
    {
      ...{ width, values },
      targets: Float32Array.from(examples.targets),
      weights: Float32Array.from(examples.weights),
    },
    blendRidge,
    signal,
  )
  const terms = columns.flatMap((column, k) =>
    column.map((term) => ({ ...term, weight: term.weight * coefficients[k]! })),
  )
  return {
    name,
    terms: [
      { feature: 'constant', weight: intercept },
      ...terms.filter(({ weight }) => weight !== 0),
    ],
  }
}

/**
 * Examples of queries on which nobody known acted: those that candidates are fitted to were chosen by what happened, and
 * say too much of the level.
 */
async function idleExamples(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  ask: Ask,
  draw: Random,
  signal: AbortSignal,
): Promise<Examples> {
  const sets = heldOut.idle
  const chosen = Array.from(sample(sets.length, idleQueries, draw), (n) => sets[n]!)
  const asked = await ask(kernel, fitted, chosen, signal)
  const examples = await examplesOf(kernel, fitted, heldOut, chosen, asked, draw, signal)
  return { ...examples, queryWeight: sets.length / Math.max(1, chosen.length) }
}

/** The score with the constant by which it foresees as many users as acted. */
function levelled(score: Score, parts: Examples[], fitted: Fitted): Score {
  let acted = 0
  let foreseen = 0
  for (const examples of parts)
    for (let row = 0; row < examples.query.length; row++) {
      const weight = examples.weights[row]! * examples.queryWeight
      acted += weight * examples.targets[row]!
      foreseen += weight * Math.exp(logScoreOf(score, examples, row, fitted))
    }
  const shift = Math.log(acted / foreseen)
  const terms = score.terms.map((term) =>
    term.feature === 'constant' ? { ...term, weight: term.weight + shift } : term,
  )
  return { ...score, terms }
}

/** Metrics of each score on the queries. */
export async function evaluate(
  kernel: Kernel,
  fitted: Fitted,
  queries: TestQueries,
  asked: Asked[],
  scores: Score[],
  signal: AbortSignal,
): Promise<SegmentMetrics[]> {
  let known = 0
  for (const events of fitted.features.events) if (events > 0) known++
  const mask = known < fitted.features.events.length ? knownMask(fitted) : undefined
  return withMemory(async () => {
    const resultCount = onePercent(known)
    const requests = asked.map((each) => ({ asked: each, resultCount, mask }))
    const lists = await rankUsers(kernel, fitted, requests, scores, signal)
    const actual = queries.map((query) => query.actual)
    const metrics: SegmentMetrics[] = []
    for (const list of lists)
      metrics.push(
        await segmentMetrics(
          list.map(({ users }) => users),
          actual,
          known,
        ),
      )
    return metrics
  })
}

/** The queries with those users who have events in the past, and those on which no such user acted. */
export function ofKnownUsers(queries: TestQueries, { features }: Fitted) {
  const known = queries.map(({ items, actual }) => ({
    items,
    actual: actual.filter((user) => features.events[user]! > 0),
  }))
  return {
    queries: known.filter(({ actual }) => actual.length > 0),
    idle: known.filter(({ actual }) => actual.length === 0).map(({ items }) => items),
  }
}

const picked = (queries: TestQueries, count: number, draw: Random): TestQueries =>
  Array.from(sample(queries.length, count, draw), (n) => queries[n]!)

function knownMask({ features: { events } }: Fitted): Uint8Array {
  const mask = new Uint8Array(Math.ceil(events.length / 8))
  events.forEach((count, user) => {
    if (count > 0) mask[user >>> 3]! |= 1 << (user & 7)
  })
  return mask
}
