import { sharedInts } from './arrays.ts'
import { type Asked, neighbourhood } from './asked.ts'
import { type AlsSettings, ridges } from './factorise.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import { solveSymmetric } from './poisson.ts'

/** Of more users, so many evenly spread ones stand for all. */
const usersMax = 20_000

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
  const lists = queries.map(({ users }) => spread(users))
  const gram = await kernel.gram(fitted.users, signal)
  const neighbours = await neighboursOf(kernel, fitted, lists, signal)
  return lists.map((users, n) => ({
    rows: factorsOf(fitted, als, gram, users),
    near: neighbours[n]!,
    owned: new Uint32Array(0),
    traits: { columns: new Uint32Array(0), weights: new Float32Array(0) },
    features: { users: Math.log1p(users.length), volume: Math.log(users.length + 0.1) },
    shares: { own: 1 / fitted.pairs.byItem.rowCount, ownRecent: 1 / fitted.pairs.byItem.rowCount },
  }))
}

function spread(users: Uint32Array): Uint32Array {
  const sorted = users.toSorted()
  if (sorted.length <= usersMax) return sorted
  const step = sorted.length / usersMax
  return Uint32Array.from({ length: usersMax }, (_, n) => sorted[Math.floor(n * step)]!)
}

/** y of (alpha0 X^T X + ridge I + sum of x x^T) y = sum of x over the users. */
function factorsOf(
  { users: { values, width }, pairs }: Fitted,
  als: AlsSettings,
  gram: Float64Array,
  users: Uint32Array,
): Float32Array {
  const { ridge, ridgePerPair } = ridges(pairs.byUser, als, pairs.byItem.columnCount)
  const a = gram.map((value) => als.alpha0 * value)
  const b = new Float64Array(width)
  for (let k = 0; k < width; k++) a[k * width + k]! += ridge + ridgePerPair * users.length
  for (const user of users) {
    const x = values.subarray(user * width, (user + 1) * width)
    for (let i = 0; i < width; i++) {
      b[i]! += x[i]!
      for (let k = 0; k <= i; k++) a[i * width + k]! += x[i]! * x[k]!
    }
  }
  return Float32Array.from(solveSymmetric(a, b))
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

/** A mask without these users. */
export function maskWithout(
  users: Uint32Array,
  mask: Uint8Array | undefined,
  userCount: number,
): Uint8Array {
  const without = mask?.slice() ?? new Uint8Array(Math.ceil(userCount / 8)).fill(255)
  for (const user of users) without[user >>> 3]! &= ~(1 << (user & 7))
  return without
}
