import type { Factors } from './arrays.ts'

/** Users scored by one block of work: their factors stay in the second-level cache while all queries pass. */
export const scoreBlockUsers = 256

export type ScoreArgs = {
  users: Factors
  /** Factors of the queried items in float64, padded with zero rows to a multiple of four. */
  rows: Float64Array
  /** The query that each row belongs to, ascending; the padding rows belong to none and come last. */
  rowQueries: Uint32Array
  /** Row counts of the queries. A query of several rows adds up max(0, x.y); one of a single row keeps x.y. */
  querySizes: Uint32Array
  /** Result: queries x users. */
  out: Float32Array
}

/** Affinity of one block of users to every query. */
export function scoreUsers(args: ScoreArgs, block: number): void {
  const { users, rows, rowQueries, querySizes, out } = args
  const { values, width, rowCount: userCount } = users
  const first = block * scoreBlockUsers
  const count = Math.min(scoreBlockUsers, userCount - first)
  const sums = scratchOf(querySizes.length * scoreBlockUsers)
  sums.fill(0, 0, querySizes.length * scoreBlockUsers)
  for (let row = 0; row < rowQueries.length; row += 4) {
    for (let u = 0; u < count; u += 2) {
      // NOTE: an odd block's last user is scored twice, which saves a second loop.
      const second = u + 1 < count ? u + 1 : u
      scoreTile(values, (first + u) * width, (first + second) * width, rows, row * width, width)
      for (let k = 0; k < 4 && row + k < rowQueries.length; k++) {
        const query = rowQueries[row + k]!
        const set = querySizes[query]! > 1
        const at = query * scoreBlockUsers
        const a = tile[k]!
        const b = tile[k + 4]!
        sums[at + u]! += set && a < 0 ? 0 : a
        if (second !== u) sums[at + second]! += set && b < 0 ? 0 : b
      }
    }
  }
  for (let query = 0; query < querySizes.length; query++) {
    for (let u = 0; u < count; u++) {
      out[query * userCount + first + u] = sums[query * scoreBlockUsers + u]!
    }
  }
}

/** Eight dot products: four rows with two users. */
const tile = new Float64Array(8)

function scoreTile(
  values: Float32Array,
  x: number,
  y: number,
  rows: Float64Array,
  at: number,
  width: number,
): void {
  const at1 = at + width
  const at2 = at1 + width
  const at3 = at2 + width
  let a0 = 0
  let a1 = 0
  let a2 = 0
  let a3 = 0
  let b0 = 0
  let b1 = 0
  let b2 = 0
  let b3 = 0
  for (let k = 0; k < width; k++) {
    const a = values[x + k]!
    const b = values[y + k]!
    const r0 = rows[at + k]!
    const r1 = rows[at1 + k]!
    const r2 = rows[at2 + k]!
    const r3 = rows[at3 + k]!
    a0 += a * r0
    b0 += b * r0
    a1 += a * r1
    b1 += b * r1
    a2 += a * r2
    b2 += b * r2
    a3 += a * r3
    b3 += b * r3
  }
  tile[0] = a0
  tile[1] = a1
  tile[2] = a2
  tile[3] = a3
  tile[4] = b0
  tile[5] = b1
  tile[6] = b2
  tile[7] = b3
}

let kept = new Float64Array(0)

function scratchOf(size: number): Float64Array {
  if (kept.length < size) kept = new Float64Array(size)
  return kept
}
