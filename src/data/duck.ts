import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBResult,
  type DuckDBValue,
} from '@duckdb/node-api'

/**
 * DuckDB with nothing in it: data live in Parquet files, work that
 * outgrows the memory in `scratch`.
 */
export type Duck = { connect(): Promise<DuckDBConnection>; close(): Promise<void> }

/**
 * How much DuckDB may use. `memoryBytes` is kept to about +30 %;
 * beyond it DuckDB spills to `scratch`.
 */
export type DuckOptions = { threads: number; memoryBytes: number; scratch: string }

/**
 * Opens DuckDB; it never loads an extension that is not built in,
 * so it opens no network connection.
 */
export async function openDuck({ threads, memoryBytes, scratch }: DuckOptions): Promise<Duck> {
  await mkdir(scratch, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryBytes}B`,
    temp_directory: scratch,
    // Files are written in the order in which they were read, so that a rerun gives the same bytes.
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  return {
    async connect() {
      const connection = await instance.connect()
      // NOTE: per connection, and refused as options of the instance.
      // Without them `progress` stays at -1.
      await connection.run('SET enable_progress_bar = true')
      await connection.run('SET enable_progress_bar_print = false')
      return connection
    },
    async close() {
      instance.closeSync()
    },
  }
}

/**
 * Runs `work` on a connection of its own and closes it, its temporary tables
 * included. When the signal aborts, the running statement is interrupted and the
 * promise rejects with the signal's reason.
 */
export async function withConnection<Result>(
  duck: Duck,
  work: (connection: DuckDBConnection) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  signal?.throwIfAborted()
  const connection = await duck.connect()
  let timer: NodeJS.Timeout | undefined
  // DuckDB forgets an interrupt that arrives between two statements:
  // repeat it until the work has ended.
  const interrupt = () => {
    timer = setInterval(() => connection.interrupt(), 20)
    connection.interrupt()
  }
  signal?.addEventListener('abort', interrupt, { once: true })
  try {
    const result = await work(connection)
    signal?.throwIfAborted()
    return result
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', interrupt)
    clearInterval(timer)
    connection.closeSync()
  }
}

/** The rows of a small answer as plain objects; BIGINT arrives as bigint. */
export async function readRows<Row extends Record<string, unknown>>(
  connection: DuckDBConnection,
  sql: string,
  values?: DuckDBValue[],
): Promise<Row[]> {
  const result = await connection.runAndReadAll(sql, values)
  return result.getRowObjectsJS() as Row[]
}

/** A column name as SQL. */
export const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Our own text as an SQL literal. Values from outside are bound parameters instead. */
export const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/** The numbers of a column of one chunk, as they are in memory: no value of the column may be NULL. */
export function columnNumbers<Numbers extends Uint32Array | Float32Array>(
  chunk: DuckDBDataChunk,
  column: number,
  kind: new (...args: never[]) => Numbers,
): Numbers {
  // NOTE: the API has no public way to the array that every vector of numbers holds.
  const { items } = chunk.getColumnVector(column) as unknown as { items: unknown }
  assert(items instanceof kind, `column ${column} has the type of the array`)
  return items
}

/** The chunks of an answer, one after the other. */
export async function* chunksOf(rows: DuckDBResult): AsyncGenerator<DuckDBDataChunk> {
  for (let chunk = await rows.fetchChunk(); chunk?.rowCount; chunk = await rows.fetchChunk())
    yield chunk
}
