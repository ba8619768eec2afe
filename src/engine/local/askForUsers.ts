import { sharedInts } from './arrays.ts'
import { type Asked, featuresOf, neighbourhood } from './asked.ts'
import { type AlsSettings, leastSquares, ridges } from './factorise.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import { solveSymmetric } from './poisson.ts'

/**
 * Queries for users who are like given ones: as if these, and nobody else, had acted on an item of their own. Its factor
 * vector is the one that a half sweep of iALS would give it, its neighbourhood that of its ridge regression.
 */
export async function askForUsers(
  kernel: Kernel,
  fitted: Fitted,
  als: AlsSettings,
  queries: { users: Uint32Array }[],
  signal: AbortSignal,
): Promise<Asked[]> {
  if (queries.length === 0) return []
  const lists = queries.map(({ users }) => users.toSorted())
  const gram = await kernel.gram(fitted.users, signal)
  const neighbours = await neighboursOf(kernel, fitted, lists, signal)
  return lists.map((users, n) => ({
    rows: factorsOf(fitted, als, gram, users),
    near: neighbours[n]!,
    owned: new Uint32Array(0),
    traits: { columns: new Uint32Array(0), weights: new Float32Array(0) },
    features: featuresOf({ users: users.length, volume: users.length }),
    shares: { own: 1 / fitted.pairs.byItem.rowCount, ownRecent: 1 / fitted.pairs.byItem.rowCount },
  }))
}

/** y of A y = sum of x over the users, A of the least squares of an item that they act on. */
function factorsOf(
  { users, pairs }: Fitted,
  als: AlsSettings,
  gram: Float64Array,
  list: Uint32Array,
): Float32Array {
  const { values, width } = users
  const sum = new Float64Array(width)
  for (const user of list) for (let k = 0; k < width; k++) sum[k]! += values[user * width + k]!
  const options = ridges(pairs.byUser, als, pairs.byItem.columnCount)
  return Float32Array.from(solveSymmetric(leastSquares(users, gram, list, options), sum))
}

/** The lists of users as further rows of the pairs by item, whose neighbourhoods are asked for. */
async function neighboursOf(
  kernel: Kernel,
  { pairs: { byUser, byItem } }: Fitted,
  lists: Uint32Array[],
  signal: AbortSignal,
) {
  const { rowCount } = byItem
  const own = byItem.starts[rowCount]!
  const size = lists.reduce((sum, list) => sum + list.length, own)
  const starts = sharedInts(rowCount + lists.length + 1)
  const columns = sharedInts(size)
  starts.set(byItem.starts)
  columns.set(byItem.columns.subarray(0, own))
  for (const [n, list] of lists.entries()) {
    columns.set(list, starts[rowCount + n])
    starts[rowCount + n + 1] = starts[rowCount + n]! + list.length
  }
  const extended = { ...byItem, rowCount: rowCount + lists.length, starts, columns }
  const items = Uint32Array.from(lists, (_, n) => rowCount + n)
  const pairs = { byUser: { ...byUser, columnCount: extended.rowCount }, byItem: extended }
  const found = await kernel.neighbourRidge(pairs, items, neighbourhood, signal)
  return found.map(({ items: near, weights }) => ({ columns: near, weights }))
}
