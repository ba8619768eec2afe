import { type ModelDocument, type QueryTerm, queryFeatures, type Score } from '../engine.ts'
import { withMemory } from './arrays.ts'
import type { Asked } from './asked.ts'
import type { Candidate, Candidates } from './candidates.ts'
import { logDemand } from './demand.ts'
import {
  type Ask,
  calibrationExamples,
  type Examples,
  exampleQueries,
  examplesOf,
  type HeldOut,
  poolOf,
  type TermValues,
  termValues,
} from './examples.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import { maskOf } from './masks.ts'
import { onePercent, type SegmentMetrics, segmentMetrics } from './metrics.ts'
import { poissonRegression } from './poisson.ts'
import { type Random, random, sample } from './random.ts'
import { featureValues, queryTerms, rankUsers } from './score.ts'
import { type KnownUsers, placesOf, someUsers, usersAtRandom } from './someUsers.ts'

export type Learned = Pick<ModelDocument, 'score' | 'candidates'>

const examplesSeed = 13
const blendRidge = 2e-3
const calibrationRidge = 1e-4
/** Users that candidates are compared on, at random, are no more. */
const comparedUsers = 1_000_000
/** Users whose scores tell the sum of all users': of 150,000 to within 2 %. */
const summedUsers = 20_000
/** Queries that candidates are compared on are no more than make so many scores of each, but at least so many. */
const evaluatedMax = 10_000_000
const comparedMin = 100

/**
 * How queries are asked, the candidates, how many queries they are compared on at most, and whether more than ranks
 * matters.
 */
export type Method = {
  ask: Ask
  candidates: Candidates
  queriesMax: number
  calibrates: boolean
}

