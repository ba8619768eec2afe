import type { ScoreForm } from '../engine.ts'
import { type Factors, type Pairs, withMemory } from './arrays.ts'
import type { UserWeights } from './forms.ts'
import type { Kernel } from './kernel.ts'
import { onePercent, type SegmentMetrics, segmentMetrics } from './metrics.ts'
import { random, sample } from './random.ts'

export const scoreForms: ScoreForm[] = ['s', 's*sqrt(a)', 's*a', 's*a/z']

/** Sets of items with the users who acted on one of them in held-out events. */
export type TestQueries = { items: Uint32Array; actual: Uint32Array }[]

const queriesMax = 1500
const attributeQueriesMax = 300
/** Bound on dot products of one evaluation over attribute values. */
const attributeDotsMax = 150_000_000
const normaliserItems = 500

/** z: every user's sum of max(0, x.y) over 500 seeded random items. */
export async function normaliserOf(
  kernel: Kernel,
  users: Factors,
  items: Factors,
  seed: number,
  signal: AbortSignal,
): Promise<Float32Array> {
  const chosen = sample(items.rowCount, normaliserItems, random(seed, 1))
  return kernel.score(users, items, [{ items: chosen }], signal)
}

/** Up to 1,500 seeded random items that training knows and somebody acted on in the held-out pairs. */
export function itemQueries(train: Pairs, test: Pairs, seed: number): TestQueries {
  const items: number[] = []
  for (let item = 0; item < test.rowCount; item++) {
    const known = train.starts[item + 1]! > train.starts[item]!
    if (known && test.starts[item + 1]! > test.starts[item]!) items.push(item)
  }
  const chosen = sample(items.length, queriesMax, random(seed, 2))
  return Array.from(chosen, (at) => {
    const item = items[at]!
    const actual = test.columns.slice(test.starts[item]!, test.starts[item + 1]!)
    return { items: Uint32Array.of(item), actual }
  })
}

/** Up to 300 seeded random attribute values, fewer where many users times many items would take too long. */
export function attributeQueries(
  sets: Uint32Array[],
  train: Pairs,
  test: Pairs,
  seed: number,
): TestQueries {
  const order = random(seed, 3)
  const keyed = sets.map((items) => ({ items, key: order.uniform() }))
  keyed.sort((a, b) => a.key - b.key)
  const queries: TestQueries = []
  let dots = 0
  for (const { items } of keyed) {
    if (!items.some((item) => train.starts[item + 1]! > train.starts[item]!)) continue
    const actual = usersOf(items, test)
    // A value that every user acted on says nothing about who does.
    if (actual.length === 0 || actual.length === train.columnCount) continue
    dots += items.length * train.columnCount
    if (queries.length >= attributeQueriesMax) break
    if (queries.length >= 10 && dots > attributeDotsMax) break
    queries.push({ items, actual })
  }
  return queries
}

/** Metrics of each form on the queries. */
export async function evaluate(
  kernel: Kernel,
  factors: { users: Factors; items: Factors },
  weights: UserWeights,
  queries: TestQueries,
  forms: ScoreForm[],
  signal: AbortSignal,
): Promise<SegmentMetrics[]> {
  const userCount = factors.users.rowCount
  const formWeights: (Float32Array | undefined)[] = []
  for (const form of forms) formWeights.push(await kernel.formWeights(form, weights, signal))
  const options = {
    ...{ ...factors, queries, resultCount: onePercent(userCount) },
    forms: formWeights,
    masks: queries.map(() => undefined),
  }
  return withMemory(async () => {
    const lists = await kernel.topUsers(options, signal)
    const actual = queries.map((query) => query.actual)
    const metrics: SegmentMetrics[] = []
    for (const top of lists) metrics.push(await segmentMetrics(top, actual, userCount))
    return metrics
  })
}

function usersOf(items: Uint32Array, test: Pairs): Uint32Array {
  const users = new Set<number>()
  for (const item of items) {
    for (let at = test.starts[item]!; at < test.starts[item + 1]!; at++)
      users.add(test.columns[at]!)
  }
  return Uint32Array.from(users)
}
