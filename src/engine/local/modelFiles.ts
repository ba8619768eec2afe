import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { sync } from '../../data/files.ts'
import { JobFailure } from '../../errors.ts'
import type { ModelDocument } from '../engine.ts'
import { emptyFactors, sharedBytes } from './arrays.ts'
import type { Fitted } from './fitted.ts'
import type { IdLines, Kernel } from './kernel.ts'
import { jsonId } from './prepare.ts'
import type { Trained } from './train.ts'

/**
 * A model folder:
 *   model.json     the ModelDocument
 *   users.parquet  index, id
 *   items.parquet  index, id, attribute columns; items without events come last
 *   users.ids, items.ids  the ids as JSON strings, a line each, in index order
 *   *.f32, *.f64, *.u32  arrays as in memory, little-endian (`arraysOf`)
 * What is not Parquet is only ever read whole, straight into the arrays that the kernel works on. Nothing depends on
 * clock, threads or machine: the same plan, snapshot and kernel give the same bytes.
 */
const names = {
  document: 'model.json',
  users: 'users.parquet',
  items: 'items.parquet',
  userIds: 'users.ids',
  itemIds: 'items.ids',
}

/** The arrays of a model by file name; factors are padded rows. Pairs have no more columns than their starts say. */
function arraysOf(fitted: Fitted): Record<string, ArrayBufferView> {
  const { pairs, history, users, items, features, itemTraits, traitUsers } = fitted
  const { byUser, byItem } = pairs
  const size = byUser.starts[byUser.rowCount]
  return {
    'users.f32': users.values,
    'items.f32': items.values,
    'userEvents.f32': features.events,
    'userActivity.f32': features.activity,
    'userNormaliser.f32': features.normaliser,
    'userStarts.u32': byUser.starts,
    'userItems.u32': byUser.columns.subarray(0, size),
    'itemStarts.u32': byItem.starts,
    'itemUsers.u32': byItem.columns.subarray(0, size),
    'pairCounts.f32': history.counts.subarray(0, size),
    'pairRecents.f32': history.recents.subarray(0, size),
    'pairNewer.f32': history.newer.subarray(0, size),
    'pairNewest.f32': history.newest.subarray(0, size),
    'itemEvents.f64': fitted.itemEvents,
    'itemVolumes.f64': fitted.itemVolumes,
    'itemTraitStarts.u32': itemTraits.starts,
    'itemTraits.u32': itemTraits.traits,
    'traitWeights.f32': itemTraits.weights,
    'traitStarts.u32': traitUsers.starts,
    'traitUsers.u32': traitUsers.columns,
    'traitShares.f32': traitUsers.shares,
    'traitNewer.f32': traitUsers.newer,
  }
}

/** The items of a model folder: index, id and attribute columns. */
export const itemsPath = (folder: string) => join(folder, names.items)

export const formatVersion = 7
/** One call of the system reads or writes less than 2 GiB. */
const sliceBytes = 64 << 20

/**
 * Writes the folder under a name of its own and renames it when all bytes are on the disk; removes what it wrote when
 * it fails. Throws `signal.reason` when aborted before that.
 */
export async function writeModel(
  connection: DuckDBConnection,
  { document, fitted }: Trained,
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
    for (const [name, array] of Object.entries(arraysOf(fitted)))
      await writeArray(path(name), array)
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
  fitted: Fitted
  userIds: IdLines
  itemIds: IdLines
}

/** Reads the document of a model folder. JobFailure where another version wrote it. */
export async function readDocument(folder: string): Promise<ModelDocument> {
  const document: ModelDocument = JSON.parse(await readFile(join(folder, names.document), 'utf8'))
  if (document.formatVersion !== formatVersion)
    throw new JobFailure(
      'The solution version was trained by another version of OpenPersonalize; train it again.',
    )
  return document
}

/** Reads a model folder that `writeModel` wrote. Throws as `readDocument`. */
export async function readModel(
  kernel: Kernel,
  folder: string,
  signal: AbortSignal,
): Promise<LoadedModel> {
  const path = (name: string) => join(folder, name)
  const document = await readDocument(folder)
  const { userCount, itemCount, coldItemCount } = document
  const floats = async (name: string) => new Float32Array(await readBuffer(path(`${name}.f32`)))
  const doubles = async (name: string) => new Float64Array(await readBuffer(path(`${name}.f64`)))
  const ints = async (name: string) => new Uint32Array(await readBuffer(path(`${name}.u32`)))
  const factors = async (name: string, rowCount: number) => {
    // What is only streamed through gains nothing by large pages.
    const made = emptyFactors(rowCount, document.plan.factorCount, { large: false })
    await readArray(path(`${name}.f32`), made.values)
    return made
  }
  const fitted: Fitted = {
    users: await factors('users', userCount),
    items: await factors('items', itemCount),
    features: {
      events: await floats('userEvents'),
      activity: await floats('userActivity'),
      normaliser: await floats('userNormaliser'),
    },
    pairs: {
      byUser: {
        ...{ rowCount: userCount, columnCount: itemCount, weights: undefined },
        ...{ starts: await ints('userStarts'), columns: await ints('userItems') },
      },
      byItem: {
        ...{ rowCount: itemCount, columnCount: userCount, weights: undefined },
        ...{ starts: await ints('itemStarts'), columns: await ints('itemUsers') },
      },
    },
    history: {
      counts: await floats('pairCounts'),
      recents: await floats('pairRecents'),
      newer: await floats('pairNewer'),
      newest: await floats('pairNewest'),
    },
    itemEvents: await doubles('itemEvents'),
    itemVolumes: await doubles('itemVolumes'),
    itemTraits: {
      starts: await ints('itemTraitStarts'),
      traits: await ints('itemTraits'),
      weights: await floats('traitWeights'),
    },
    traitUsers: {
      starts: await ints('traitStarts'),
      columns: await ints('traitUsers'),
      shares: await floats('traitShares'),
      newer: await floats('traitNewer'),
    },
  }
  const userIds = await readIds(kernel, path(names.userIds), userCount, signal)
  const itemIds = await readIds(kernel, path(names.itemIds), itemCount + coldItemCount, signal)
  return { document, fitted, userIds, itemIds }
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
  return kernel.idLines(new Uint8Array(await readBuffer(path)), count, signal)
}

async function readBuffer(path: string): Promise<SharedArrayBuffer> {
  await using file = await open(path)
  const bytes = sharedBytes((await file.stat()).size)
  await readWhole(file, path, bytes)
  return bytes.buffer as SharedArrayBuffer
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

/** Slices are read side by side: to make room for what is read takes as long as to read it. */
async function readWhole(file: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  const slices: Promise<void>[] = []
  for (let at = 0; at < bytes.length; at += sliceBytes)
    slices.push(readSlice(file, path, bytes.subarray(at, at + sliceBytes), at))
  await Promise.all(slices)
}

async function readSlice(
  file: FileHandle,
  path: string,
  bytes: Uint8Array,
  from: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, from + at)
    if (bytesRead === 0) throw new Error(`${path} ends early.`)
    at += bytesRead
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer, byteOffset, byteLength)
