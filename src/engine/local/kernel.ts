import type { InitArgs, SolveArgs } from './als.ts'
import {
  emptyFactors,
  evenBlocks,
  type Factors,
  type Pairs,
  pairBlocks,
  queryBlocks,
  sharedFloats32,
  sharedFloats64,
  sharedInts,
} from './arrays.ts'
import { gramBlockCount, gramSum } from './gram.ts'
import { joinIds } from './ids.ts'
import { sharedMask } from './masks.ts'
import type { Threads } from './threads.ts'
import type { VerbArgs } from './verbs.ts'

/** Queries that are answered together: items of each, as indexes into the item factors. */
export type QueryRows = { items: Uint32Array }[]

/** Both sides of the events: one row per user, and the same pairs with one row per item. */
export type BothPairs = { byUser: Pairs; byItem: Pairs }

export type SolveOptions = Pick<SolveArgs, 'alpha0' | 'ridge' | 'ridgePerPair' | 'steps'>

export type TopUsersOptions = {
  users: Factors
  items: Factors
  queries: QueryRows
  /** Each form's positive factor per user by which positive affinities are multiplied; undefined: 1. */
  forms: (Float32Array | undefined)[]
  /** Allowed users of each query as bits (bit u&7 of byte u>>3), undefined: everybody. */
  masks: (Uint8Array | undefined)[]
  resultCount: number
}

/** Ids as JSON texts, a line each, where each line begins (one element more than lines), bytes of the longest. */
export type IdLines = { lines: Uint8Array; offsets: Uint32Array; longest: number }

export type EventRanges = {
  eventItems: Uint32Array
  eventWeights: Float32Array | undefined
  begins: Uint32Array
  ends: Uint32Array
  itemCount: number
}

/**
 * The heavy loops behind coarse verbs, shared arrays in and out, on worker threads and in whichever code these run:
 * the native kernel or its TypeScript twin. Every result is the same bits for any number of threads. All reject with
 * `signal.reason` when aborted, and with an error when an argument is out of range or not finite. An abort takes 50 ms
 * at most, but for lists of millions of users, which are cut at once, and in the twins, which end their block.
 */
