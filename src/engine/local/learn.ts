import { type ModelDocument, type QueryTerm, queryFeatures, type Score } from '../engine.ts'
import { withMemory } from './arrays.ts'
import type { Asked } from './asked.ts'
import type { Candidate, Candidates } from './candidates.ts'
import {
  type Ask,
  type Examples,
  exampleQueries,
  examplesOf,
  type HeldOut,
  levelExamples,
  type TermValues,
  termValues,
} from './examples.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import { maskOf } from './masks.ts'
import { onePercent, type SegmentMetrics, segmentMetrics } from './metrics.ts'
import { poissonRegression, type Rows } from './poisson.ts'
import { random, sample } from './random.ts'
import { queryValue, rankUsers } from './score.ts'
import { type KnownUsers, placesOf, usersAtRandom } from './someUsers.ts'

export type Learned = Pick<ModelDocument, 'score' | 'candidates'>

const examplesSeed = 13
const blendRidge = 2e-3
const levelRidge = 1e-4
/** Less said has no logarithm. */
const saidMin = 1e-30
/** Users that candidates are compared on, at random, are no more. */
const comparedUsers = 1_000_000
/** Queries that candidates are compared on are no more than make so many scores of each, but at least so many. */
const evaluatedMax = 10_000_000
const comparedMin = 100

/** How queries are asked, the candidates, and how many queries they are compared on at most. */
export type Method = { ask: Ask; candidates: Candidates; queriesMax: number }

/** Fits every candidate to the users of held-out queries and takes the one that recalls most at 1 %. */
export async function learn(
  kernel: Kernel,
  fitted: Fitted,
  heldOut: HeldOut,
  { ask, candidates, queriesMax }: Method,
  seed: number,
  signal: AbortSignal,
): Promise<Learned> {
  if (heldOut.queries.length === 0) {
    const score = scoreOf(candidates.unlearned, 0, [1])
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
  let score = best
  if (heldOut.sets) {
    const level = await levelExamples(kernel, fitted, heldOut, heldOut.sets, ask, draw, signal)
    score = await levelled(kernel, best, level, fitted, signal)
  }
  return {
    score,
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
  const width = columns.length
  const values = new Float32Array(rowCount * width)
  for (const [k, terms] of columns.entries())
    for (const term of terms) {
      const own = valuesOf(term)
      for (let row = 0; row < rowCount; row++) values[row * width + k]! += term.weight * own[row]!
    }
  const { intercept, coefficients } = await poissonRegression(
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
  return scoreOf({ name, columns }, intercept, coefficients)
}

function scoreOf({ name, columns }: Candidate, intercept: number, coefficients: number[]): Score {
  const terms = columns.flatMap((column, k) =>
    column.map((term) => ({ ...term, weight: term.weight * (coefficients[k] ?? 0) })),
  )
  return {
    name,
    terms: [
      { feature: 'constant', weight: intercept },
      ...terms.filter(({ weight }) => weight !== 0),
    ],
    calibration: [],
  }
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
 * The score with the level by which it foresees as many users as acted, also on queries on which nobody did, and how
 * many interactions it foresees: Poisson regressions of what happened over what the score says, on the features of the
 * query alone. No user moves within one.
 */
async function levelled(
  kernel: Kernel,
  score: Score,
  { examples, stands }: Awaited<ReturnType<typeof levelExamples>>,
  fitted: Fitted,
  signal: AbortSignal,
): Promise<Score> {
  const { asked, query, weights, targets, interactions } = examples
  const logs = logScores(score, examples, fitted)
  const level = await overSaid(
    kernel,
    { of: query.map((n) => asked[n]!), target: 'any', targets },
    weights.map((weight, row) => weight * stands[query[row]!]!),
    logs,
    signal,
  )
  const sums = asked.map(() => 0)
  for (const [row, n] of query.entries())
    sums[n]! += weights[row]! * Math.exp(logs[row]! + queryValue(level, asked[n]!))
  const calibration = await overSaid(
    kernel,
    { of: asked, target: 'count', targets: interactions },
    stands,
    sums.map((sum) => Math.log(Math.max(saidMin, sum))),
    signal,
  )
  return { ...withLevel(score, level), calibration }
}

/** What targets are over what is said of them, as a function of the query's features: a Poisson regression. */
async function overSaid(
  kernel: Kernel,
  { of, target, targets }: { of: Asked[]; target: Rows['target']; targets: number[] },
  weights: ArrayLike<number>,
  logSaid: ArrayLike<number>,
  signal: AbortSignal,
): Promise<QueryTerm[]> {
  const width = queryFeatures.length
  const values = of.flatMap(({ features }) => queryFeatures.map((feature) => features[feature]))
  const rows: Rows = {
    ...{ width, target, values: Float32Array.from(values), targets: Float32Array.from(targets) },
    weights: Float32Array.from(weights),
    offsets: Float64Array.from(logSaid),
  }
  const { intercept, coefficients } = await poissonRegression(kernel, rows, levelRidge, signal)
  return [
    { feature: 'constant', weight: intercept },
    ...queryFeatures.map((feature, k) => ({ feature, weight: coefficients[k]! })),
  ]
}

function withLevel(score: Score, level: QueryTerm[]): Score {
  const others = score.terms.filter(
    ({ feature }) => !level.some((term) => term.feature === feature),
  )
  const sums = level.map((term) => {
    const own = score.terms.filter(({ feature }) => feature === term.feature)
    return { ...term, weight: own.reduce((sum, { weight }) => sum + weight, term.weight) }
  })
  return { ...score, terms: [...sums, ...others] }
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
