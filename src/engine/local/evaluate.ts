import { type Factors, type Pairs, withMemory } from './arrays.ts'
import type { Kernel } from './kernel.ts'
import { countOf, type Mask } from './masks.ts'
import { onePercent, segmentMetrics } from './metrics.ts'
import { random, sample } from './random.ts'

/** Sets of items with the users who acted on one of them in held-out events. */
export type TestQueries = { items: Uint32Array; actual: Uint32Array }[]

const queriesMax = 1500
const attributeQueriesMax = 300
/** Bound on dot products of one evaluation over attribute values. */
const attributeDotsMax = 150_000_000
const normaliserItems = 500
/** Sets that are learned from: evidence of large ones costs much. Lines name as many items at most. */
const setCount = 50
const setSizeMax = 1000

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

/** Up to 1,500 seeded random items that training knows and somebody acted on in the held-out pairs; `sets` are all that it knows. */
export function itemQueries(train: Pairs, test: Pairs, seed: number) {
  const items: number[] = []
  const sets: Uint32Array[] = []
  for (let item = 0; item < test.rowCount; item++) {
    if (train.starts[item + 1] === train.starts[item]) continue
    sets.push(Uint32Array.of(item))
    if (test.starts[item + 1]! > test.starts[item]!) items.push(item)
  }
  const chosen = sample(items.length, queriesMax, random(seed, 2))
  const queries: TestQueries = Array.from(chosen, (at) => {
    const item = items[at]!
    const actual = test.columns.slice(test.starts[item]!, test.starts[item + 1]!)
    return { items: Uint32Array.of(item), actual }
  })
  return { queries, sets }
}

/**
 * Up to 300 seeded random sets of the items that training knows, fewer where many users times many items would take too
 * long; `sets` are all of them.
 */
export function attributeQueries(all: Uint32Array[], train: Pairs, test: Pairs, seed: number) {
  const sets = all
    .map((items) => items.filter((item) => train.starts[item + 1]! > train.starts[item]!))
    .filter(({ length }) => length > 0)
  const order = random(seed, 3)
  const keyed = sets.map((items) => ({ items, key: order() }))
  keyed.sort((a, b) => a.key - b.key)
  const queries: TestQueries = []
  let dots = 0
  for (const { items } of keyed) {
    const actual = usersOf(items, test)
    // A value that every user acted on says nothing about who does.
    if (actual.length === 0 || actual.length === train.columnCount) continue
    dots += items.length * train.columnCount
    if (queries.length >= attributeQueriesMax) break
    if (queries.length >= 10 && dots > attributeDotsMax) break
    queries.push({ items, actual })
  }
  return { queries, sets }
}

/** Seeded random sets of 2 to 1,000 items, of all orders of size alike. */
export function randomSets(itemCount: number, seed: number): Uint32Array[] {
  const draw = random(seed, 4)
  const sizeMax = Math.min(setSizeMax, itemCount)
  return Array.from({ length: sizeMax < 2 ? 0 : setCount }, () => {
    const size = Math.round(2 * (sizeMax / 2) ** draw())
    return sample(itemCount, size, draw)
  })
}

/** Recall of affinities times each of the users' weights, among the users whose bit is set. */
export async function evaluateAffinity(
  kernel: Kernel,
  factors: { users: Factors; items: Factors },
  forms: (Float32Array | undefined)[],
  queries: TestQueries,
  mask: Mask | undefined,
  signal: AbortSignal,
): Promise<number[]> {
  const userCount = mask ? countOf(mask) : factors.users.rowCount
  const options = {
    ...{ ...factors, queries, forms, resultCount: onePercent(userCount) },
    masks: queries.map(() => mask),
  }
  return withMemory(async () => {
    const lists = await kernel.topUsers(options, signal)
    const actual = queries.map((query) => query.actual)
    const recalls: number[] = []
    const { rowCount } = factors.users
    for (const top of lists)
      recalls.push((await segmentMetrics(top, actual, userCount, rowCount)).recall)
    return recalls
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