/** Fits every candidate to the users of held-out queries and takes the one that recalls most at 1 %. */
export async function learn(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  { ask, candidates, queriesMax, calibrates }: Method,
  seed: number,
  signal: AbortSignal,
): Promise<Learned> {
  if (heldOut.queries.length === 0) {
    const score = scoreOf(candidates.unlearned, [1])
    return { score, candidates: [] }
  }
  const draw = random(seed, examplesSeed)
  const some = usersAtRandom(fitted, comparedUsers, draw)
  const most = Math.floor(evaluatedMax / some.known.users.rowCount)
  const wanted = Math.min(queriesMax, Math.max(exampleQueries, most))
  const queries = Array.from(
    sample(heldOut.queries.length, wanted, draw),
    (n) => heldOut.queries[n]!,
  )
  const sets = queries.map(({ items }) => items)
  const asked = await ask(kernel, fitted, sets, signal)
  const examples = await examplesOf(
    kernel,
    fitted,
    heldOut,
    sets,
    asked,
    exampleQueries,
    draw,
    signal,
  )
  const valuesOf = termValues(examples, fitted)
  const scores: Score[] = []
  for (const candidate of candidates.all)
    scores.push(await fitCandidate(kernel, candidate, examples, valuesOf, signal))
  const compared = Array.from(sample(queries.length, Math.max(comparedMin, most), draw), (n) => ({
    actual: placesOf(queries[n]!.actual, some),
    asked: asked[n]!,
  })).filter(({ actual }) => actual.length > 0)
  // One alone needs no comparison.
  const metrics =
    scores.length > 1 ? await evaluate(kernel, some.known, compared, scores, signal) : []
  const best = scores[bestOf(metrics.map(({ recalls }) => recalls))]!
  const calibration = calibrates
    ? await calibrate(kernel, best, fitted, heldOut, ask, draw, signal)
    : []
  return {
    score: { ...best, calibration },
    candidates: metrics.map(({ recall, hits }, n) => ({ ...scores[n]!, recall, hits })),
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

async function fitCandidate(
  kernel: Kernel,
  { name, columns }: Candidate,
  examples: Examples,
  valuesOf: TermValues,
  signal: AbortSignal,
): Promise<Score> {
  const rowCount = examples.query.length
  // Features of the query alone move its level, and no user within it.
  const width = columns.length + queryFeatures.length
  const values = new Float32Array(rowCount * width)
  for (const [k, terms] of columns.entries())
    for (const term of terms) {
      const own = valuesOf(term)
      for (let row = 0; row < rowCount; row++) values[row * width + k]! += term.weight * own[row]!
    }
  for (const [row, query] of examples.query.entries())
    values.set(featureValues(examples.asked[query]!.features), row * width + columns.length)
  const { coefficients } = await poissonRegression(
    kernel,
    {
      ...{ width, values },
      targets: Float32Array.from(examples.targets),
      weights: Float32Array.from(
        examples.weights,
        (weight, row) => weight * examples.says[examples.query[row]!]!,
      ),
      target: 'count',
    },
    blendRidge,
    signal,
  )
  return scoreOf({ name, columns }, coefficients)
}

function scoreOf({ name, columns }: Candidate, coefficients: number[]): Score {
  const terms = columns.flatMap((column, k) =>
    column.map((term) => ({ ...term, weight: term.weight * coefficients[k]! })),
  )
  return { name, terms: terms.filter(({ weight }) => weight !== 0), calibration: [] }
}

/** Of each example. */
function logScores({ terms }: Score, examples: Examples, fitted: Fitted): Float64Array {
  const valuesOf = termValues(examples, fitted)
  const sums = new Float64Array(examples.query.length)
  for (const term of terms) {
    const own = valuesOf(term)
    for (let row = 0; row < sums.length; row++) sums[row]! += term.weight * own[row]!
  }
  return sums
}

/**
 * log(expected interactions / score) as a function of the query, by which the score foresees as many users as acted, also
 * on queries on which nobody did: a Poisson regression of whether a user acted over the interactions expected of it.
 */
async function calibrate(
  kernel: Kernel,
  score: Score,
  fitted: Fitted,
  heldOut: HeldOut,
  ask: Ask,
  draw: Random,
  signal: AbortSignal,
): Promise<QueryTerm[]> {
  const { examples, stands } = await calibrationExamples(kernel, fitted, heldOut, ask, draw, signal)
  const { asked, query, weights, targets } = examples
  const logs = logScores(score, examples, fitted)
  const { pool, share } = poolOf(fitted, summedUsers, draw)
  const { known } = someUsers(fitted, pool.sort())
  const requests = asked.map((each) => ({ asked: each, resultCount: 0, mask: undefined }))
  const [sums = []] = await rankUsers(kernel, known, requests, [score], signal)
  const levels = asked.map(
    (each, n) => logDemand(fitted, heldOut.demand, each) - sums[n]!.logSum + Math.log(share),
  )
  const terms = queryTerms(
    await poissonRegression(
      kernel,
      {
        width: queryFeatures.length,
        values: Float32Array.from(query.flatMap((n) => featureValues(asked[n]!.features))),
        targets: Float32Array.from(targets),
        weights: Float32Array.from(weights, (weight, row) => weight * stands[query[row]!]!),
        offsets: Float64Array.from(logs, (log, row) => log + levels[query[row]!]!),
        target: 'any',
      },
      calibrationRidge,
      signal,
    ),
  )
  return terms.map(({ feature, weight }) => ({ feature, weight: -weight }))
}

/** Metrics of each score on queries on which these users acted. */
export async function evaluate(
  kernel: Kernel,
  known: KnownUsers,
  queries: { asked: Asked; actual: Uint32Array }[],
  scores: Score[],
  signal: AbortSignal,
): Promise<SegmentMetrics[]> {
  const { events } = known.features
  const userCount = events.reduce((count, each) => count + Number(each > 0), 0)
  const mask =
    userCount < events.length ? maskOf(events.length, (user) => events[user]! > 0) : undefined
  return withMemory(async () => {
    const resultCount = onePercent(userCount)
    const requests = queries.map(({ asked }) => ({ asked, resultCount, mask }))
    const lists = await rankUsers(kernel, known, requests, scores, signal)
    const actual = queries.map((query) => query.actual)
    const metrics: SegmentMetrics[] = []
    for (const list of lists) {
      const top = list.map(({ users }) => users)
      metrics.push(await segmentMetrics(top, actual, userCount, events.length))
    }
    return metrics
  })
}
