import { existsSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Pairs, sharedInts } from '../src/engine/local/arrays.ts'
import type { BothPairs } from '../src/engine/local/kernel.ts'
import { cacheFolder } from './cache.ts'
import { powerLaw, xorshift } from './data.ts'

/** How large a generated matrix of interactions is. */
export type PairsSize = { userCount: number; itemCount: number; pairCount: number }

/** The matrices of the kernel's benchmark, as many users and items as MovieLens 20M has. */
export const pairsSizes = {
  '5M': { userCount: 138_000, itemCount: 27_000, pairCount: 5_000_000 },
  '20M': { userCount: 138_000, itemCount: 27_000, pairCount: 20_000_000 },
} as const satisfies Record<string, PairsSize>

/** Both sides, and the path of the files that a peer reads. */
export type GeneratedPairs = BothPairs & { path: string }

const tasteCount = 20
/** Part of the file's name: a change to the numbers below must change it. */
const version = 1

/**
 * Different (user, item) pairs: users are as busy, and items as popular, as power laws say, and four of five pairs are
 * of one of the user's two tastes, so that there is something to learn. The same size gives the same pairs; they are
 * kept in the cache. Also gives the path: `<path>.starts` and `<path>.columns` hold them as little-endian int32.
 */
export async function generatedPairs(size: PairsSize): Promise<GeneratedPairs> {
  const { userCount, itemCount, pairCount } = size
  const path = join(cacheFolder, `pairs-${version}-${userCount}-${itemCount}-${pairCount}`)
  if (!existsSync(`${path}.columns`)) {
    process.stderr.write(`making ${path}\n`)
    const { starts, columns } = generate(size)
    await mkdir(cacheFolder, { recursive: true })
    await write(`${path}.starts`, starts)
    await write(`${path}.columns`, columns)
  }
  const starts = sharedInts(userCount + 1)
  await read(`${path}.starts`, starts)
  const columns = sharedInts(starts[userCount]!)
  await read(`${path}.columns`, columns)
  const byUser = {
    rowCount: userCount,
    columnCount: itemCount,
    starts,
    columns,
    weights: undefined,
  }
  return { byUser, byItem: transposed(byUser), path }
}

function generate({ userCount, itemCount, pairCount }: PairsSize) {
  const random = xorshift(7)
  const lengths = new Uint32Array(userCount)
  for (let n = 0; n < pairCount; n++) {
    const user = powerLaw(random(), userCount)
    // Nobody acts on more than a tenth of all items.
    if (lengths[user]! < itemCount / 10) lengths[user]!++
  }
  const starts = new Uint32Array(userCount + 1)
  for (let user = 0; user < userCount; user++) starts[user + 1] = starts[user]! + lengths[user]!
  const columns = new Uint32Array(starts[userCount]!)
  const seen = new Int32Array(itemCount).fill(-1)
  for (let user = 0; user < userCount; user++) {
    for (let at = starts[user]!; at < starts[user + 1]!; ) {
      let item = powerLaw(random(), itemCount)
      const taste = (random() < 0.5 ? user : user * 7 + 3) % tasteCount
      if (random() < 0.8) item = Math.min(item - (item % tasteCount) + taste, itemCount - 1)
      if (seen[item] === user) continue
      seen[item] = user
      columns[at++] = item
    }
    columns.subarray(starts[user]!, starts[user + 1]!).sort()
  }
  return { starts, columns }
}

function transposed({ rowCount, columnCount, starts, columns }: Pairs): Pairs {
  const own = sharedInts(columnCount + 1)
  const rows = sharedInts(columns.length)
  for (const column of columns) own[column + 1]!++
  for (let column = 0; column < columnCount; column++) own[column + 1]! += own[column]!
  const next = own.slice()
  for (let row = 0; row < rowCount; row++)
    for (let at = starts[row]!; at < starts[row + 1]!; at++) rows[next[columns[at]!]!++] = row
  return {
    rowCount: columnCount,
    columnCount: rowCount,
    starts: own,
    columns: rows,
    weights: undefined,
  }
}

async function write(path: string, numbers: Uint32Array): Promise<void> {
  await using file = await open(`${path}.partial`, 'w')
  await file.writeFile(numbers)
  await rename(`${path}.partial`, path)
}

async function read(path: string, numbers: Uint32Array): Promise<void> {
  await using file = await open(path)
  const bytes = new Uint8Array(numbers.buffer)
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at)
    if (bytesRead === 0) throw new Error(`${path} ends early`)
    at += bytesRead
  }
}
