import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate } from 'node:timers/promises'
import { alignedFrom, giveBack } from './native.ts'

/** Factor vectors, one row of `width` float32 per user or item; columns past `factorCount` are zero. */
export type Factors = { values: Float32Array; rowCount: number; factorCount: number; width: number }

/** A sparse matrix by rows: row r holds `columns[starts[r]..starts[r+1])`, each column once. */
export type Pairs = {
  rowCount: number
  columnCount: number
  starts: Uint32Array
  columns: Uint32Array
  /** The largest weight of the pair's events; undefined: every pair weighs 1. */
  weights: Float32Array | undefined
}

/** Arrays that every thread sees, zeroed. */
export const sharedFloats32 = (size: number) => new Float32Array(sharedBuffer(size * 4))
export const sharedFloats64 = (size: number) => new Float64Array(sharedBuffer(size * 8))
export const sharedInts = (size: number) => new Uint32Array(sharedBuffer(size * 4))
export const sharedBytes = (size: number) => new Uint8Array(sharedBuffer(size))

/**
 * Shared arrays made by some work. V8 does not count them and may collect them hours after the last use: whoever did
 * the work ends it with `end()`, after which the whole pages of the arrays hold zeros.
 */
export type Memory = { during<Result>(work: () => Result): Result; end(): Promise<void> }

/** Given back at once, in about a millisecond. */
const giveBackBytes = 4 << 20

const made = new AsyncLocalStorage<SharedArrayBuffer[]>()

/** Collects what is made during some work, but for what work within it collects for itself. */
export function collectMemory(): Memory {
  const buffers: SharedArrayBuffer[] = []
  return {
    during: (work) => made.run(buffers, work),
    async end() {
      for (const buffer of buffers.splice(0)) {
        for (let at = 0; at < buffer.byteLength; at += giveBackBytes) {
          giveBack(new Uint8Array(buffer, at, Math.min(giveBackBytes, buffer.byteLength - at)))
          if (buffer.byteLength > giveBackBytes) await setImmediate()
        }
      }
      await setImmediate()
    },
  }
}

/** What `work` makes is given back when it ends, however that is: its result must not hold it. */
export async function withMemory<Result>(work: () => Promise<Result>): Promise<Result> {
  const memory = collectMemory()
  try {
    return await memory.during(work)
  } finally {
    await memory.end()
  }
}

function sharedBuffer(byteLength: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(byteLength)
  made.getStore()?.push(buffer)
  return buffer
}

/** Rows are padded to what the kernel's tiles are wide, so that no loop over factors needs a tail. */
export const paddedWidth = (factorCount: number) => Math.ceil(factorCount / 32) * 32

/** A vector register that crosses a cache line costs two loads: rows begin where a line does. */
const lineBytes = 64

/**
 * Zero factors for `rowCount` rows. `large` pages make looking up rows quicker, but may have to come from the host of a
 * virtual machine, which can take 20 ms for each.
 */
export function emptyFactors(
  rowCount: number,
  factorCount: number,
  { large = true } = {},
): Factors {
  const width = paddedWidth(factorCount)
  const buffer = sharedBuffer(rowCount * width * 4 + lineBytes)
  const values = new Float32Array(buffer, alignedFrom(buffer, large), rowCount * width)
  return { values, rowCount, factorCount, width }
}

/**
 * Boundaries of blocks of work: block b is blocks[b]..blocks[b + 1]. Results depend on them at most in the last bit, so
 * they depend on the data only, never on threads.
 */
export function evenBlocks(count: number, size: number): Uint32Array {
  return Uint32Array.from({ length: Math.ceil(count / size) + 1 }, (_, block) =>
    Math.min(count, block * size),
  )
}

/** Queries whose items are more rows than these share a block with no other. */
const queryBlockRows = 4096

/** Blocks of at most `most` queries that leave no thread idle; query k has the rows queryStarts[k]..queryStarts[k+1]. */
export function queryBlocks(queryStarts: Uint32Array, most: number, threadCount: number) {
  const count = queryStarts.length - 1
  const size = Math.max(1, Math.min(most, Math.ceil(count / threadCount)))
  const blocks = [0]
  for (let query = 1; query < count; query++) {
    const from = blocks.at(-1)!
    const rows = queryStarts[query + 1]! - queryStarts[from]!
    if (query - from >= size || rows > queryBlockRows) blocks.push(query)
  }
  if (count > 0) blocks.push(count)
  return Uint32Array.from(blocks)
}

/** Blocks of rows with about as much work each: a row costs as much as `rowPairs` pairs and its own pairs. */
export function pairBlocks({ starts, rowCount }: Pairs, rowPairs: number, size: number) {
  const work = (row: number) => starts[row]! + row * rowPairs
  const blocks = [0]
  while (blocks.at(-1)! < rowCount) {
    const from = blocks.at(-1)!
    let low = from + 1
    let high = rowCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (work(middle) - work(from) < size) low = middle + 1
      else high = middle
    }
    blocks.push(low)
  }
  return Uint32Array.from(blocks)
}
