import { initBlockRows, solveBlockRows } from './als.ts'
import {
  emptyFactors,
  type Factors,
  type Pairs,
  sharedFloats32,
  sharedFloats64,
  sharedInts,
} from './arrays.ts'
import { rotateBlockRows } from './axes.ts'
import { gramBlockCount, gramSum } from './gram.ts'
import { scoreBlockUsers } from './scores.ts'
import type { Threads } from './threads.ts'

/** Queries that are answered together: items of each, as indexes into the item factors. */
export type QueryRows = { items: Uint32Array }[]

export type SolveOptions = { alpha0: number; lambda: number; steps: number | undefined }

export type TopUsersOptions = {
  scores: Float32Array
  userCount: number
  weights: Float32Array | undefined
  masks: (Uint8Array | undefined)[]
  resultCount: number
}

/**
 * The heavy loops behind coarse verbs, shared arrays in and out; the seam where native code takes over.
 * Every result is the same bits for any number of threads. All reject with `signal.reason` when aborted.
 */
export type Kernel = {
  /** Different (user, item) pairs of the events begins[k]..ends[k] of each listed user, by user and by item. */
  pairs(events: EventRanges, signal: AbortSignal): Promise<{ byUser: Pairs; byItem: Pairs }>
  /** Factors drawn from N(0, deviation). */
  init(
    rowCount: number,
    factorCount: number,
    deviation: number,
    seed: number,
    signal: AbortSignal,
  ): Promise<Factors>
  /**
   * One half sweep of ALS: solves `rows` in place, the other side fixed. Both are first turned into the fixed side's
   * principal axes, which changes no x.y.
   */
  solve(
    pairs: Pairs,
    rows: Factors,
    fixed: Factors,
    options: SolveOptions,
    signal: AbortSignal,
  ): Promise<void>
  /** Affinities, queries x users: x.y for a single item, the sum of max(0, x.y) for a set. */
  score(
    users: Factors,
    items: Factors,
    queries: QueryRows,
    signal: AbortSignal,
    onFinished?: (users: number) => void,
  ): Promise<Float32Array>
  /** The best users of each query, best first, ties by index. */
  topUsers(options: TopUsersOptions, signal: AbortSignal): Promise<Uint32Array[]>
}

export type EventRanges = {
  eventItems: Uint32Array
  eventWeights: Float32Array | undefined
  begins: Uint32Array
  ends: Uint32Array
  itemCount: number
}

/** The kernel in TypeScript on worker threads. */
export function threadKernel(threads: Threads): Kernel {
  return {
    async pairs(events, signal) {
      const userCount = events.begins.length
      let size = 0
      for (let k = 0; k < userCount; k++) size += events.ends[k]! - events.begins[k]!
      const matrix = (rowCount: number, columnCount: number): Pairs => ({
        rowCount,
        columnCount,
        starts: sharedInts(rowCount + 1),
        columns: sharedInts(size),
        weights: sharedFloats32(size),
      })
      const byUser = matrix(userCount, events.itemCount)
      const byItem = matrix(events.itemCount, userCount)
      const { starts, columns, weights } = byUser
      const args = {
        ...events,
        ...{ starts, columns, weights },
        itemStarts: byItem.starts,
        itemColumns: byItem.columns,
        itemWeights: byItem.weights,
      }
      await threads.run('pairsOfEvents', args, 1, signal)
      return { byUser, byItem }
    },

    async init(rowCount, factorCount, deviation, seed, signal) {
      const factors = emptyFactors(rowCount, factorCount)
      const blocks = Math.ceil(rowCount / initBlockRows)
      await threads.run('initRows', { factors, deviation, seed }, blocks, signal)
      return factors
    },

    async solve(pairs, rows, fixed, options, signal) {
      const axes = await gramOf(threads, fixed, signal)
      const gram = sharedFloats64(fixed.width)
      await threads.run('principalAxes', { gram: axes, lengths: gram }, 1, signal)
      const rotateBlocks = Math.ceil(fixed.rowCount / rotateBlockRows)
      await threads.run('rotateRows', { factors: fixed, axes }, rotateBlocks, signal)
      const args = { pairs, rows, fixed, axes, gram, ...options }
      await threads.run('solveRows', args, Math.ceil(rows.rowCount / solveBlockRows), signal)
    },

    async score(users, items, queries, signal, onFinished) {
      const out = sharedFloats32(queries.length * users.rowCount)
      const args = { users, ...gatherRows(items, queries), out }
      const blocks = Math.ceil(users.rowCount / scoreBlockUsers)
      await threads.run('scoreUsers', args, blocks, signal, (finished) =>
        onFinished?.(Math.min(finished * scoreBlockUsers, users.rowCount)),
      )
      return out
    },

    async topUsers(options, signal) {
      const queryCount = options.masks.length
      const resultCount = Math.min(options.resultCount, options.userCount)
      const out = sharedInts(queryCount * resultCount)
      const counts = sharedInts(queryCount)
      await threads.run('topUsers', { ...options, resultCount, out, counts }, queryCount, signal)
      return Array.from(counts, (count, query) =>
        out.slice(query * resultCount, query * resultCount + count),
      )
    },
  }
}

async function gramOf(
  threads: Threads,
  factors: Factors,
  signal: AbortSignal,
): Promise<Float64Array> {
  const size = factors.width * factors.width
  const blockRows = Math.max(64, Math.ceil(factors.rowCount / gramBlockCount))
  const blocks = Math.ceil(factors.rowCount / blockRows)
  const partial = sharedFloats64(blocks * size)
  await threads.run('gramBlock', { factors, blockRows, partial }, blocks, signal)
  const gram = sharedFloats64(size)
  gramSum(partial, factors.width, gram)
  return gram
}

function gatherRows({ values, width }: Factors, queries: QueryRows) {
  const querySizes = Uint32Array.from(queries, (query) => query.items.length)
  const rowCount = querySizes.reduce((sum, size) => sum + size, 0)
  const rows = sharedFloats64(Math.ceil(rowCount / 4) * 4 * width)
  const rowQueries = sharedInts(rowCount)
  let row = 0
  queries.forEach(({ items }, query) => {
    for (const item of items) {
      rows.set(values.subarray(item * width, (item + 1) * width), row * width)
      rowQueries[row++] = query
    }
  })
  return { rows, rowQueries, querySizes }
}
