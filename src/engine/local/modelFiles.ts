import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type DuckDBConnection,
  DuckDBDataChunk,
  FLOAT,
  LIST,
  listValue,
  UINTEGER,
  VARCHAR,
} from '@duckdb/node-api'
import type { ModelDocument } from '../engine.ts'
import { emptyFactors, type Factors, sharedFloats32, sharedInts } from './arrays.ts'
import type { UserWeights } from './evaluate.ts'
import type { Trained } from './train.ts'

/**
 * A model folder:
 *   model.json     the ModelDocument
 *   users.parquet  index, id, activity, z
 *   items.parquet  index, id, attribute columns
 *   users.f32, items.f32  factors, little-endian float32, `factorCount` numbers per row in index order. Not Parquet:
 *                  they are only ever read whole, and read so they need no conversion.
 * Nothing in it depends on clock, threads or machine: the same plan and snapshot give the same bytes.
 */
const names = {
  document: 'model.json',
  users: 'users.parquet',
  items: 'items.parquet',
  userFactors: 'users.f32',
  itemFactors: 'items.f32',
}

const chunkRows = 2048
const sliceBytes = 4 << 20

/**
 * Writes the folder under a name of its own and renames it when all bytes are on the disk; removes what it wrote when
 * it fails. Throws `signal.reason` when aborted before that.
 */
