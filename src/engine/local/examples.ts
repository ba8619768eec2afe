import { evidenceFeatures, type QueryTerm, type ScoreTerm } from '../engine.ts'
import { withMemory } from './arrays.ts'
import { type Asked, findEvidence } from './asked.ts'
import type { TestQueries } from './evaluate.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import type { Events } from './prepare.ts'
import { type Random, sample, systematicSample } from './random.ts'
import { type Known, termValue } from './score.ts'
import { someUsers } from './someUsers.ts'
import type { Ranges } from './split.ts'

/** How queries for sets of items are asked: `askForItems`, or `askForNewItems` as if the items had no events. */
export type Ask = (
  kernel: Kernel,
  fitted: Fitted,
  sets: Uint32Array[],
  signal: AbortSignal,
) => Promise<Asked[]>

/**
 * Held-out events of a newer part, of which `fitted` knows nothing, and queries on which somebody acted there. `sets`
 * are all sets of items that could have been asked for, `demand` what is expected of them.
 */
export type HeldOut = {
  events: Events
  newer: Ranges
  queries: TestQueries
  sets: Uint32Array[]
  demand: QueryTerm[]
}

/** The queries on which users acted who have events in the past, with those users. */
export const ofKnownUsers = (queries: TestQueries, { features }: Fitted): TestQueries =>
  queries
    .map(({ items, actual }) => ({
      items,
      actual: actual.filter((user) => features.events[user]! > 0),
    }))
    .filter(({ actual }) => actual.length > 0)

/** Queries of which users are sampled. */
export const exampleQueries = 400
const calibrationQueries = 400
/** Numbers of evidence held at once. */
const evidenceMax = 100_000_000
const queriesAtOnce = 16
/** Users of whom those who did not act are taken: so many at random stand for all. */
const poolMax = 100_000
const likelyShare = 0.02
/** Users by which the likeliest are told apart. */
const lookedMax = 2000
const perPart = 60
const actedMax = 200

/** Sampled users of sampled queries. */
export type Examples = {
  asked: Asked[]
  query: number[]
  user: number[]
  /** Examples x evidenceFeatures. */
  evidence: number[]
  /** 1 where the user acted. */
  targets: number[]
  /** How many users of its query each stands for. */
  weights: number[]
  /** How much each query says: 1 / sqrt(users who acted), or the largest few would decide. */
  says: number[]
}

/** So many users with events at random, who stand for all that have any, and their share of these. */
export function poolOf({ users, features }: Fitted, count: number, draw: Random) {
  const everybody = new Uint32Array(users.rowCount).map((_, user) => user)
  const withEvents = everybody.filter((user) => features.events[user]! > 0)
  const pool = Uint32Array.from(sample(withEvents.length, count, draw), (n) => withEvents[n]!)
  return { pool, share: pool.length / withEvents.length }
}

/** All users who acted, some of the likeliest 2 % of the others, and some of the rest. */
export async function examplesOf(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  sets: Uint32Array[],
  asked: Asked[],
  queriesMax: number,
  draw: Random,
  signal: AbortSignal,
): Promise<Examples> {
  const acted = actedOf(heldOut, sets, fitted)
  const activity = fitted.features.activity.map(Math.exp)
  const examples: Examples = {
    ...{ asked, query: [], user: [], evidence: [], targets: [], weights: [] },
    says: acted.map(({ size }) => 1 / Math.sqrt(Math.max(1, size))),
  }
  const { pool, share } = poolOf(fitted, poolMax, draw)
  const chosen = sample(asked.length, queriesMax, draw)
  const positives = Array.from(chosen, (query) => {
    const users = Uint32Array.from(acted[query]!)
    return Array.from(sample(users.length, actedMax, draw), (at) => users[at]!)
  })
  const looked = new Set([...pool, ...positives.flat()])
  const { known, placeOf } = someUsers(fitted, Uint32Array.from(looked).sort())
  const userCount = known.users.rowCount
  const add = (query: number, user: number, target: number, weight: number, own: Float32Array) => {
    examples.query.push(query)
    examples.user.push(user)
    examples.targets.push(target)
    examples.weights.push(weight)
    for (let k = 0; k < evidenceFeatures.length; k++)
      examples.evidence.push(own[k * userCount + placeOf[user]!]!)
  }
  const size = evidenceFeatures.length * userCount
  const atOnce = Math.min(queriesAtOnce, Math.max(1, Math.floor(evidenceMax / size)))
  for (let from = 0; from < chosen.length; from += atOnce)
    await withMemory(async () => {
      const some = chosen.subarray(from, from + atOnce)
      const found = await findEvidence(
        kernel,
        known,
        Array.from(some, (n) => asked[n]!),
        signal,
      )
      for (const [n, query] of some.entries()) {
        const own = found.subarray(n * size, (n + 1) * size)
        const users = positives[from + n]!
        for (const user of users) add(query, user, 1, acted[query]!.size / users.length, own)
        const { likely, rest } = othersOf(pool, activity, acted[query]!, own, placeOf, draw)
        for (const list of [likely, rest]) {
          const picked = sample(list.length, perPart, draw)
          const weight = list.length / picked.length / share
          for (const at of picked) add(query, list[at]!, 0, weight, own)
        }
      }
    })
  return examples
}