export type Kernel = {
  /** Threads that blocks of work are for. */
  threadCount: number
  /** Runs a verb that needs nothing around it. */
  run: Threads['run']
  /** Different (user, item) pairs of the events begins[k]..ends[k] of each listed user, by user and by item. */
  pairs(events: EventRanges, signal: AbortSignal): Promise<BothPairs>
  /** Uniform factors of mean 0 and this deviation. */
  init(
    rowCount: number,
    factorCount: number,
    deviation: number,
    seed: number,
    signal: AbortSignal,
  ): Promise<Factors>
  /**
   * One half sweep of alternating least squares: solves `rows` in place, the other side fixed; the other half has the
   * sides swapped. Both are first turned into the fixed side's principal axes, which changes no x.y.
   */
  alsSweep(
    pairs: Pairs,
    rows: Factors,
    fixed: Factors,
    options: SolveOptions,
    signal: AbortSignal,
  ): Promise<void>
  /** X^T X, width x width. */
  gram(factors: Factors, signal: AbortSignal): Promise<Float64Array>
  /** Affinities, queries x users: x.y for a single item, the sum of max(0, x.y) for a set. */
  score(
    users: Factors,
    items: Factors,
    queries: QueryRows,
    signal: AbortSignal,
  ): Promise<Float32Array>
  /** The best users of each query under each form, best first, ties by index: lists[form][query]. */
  topUsers(
    options: TopUsersOptions,
    signal: AbortSignal,
    onFinished?: (share: number) => void,
  ): Promise<Uint32Array[][]>
  /** For each of `items` the counts of users who have both it and each item: asked items x items. */
  cooccurrence(pairs: BothPairs, items: Uint32Array, signal: AbortSignal): Promise<Uint32Array>
  /** The nearest items of each of `items` and their weights in a ridge regression (`neighbours.ts`). */
  neighbourRidge(
    pairs: BothPairs,
    items: Uint32Array,
    options: { neighbourCount: number; lambda: number; steps: number },
    signal: AbortSignal,
  ): Promise<{ items: Uint32Array; weights: Float32Array }[]>
  /** Finds the `count` lines. */
  idLines(lines: Uint8Array, count: number, signal: AbortSignal): Promise<IdLines>
  /** The ids of `users` as JSON, commas between, at the start of `out`, which has room for as many longest lines. */
  joinIds(
    ids: IdLines,
    users: Uint32Array,
    out: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array>
}

/** A block of rows of factors, drawn or turned. */
const factorBlockRows = 1024
const scoreBlockUsers = 4096
/** A block of a half sweep takes about a millisecond: long enough to be worth the call, short enough to stop. */
const solveBlockPairs = 16_384
const solveRowPairs = 8
/** Buffers of one block of queries hold at most so many bytes. */
const topBlockBytes = 128e6

/** Ids that are joined sooner than another thread is asked. */
const joinedHere = 4096

/** The kernel on these threads. */
export function threadKernel(threads: Threads, threadCount: number): Kernel {
  const run = <V extends Parameters<Threads['run']>[0]>(
    verb: V,
    args: VerbArgs<V> & { blocks: Uint32Array },
    signal: AbortSignal,
    onFinished?: (blocks: number) => void,
  ) => threads.run(verb, args, args.blocks.length - 1, signal, onFinished)

  const gram: Kernel['gram'] = async (factors, signal) => {
    const { values, width, rowCount } = factors
    const blocks = evenBlocks(rowCount, Math.max(64, Math.ceil(rowCount / gramBlockCount)))
    const partial = sharedFloats64((blocks.length - 1) * width * width)
    await run('gramBlock', { values, width, blocks, partial }, signal)
    const sum = sharedFloats64(width * width)
    gramSum(partial, width, sum)
    return sum
  }

  return {
    threadCount,
    run: threads.run,
    gram,

    async pairs(events, signal) {
      const userCount = events.begins.length
      let size = 0
      for (let k = 0; k < userCount; k++) size += events.ends[k]! - events.begins[k]!
      const matrix = (rowCount: number, columnCount: number): Pairs => ({
        rowCount,
        columnCount,
        starts: sharedInts(rowCount + 1),
        columns: sharedInts(size),
        weights: events.eventWeights && sharedFloats32(size),
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
      const { values, width } = factors
      const blocks = evenBlocks(rowCount, factorBlockRows)
      const args: InitArgs = { values, width, factorCount, deviation, seed, blocks }
      await run('initRows', args, signal)
      return factors
    },

    async alsSweep(pairs, rows, fixed, options, signal) {
      const { width } = fixed
      const axes = await gram(fixed, signal)
      const lengths = sharedFloats64(width)
      await threads.run('principalAxes', { gram: axes, lengths }, 1, signal)
      const fixedBlocks = evenBlocks(fixed.rowCount, factorBlockRows)
      const turned = { values: fixed.values, width, axes, blocks: fixedBlocks }
      await run('rotateRows', turned, signal)
      const { starts, columns, weights } = pairs
      const args: SolveArgs = {
        ...{ starts, columns, weights, width, axes, gram: lengths, ...options },
        rows: rows.values,
        fixed: fixed.values,
        blocks: pairBlocks(pairs, solveRowPairs, solveBlockPairs),
      }
      await run('solveRows', args, signal)
    },

    async score(users, items, queries, signal) {
      const out = sharedFloats32(queries.length * users.rowCount)
      const blocks = evenBlocks(users.rowCount, scoreBlockUsers)
      await run('scoreUsers', { ...queryArgs(users, items, queries), blocks, out }, signal)
      return out
    },

    async topUsers({ users, items, queries, forms, masks, ...options }, signal, onFinished) {
      const resultCount = Math.min(options.resultCount, users.rowCount)
      const out = sharedInts(forms.length * queries.length * resultCount)
      const counts = sharedInts(forms.length * queries.length)
      const bytes = 8 * forms.length * Math.min(users.rowCount, 2 * resultCount + 4096)
      const asked = queryArgs(users, items, queries)
      const blocks = queryBlocks(asked.queryStarts, Math.floor(topBlockBytes / bytes), threadCount)
      const args = {
        ...asked,
        ...{ blocks, resultCount, out, counts },
        forms: forms.map((weights) => weights ?? null),
        masks: masks.map((mask) => sharedMask(mask) ?? null),
      }
      await run('topUsers', args, signal, (done) => onFinished?.(done / (blocks.length - 1)))
      return forms.map((_, form) =>
        queries.map((_, query) => {
          const place = form * queries.length + query
          const from = place * resultCount
          return out.subarray(from, from + counts[place]!)
        }),
      )
    },

    async cooccurrence({ byUser, byItem }, items, signal) {
      const out = sharedInts(items.length * byItem.rowCount)
      await run('cooccurrence', { ...neighbourArgs(byUser, byItem, items), out }, signal)
      return out
    },

    async neighbourRidge({ byUser, byItem }, items, options, signal) {
      const { neighbourCount } = options
      const neighbours = sharedInts(items.length * neighbourCount)
      const neighbourWeights = sharedFloats32(items.length * neighbourCount)
      const counts = sharedInts(items.length)
      const args = { ...neighbourArgs(byUser, byItem, items), ...options }
      await run('neighbourRidge', { ...args, neighbours, neighbourWeights, counts }, signal)
      return Array.from(counts, (count, n) => {
        const from = n * neighbourCount
        return {
          items: neighbours.slice(from, from + count),
          weights: neighbourWeights.slice(from, from + count),
        }
      })
    },

    async idLines(lines, count, signal) {
      const offsets = sharedInts(count + 1)
      const longest = sharedInts(1)
      await threads.run('lineStarts', { lines, offsets, longest }, 1, signal)
      return { lines, offsets, longest: longest[0]! }
    },

    async joinIds({ lines, offsets }, users, out, signal) {
      const written = sharedInts(1)
      const args = { lines, offsets, users, out, written }
      if (users.length <= joinedHere) joinIds(args)
      else await threads.run('joinIds', args, 1, signal)
      return out.subarray(0, written[0])
    },
  }
}

/** The factors of all queries' items, one after the other. */
function queryArgs(users: Factors, { values, width }: Factors, queries: QueryRows) {
  const queryStarts = sharedInts(queries.length + 1)
  for (const [n, { items }] of queries.entries())
    queryStarts[n + 1] = queryStarts[n]! + items.length
  const rows = sharedFloats32(queryStarts[queries.length]! * width)
  let row = 0
  for (const { items } of queries)
    for (const item of items)
      rows.set(values.subarray(item * width, (item + 1) * width), row++ * width)
  return { users: users.values, userCount: users.rowCount, width, rows, queryStarts }
}

const neighbourArgs = (byUser: Pairs, byItem: Pairs, items: Uint32Array) => ({
  starts: byUser.starts,
  columns: byUser.columns,
  itemStarts: byItem.starts,
  itemColumns: byItem.columns,
  items,
  blocks: evenBlocks(items.length, 8),
})
