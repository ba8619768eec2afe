import { slices } from '../slices.ts'

/** How the expected interactions of some users are spread. */
export type Spread = {
  userCount: number
  /** Users by their expected interactions: `binCount` steps of the same ratio; the first begins at 0. */
  histogram: { lower: number; upper: number; users: number }[]
  /** What the first users are expected to do, and how many times what as many average users do. */
  liftCurve: { percent: number; users: number; expectedHits: number; lift: number }[]
}

const binCount = 20
const percents = [1, 2, 5, 10, 20, 50, 100]
/** The histogram's steps end here: below this share of the largest value, users are as good as at 0. */
const shareMin = 1e-6

/** The lowest bits of a float32 do not tell its cell: 0 and positive numbers fall into 2^18, each 1/1024 wide. */
const cellShift = 13

/** Of the users whose bit is set in the mask (bit u&7 of byte u>>3), all when undefined. */
export async function spreadOf(
  expected: Float32Array,
  mask: Uint8Array | undefined,
): Promise<Spread> {
  const cells = await cellsOf(expected, mask)
  if (cells.userCount === 0) return { userCount: 0, histogram: [], liftCurve: [] }
  return {
    userCount: cells.userCount,
    histogram: await histogramOf(expected, mask, cells),
    liftCurve: liftCurveOf(cells),
  }
}

/** The user's place among the users of the mask, 1 for the best, ties by index; undefined where it is not one of them. */
export async function rankOf(
  expected: Float32Array,
  mask: Uint8Array | undefined,
  user: number,
): Promise<{ rank: number | undefined; userCount: number }> {
  const own = expected[user]!
  let userCount = 0
  let before = 0
  for await (const { from, to } of slices(expected.length))
    for (let u = from; u < to; u++) {
      if (!allowed(mask, u)) continue
      userCount++
      if (expected[u]! > own || (expected[u] === own && u < user)) before++
    }
  return { rank: allowed(mask, user) ? before + 1 : undefined, userCount }
}

/** Whether the mask, if there is one, has the user's bit (bit u&7 of byte u>>3). */
export const allowed = (mask: Uint8Array | undefined, user: number) =>
  mask === undefined || ((mask[user >>> 3]! >>> (user & 7)) & 1) === 1

/** Users counted and summed by the leading bits of their value, whose order is that of the values. */
type Cells = {
  userCount: number
  counts: Uint32Array
  sums: Float64Array
  total: number
  smallest: number
  largest: number
}

async function cellsOf(expected: Float32Array, mask: Uint8Array | undefined): Promise<Cells> {
  const bits = new Uint32Array(expected.buffer, expected.byteOffset, expected.length)
  const size = 2 ** (31 - cellShift)
  const counts = new Uint32Array(size)
  const sums = new Float64Array(size)
  let [userCount, total, smallest, largest] = [0, 0, Number.POSITIVE_INFINITY, 0]
  for await (const { from, to } of slices(expected.length))
    for (let u = from; u < to; u++) {
      if (!allowed(mask, u)) continue
      const value = expected[u]!
      const cell = value > 0 ? bits[u]! >>> cellShift : 0
      counts[cell]!++
      sums[cell]! += value
      userCount++
      total += value
      if (value > 0 && value < smallest) smallest = value
      if (value > largest) largest = value
    }
  return { userCount, counts, sums, total, smallest, largest }
}

async function histogramOf(
  expected: Float32Array,
  mask: Uint8Array | undefined,
  { userCount, smallest, largest }: Cells,
): Promise<Spread['histogram']> {
  if (smallest >= largest) return [{ lower: 0, upper: largest, users: userCount }]
  const least = Math.max(smallest, largest * shareMin)
  const step = Math.log(largest / least) / binCount
  const users = new Array<number>(binCount).fill(0)
  for await (const { from, to } of slices(expected.length))
    for (let u = from; u < to; u++) {
      if (!allowed(mask, u)) continue
      const value = expected[u]!
      const bin = value > least ? Math.floor(Math.log(value / least) / step) : 0
      users[Math.min(bin, binCount - 1)]!++
    }
  const edge = (bin: number) => least * Math.exp(step * bin)
  return users.map((count, bin) => ({
    lower: bin === 0 ? 0 : edge(bin),
    upper: bin === binCount - 1 ? largest : edge(bin + 1),
    users: count,
  }))
}

/** Where the first users end within a cell, its users count with their mean. */
function liftCurveOf({ userCount, counts, sums, total }: Cells): Spread['liftCurve'] {
  let cell = counts.length
  let users = 0
  let hits = 0
  return percents.map((percent) => {
    const wanted = Math.max(1, Math.round((percent / 100) * userCount))
    while (cell > 0 && users + counts[cell - 1]! <= wanted) {
      cell--
      users += counts[cell]!
      hits += sums[cell]!
    }
    const rest = wanted - users
    const expectedHits = rest > 0 ? hits + (rest * sums[cell - 1]!) / counts[cell - 1]! : hits
    const average = (total * wanted) / userCount
    return { percent, users: wanted, expectedHits, lift: total > 0 ? expectedHits / average : 1 }
  })
}