/** Users of the pool who did not act: the likeliest by a rough score, and the rest. */
function othersOf(
  pool: Uint32Array,
  activity: Float32Array,
  acted: Set<number>,
  evidence: Float32Array,
  placeOf: Uint32Array,
  draw: Random,
) {
  const userCount = evidence.length / evidenceFeatures.length
  const ownAt = evidenceFeatures.indexOf('own') * userCount
  const nearAt = evidenceFeatures.indexOf('neighbourhood') * userCount
  const others = new Uint32Array(pool.length)
  const rough = new Float32Array(pool.length)
  let count = 0
  for (const user of pool) {
    if (acted.has(user)) continue
    const place = placeOf[user]!
    const own = Math.min(1, evidence[ownAt + place]!)
    others[count] = user
    rough[count++] =
      (evidence[place]! + evidence[nearAt + place]! + own / 2 + 1e-3) * activity[user]!
  }
  const looked = sample(count, lookedMax, draw)
  const sorted = Float32Array.from(looked, (at) => rough[at]!).sort()
  const cut = sorted[Math.floor((1 - likelyShare) * sorted.length)] ?? 0
  const likely: number[] = []
  let left = 0
  // In place: those who are kept come before those who are looked at.
  for (let n = 0; n < count; n++)
    if (rough[n]! >= cut) likely.push(others[n]!)
    else others[left++] = others[n]!
  return { likely, rest: others.subarray(0, left) }
}

/** Known users who acted in the newer part on an item of each set. */
function actedOf(
  { events, newer: { begins, ends } }: HeldOut,
  sets: Uint32Array[],
  { features }: Fitted,
): Set<number>[] {
  const setsOf = new Map<number, number[]>()
  for (const [n, items] of sets.entries())
    for (const item of items) {
      const of = setsOf.get(item)
      if (of) of.push(n)
      else setsOf.set(item, [n])
    }
  const acted = sets.map(() => new Set<number>())
  for (let user = 0; user < begins.length; user++) {
    if (features.events[user] === 0) continue
    for (let at = begins[user]!; at < ends[user]!; at++)
      for (const n of setsOf.get(events.items[at]!) ?? []) acted[n]!.add(user)
  }
  return acted
}

/**
 * Examples of all that could have been asked for, acted on or not, and how many queries each stands for: those that
 * candidates are fitted to were chosen by what happened, and say too much of how much does. Half of them are chosen by
 * their volume, as few sets have most of the events.
 */
export async function calibrationExamples(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  ask: Ask,
  draw: Random,
  signal: AbortSignal,
): Promise<{ examples: Examples; stands: Float64Array }> {
  const { sets } = heldOut
  const volumes = Float64Array.from(sets, (items) =>
    items.reduce((sum, item) => sum + fitted.itemVolumes[item]!, 0),
  )
  const mean = volumes.reduce((sum, volume) => sum + volume, 0) / sets.length
  const sizes = volumes.map((volume) => volume + mean + 1e-9)
  const { indexes, stands } = systematicSample(sizes, calibrationQueries, draw)
  const chosen = Array.from(indexes, (n) => sets[n]!)
  const asked = await ask(kernel, fitted, chosen, signal)
  const examples = await examplesOf(
    kernel,
    fitted,
    heldOut,
    chosen,
    asked,
    calibrationQueries,
    draw,
    signal,
  )
  return { examples, stands }
}

/** The values of a term in all examples. */
export type TermValues = (term: ScoreTerm) => Float64Array

/** Finds the values of each term once: candidates have most of them in common. */
export function termValues(examples: Examples, fitted: Fitted): TermValues {
  const known = new Map<string, Float64Array>()
  return (term) => {
    const name = JSON.stringify({ ...term, weight: 1 })
    const values = known.get(name) ?? valuesOf(term, examples, fitted)
    known.set(name, values)
    return values
  }
}

function valuesOf(term: ScoreTerm, examples: Examples, fitted: Fitted): Float64Array {
  const { asked, query, user, evidence } = examples
  let row = 0
  const known: Known = {
    evidence: (feature) =>
      evidence[row * evidenceFeatures.length + evidenceFeatures.indexOf(feature)]!,
    user: (feature) => fitted.features[feature][user[row]!]!,
    get asked() {
      return asked[query[row]!]!
    },
  }
  const values = new Float64Array(query.length)
  for (; row < values.length; row++) values[row] = termValue(term, known)
  return values
}
