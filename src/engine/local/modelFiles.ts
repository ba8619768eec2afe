import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { JobFailure } from '../../errors.ts'
import type { ModelDocument } from '../engine.ts'
import { emptyFactors, type Factors, sharedBytes, sharedFloats32, sharedInts } from './arrays.ts'
import type { UserWeights } from './forms.ts'
import type { IdLines, Kernel } from './kernel.ts'
import { jsonId } from './prepare.ts'
import type { Trained } from './train.ts'

/**
 * A model folder:
 *   model.json     the ModelDocument
 *   users.parquet  index, id
 *   items.parquet  index, id, attribute columns
 *   users.ids, items.ids  the ids as JSON strings, a line each, in index order
 *   users.f32, items.f32  factors, as in memory: little-endian float32, one padded row each in index order
 *   activity.u32, normaliser.f32  a number per user
 * What is not Parquet is only ever read whole, straight into the arrays that the kernel works on. Nothing depends on
 * clock, threads or machine: the same plan, snapshot and kernel give the same bytes.
 */
const names = {
  document: 'model.json',
  users: 'users.parquet',
  items: 'items.parquet',
  userIds: 'users.ids',
  itemIds: 'items.ids',
  userFactors: 'users.f32',
  itemFactors: 'items.f32',
  activity: 'activity.u32',
  normaliser: 'normaliser.f32',
}

export const formatVersion = 2
/** One call of the system reads or writes less than 2 GiB. */
const sliceBytes = 64 << 20

/**
 * Writes the folder under a name of its own and renames it when all bytes are on the disk; removes what it wrote when
 * it fails. Throws `signal.reason` when aborted before that.
 */
export async function writeModel(
  connection: DuckDBConnection,
  { document, users, items, weights }: Trained,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const path = (name: string) => join(partial, name)
  try {
    await copyTable(connection, 'modelUser', path(names.users))
    await copyTable(connection, 'modelItemRow', path(names.items))
    await copyIds(connection, 'modelUser', path(names.userIds))
    await copyIds(connection, 'modelItem', path(names.itemIds))
    await writeArray(path(names.userFactors), users.values)
    await writeArray(path(names.itemFactors), items.values)
    await writeArray(path(names.activity), weights.activity)
    await writeArray(path(names.normaliser), weights.normaliser)
    const text = `${JSON.stringify(document, null, 2)}\n`
    await writeArray(path(names.document), Buffer.from(text))
    for (const name of [names.users, names.items, names.userIds, names.itemIds])
      await sync(path(name))
    await sync(partial)
    signal.throwIfAborted()
    await rename(partial, folder)
    await sync(dirname(folder))
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** What a model folder holds, in shared arrays. */
export type LoadedModel = {
  document: ModelDocument
  users: Factors
  items: Factors
  weights: UserWeights
  userIds: IdLines
  itemIds: IdLines
}

/** Reads a model folder that `writeModel` wrote. JobFailure where another version wrote it. */
export async function readModel(
  kernel: Kernel,
  folder: string,
  signal: AbortSignal,
): Promise<LoadedModel> {
  const path = (name: string) => join(folder, name)
  const document: ModelDocument = JSON.parse(await readFile(path(names.document), 'utf8'))
  if (document.formatVersion !== formatVersion)
    throw new JobFailure(
      'The solution version was trained by another version of OpenPersonalize; train it again.',
    )
  const { userCount, itemCount } = document
  const { factorCount } = document.plan
  const users = emptyFactors(userCount, factorCount)
  const items = emptyFactors(itemCount, factorCount)
  const weights = { activity: sharedInts(userCount), normaliser: sharedFloats32(userCount) }
  await readArray(path(names.userFactors), users.values)
  await readArray(path(names.itemFactors), items.values)
  await readArray(path(names.activity), weights.activity)
  await readArray(path(names.normaliser), weights.normaliser)
  const userIds = await readIds(kernel, path(names.userIds), userCount, signal)
  const itemIds = await readIds(kernel, path(names.itemIds), itemCount, signal)
  return { document, users, items, weights, userIds, itemIds }
}

const copyTable = (connection: DuckDBConnection, table: string, path: string) =>
  connection.run(
    `COPY (SELECT * FROM ${table} ORDER BY "index") TO $path (FORMAT parquet, COMPRESSION zstd)`,
    { path },
  )

/** JSON text holds no control character, so that a line needs no quotes of CSV's, and none is a delimiter. */
const copyIds = (connection: DuckDBConnection, table: string, path: string) =>
  connection.run(
    `COPY (SELECT ${jsonId} FROM ${table} ORDER BY "index")
     TO $path (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')`,
    { path },
  )

async function readIds(
  kernel: Kernel,
  path: string,
  count: number,
  signal: AbortSignal,
): Promise<IdLines> {
  await using file = await open(path)
  const lines = sharedBytes((await file.stat()).size)
  await readWhole(file, path, lines)
  return kernel.idLines(lines, count, signal)
}

async function writeArray(path: string, array: ArrayBufferView): Promise<void> {
  const bytes = bytesOf(array)
  await using file = await open(path, 'w')
  for (let at = 0; at < bytes.length; at += sliceBytes)
    await file.writeFile(bytes.subarray(at, at + sliceBytes))
  await file.sync()
}

async function readArray(path: string, array: ArrayBufferView): Promise<void> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size !== array.byteLength)
    throw new Error(`${path} has ${size} bytes, not ${array.byteLength}.`)
  await readWhole(file, path, bytesOf(array))
}

async function readWhole(file: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(sliceBytes, bytes.length - at))
    if (bytesRead === 0) throw new Error(`${path} ends early.`)
    at += bytesRead
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer, byteOffset, byteLength)

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}