export async function writeModel(
  connection: DuckDBConnection,
  trained: Trained,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  try {
    await writeUsers(connection, trained.weights, join(partial, names.users))
    await copyTable(connection, 'SELECT * FROM modelItemRow', join(partial, names.items))
    await writeFactors(trained.users, join(partial, names.userFactors))
    await writeFactors(trained.items, join(partial, names.itemFactors))
    const text = `${JSON.stringify(trained.document, null, 2)}\n`
    await writeSynced(join(partial, names.document), [Buffer.from(text)])
    for (const name of [names.users, names.items]) await sync(join(partial, name))
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
  userIds: { bytes: Uint8Array; offsets: Uint32Array }
  itemIndexes: Map<string, number>
}

/** Reads a model folder that `writeModel` wrote. */
export async function readModel(
  connection: DuckDBConnection,
  folder: string,
): Promise<LoadedModel> {
  const document: ModelDocument = JSON.parse(await readFile(join(folder, names.document), 'utf8'))
  const { userCount, itemCount } = document
  const { factorCount } = document.plan
  const { weights, userIds } = await readUsers(connection, join(folder, names.users), userCount)
  return {
    document,
    users: await readFactors(join(folder, names.userFactors), userCount, factorCount),
    items: await readFactors(join(folder, names.itemFactors), itemCount, factorCount),
    weights,
    userIds,
    itemIndexes: await readItemIndexes(connection, join(folder, names.items)),
  }
}

async function writeUsers(
  connection: DuckDBConnection,
  { activity, normaliser }: UserWeights,
  path: string,
): Promise<void> {
  await connection.run(
    'CREATE TEMP TABLE userWeight ("index" UINTEGER, activity UINTEGER, z FLOAT)',
  )
  const appender = await connection.createAppender('userWeight')
  for (let from = 0; from < activity.length; from += chunkRows) {
    const count = Math.min(chunkRows, activity.length - from)
    const chunk = DuckDBDataChunk.create([UINTEGER, UINTEGER, FLOAT], count)
    chunk.setColumnValues(
      0,
      Array.from({ length: count }, (_, k) => from + k),
    )
    chunk.setColumnValues(1, Array.from(activity.subarray(from, from + count)))
    chunk.setColumnValues(2, Array.from(normaliser.subarray(from, from + count)))
    appender.appendDataChunk(chunk)
    // Appending is synchronous: let others have the event loop now and then.
    if (from % (64 * chunkRows) === 0) await new Promise(setImmediate)
  }
  appender.closeSync()
  const sql = 'SELECT "index", id, activity, z FROM modelUser JOIN userWeight USING ("index")'
  await copyTable(connection, sql, path)
  await connection.run('DROP TABLE userWeight')
}

const copyTable = (connection: DuckDBConnection, select: string, path: string) =>
  connection.run(
    `COPY (SELECT * FROM (${select}) ORDER BY "index") TO $path (FORMAT parquet, COMPRESSION zstd)`,
    { path },
  )

async function readUsers(connection: DuckDBConnection, path: string, userCount: number) {
  const weights = { activity: sharedInts(userCount), normaliser: sharedFloats32(userCount) }
  const offsets = new Uint32Array(userCount + 1)
  const size = await connection.runAndReadAll(
    'SELECT coalesce(sum(strlen(id)), 0)::UBIGINT FROM read_parquet($paths)',
    { paths: listValue([path]) },
    { paths: LIST(VARCHAR) },
  )
  const bytes = new Uint8Array(Number(size.value(0, 0)))
  const rows = await connection.stream(
    'SELECT id, activity, z FROM read_parquet($paths) ORDER BY "index"',
    { paths: listValue([path]) },
    { paths: LIST(VARCHAR) },
  )
  const encoder = new TextEncoder()
  let user = 0
  for (let chunk = await rows.fetchChunk(); chunk?.rowCount; chunk = await rows.fetchChunk()) {
    const [id, activity, z] = [0, 1, 2].map((column) => chunk!.getColumnVector(column))
    for (let row = 0; row < chunk.rowCount; row++, user++) {
      const at = offsets[user]!
      offsets[user + 1] =
        at + encoder.encodeInto(id!.getItem(row) as string, bytes.subarray(at)).written
      weights.activity[user] = activity!.getItem(row) as number
      weights.normaliser[user] = z!.getItem(row) as number
    }
  }
  return { weights, userIds: { bytes, offsets } }
}

async function readItemIndexes(
  connection: DuckDBConnection,
  path: string,
): Promise<Map<string, number>> {
  const rows = await connection.stream(
    'SELECT id, "index" FROM read_parquet($paths)',
    { paths: listValue([path]) },
    { paths: LIST(VARCHAR) },
  )
  const indexes = new Map<string, number>()
  for (let chunk = await rows.fetchChunk(); chunk?.rowCount; chunk = await rows.fetchChunk()) {
    const id = chunk.getColumnVector(0)
    const index = chunk.getColumnVector(1)
    for (let row = 0; row < chunk.rowCount; row++)
      indexes.set(id.getItem(row) as string, index.getItem(row) as number)
  }
  return indexes
}

async function writeFactors(factors: Factors, path: string): Promise<void> {
  const { values, rowCount, factorCount, width } = factors
  const sliceRows = Math.max(1, Math.floor(sliceBytes / (4 * factorCount)))
  await writeSynced(path, slices())

  function* slices() {
    for (let from = 0; from < rowCount; from += sliceRows) {
      const count = Math.min(sliceRows, rowCount - from)
      const slice = new Float32Array(count * factorCount)
      for (let row = 0; row < count; row++) {
        const at = (from + row) * width
        slice.set(values.subarray(at, at + factorCount), row * factorCount)
      }
      yield new Uint8Array(slice.buffer)
    }
  }
}

async function readFactors(path: string, rowCount: number, factorCount: number): Promise<Factors> {
  const factors = emptyFactors(rowCount, factorCount)
  const { values, width } = factors
  const sliceRows = Math.max(1, Math.floor(sliceBytes / (4 * factorCount)))
  await using file = await open(path)
  const expected = rowCount * factorCount * 4
  const { size } = await file.stat()
  if (size !== expected) throw new Error(`${path} has ${size} bytes, not ${expected}.`)
  for (let from = 0; from < rowCount; from += sliceRows) {
    const count = Math.min(sliceRows, rowCount - from)
    const slice = new Float32Array(count * factorCount)
    const bytes = new Uint8Array(slice.buffer)
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at)
      if (bytesRead === 0) throw new Error(`${path} ends early.`)
      at += bytesRead
    }
    for (let row = 0; row < count; row++) {
      const at = row * factorCount
      values.set(slice.subarray(at, at + factorCount), (from + row) * width)
    }
  }
  return factors
}

async function writeSynced(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'w')
  for (const part of parts) await file.writeFile(part)
  await file.sync()
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}
