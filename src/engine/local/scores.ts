import { notFinite } from './als.ts'

/** Users scored at once: their factors stay in the second-level cache while all queries pass. */
const tileUsers = 256

/** Queries: query q has the item factors queryStarts[q]..queryStarts[q + 1]) of `rows`. */
export type QueryArgs = {
  users: Float32Array
  userCount: number
  width: number
  rows: Float32Array
  queryStarts: Uint32Array
}

export type ScoreArgs = QueryArgs & {
  /** Boundaries of the blocks of users. */
  blocks: Uint32Array
  /** Result: queries x users. */
  out: Float32Array
}

/** Affinity of one block of users to every query. */
export function scoreUsers(args: ScoreArgs, block: number): void {
  const from = args.blocks[block]!
  const count = args.blocks[block + 1]! - from
  const queryCount = args.queryStarts.length - 1
  const scores = new Float32Array(queryCount * count)
  affinities(args, { from, count }, { from: 0, count: queryCount }, scores)
  for (let query = 0; query < queryCount; query++) {
    const own = scores.subarray(query * count, (query + 1) * count)
    args.out.set(own, query * args.userCount + from)
  }
}

/**
 * out = affinities of some users to some queries, queries x users: x.y for a query of a single item, the sum of
 * max(0, x.y) for several or none.
 */
export function affinities(
  args: QueryArgs,
  users: { from: number; count: number },
  queries: { from: number; count: number },
  out: Float32Array,
): void {
  const { width, users: values } = args
  const { rows, rowQueries, isSet } = gather(args, queries)
  const sums = scratchOf(queries.count * tileUsers)
  for (let first = 0; first < users.count; first += tileUsers) {
    const count = Math.min(tileUsers, users.count - first)
    sums.fill(0, 0, queries.count * tileUsers)
    for (let row = 0; row < rowQueries.length; row += 4) {
      for (let u = 0; u < count; u += 2) {
        // NOTE: an odd block's last user is scored twice, which saves a second loop.
        const second = u + 1 < count ? u + 1 : u
        const x = (users.from + first + u) * width
        const y = (users.from + first + second) * width
        scoreTile(values, x, y, rows, row * width, width)
        for (let k = 0; k < 4 && row + k < rowQueries.length; k++) {
          const query = rowQueries[row + k]!
          const at = query * tileUsers
          const a = tile[k]!
          const b = tile[k + 4]!
          sums[at + u]! += isSet[query] && a < 0 ? 0 : a
          if (second !== u) sums[at + second]! += isSet[query] && b < 0 ? 0 : b
        }
      }
    }
    for (let query = 0; query < queries.count; query++) {
      const to = query * users.count + first
      for (let u = 0; u < count; u++) {
        const sum = sums[query * tileUsers + u]!
        if (!Number.isFinite(sum)) throw new Error(notFinite)
        out[to + u] = sum
      }
    }
  }
}

/** The queries' rows in float64, padded to a multiple of four, the query of each, and which queries are sets. */
function gather(args: QueryArgs, { from, count }: { from: number; count: number }) {
  const { queryStarts, width } = args
  const firstRow = queryStarts[from]!
  const rowCount = queryStarts[from + count]! - firstRow
  const rows = new Float64Array(Math.ceil(rowCount / 4) * 4 * width)
  rows.set(args.rows.subarray(firstRow * width, (firstRow + rowCount) * width))
  const rowQueries = new Uint32Array(rowCount)
  const isSet: boolean[] = []
  for (let query = 0; query < count; query++) {
    const [begin, end] = [queryStarts[from + query]!, queryStarts[from + query + 1]!]
    rowQueries.fill(query, begin - firstRow, end - firstRow)
    isSet.push(end - begin > 1)
  }
  return { rows, rowQueries, isSet }
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
