import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type DuckDBConnection, type DuckDBValue, listValue } from '@duckdb/node-api'
import { JobFailure } from '../errors.ts'
import { explainRows } from './csvProblems.ts'
import { cellsOf, type Layout, rowsSql } from './csvRows.ts'
import { type Duck, identifier, readRows, withConnection } from './duck.ts'
import { sync } from './files.ts'
import { readLines } from './lines.ts'
import type { DatasetSchema } from './schema.ts'

/**
 * CSV files of one import; `sources` are local paths in key order,
 * `sourceNames` what messages call them.
 */
export type ImportRequest = {
  sources: string[]
  sourceNames: string[]
  schema: DatasetSchema
  /** Parquet file to create; on the same file system as `scratch`. */
  out: string
  scratch: string
}

/** `rowCount` rows were written; `readCount` were read, repeated ones included. */
export type ImportResult = { rowCount: number; readCount: number }

type Run = {
  signal: AbortSignal
  /** Called with bytes of the sources. */
  progress(phase: string, done: number, total: number): void
}

/** What a CSV line may hold: a bound far above the longest legal row. */
const csvLineBytesMax = 2 * 1024 * 1024

/**
 * Checks CSV files against the schema and writes them as one Parquet file (zstd), columns
 * named and ordered as in the schema, rows in the order of the files. Columns are found by
 * header name; the schema's must all be there, others are ignored. Repeated events are stored
 * once, of a repeated user, item or action the last row. The file appears whole or not at all;
 * its bytes depend on the sources and the schema only. Throws JobFailure that counts and
 * quotes what is wrong. Source: spec E.6.
 */
export async function importCsv(
  duck: Duck,
  request: ImportRequest,
  run: Run,
): Promise<ImportResult> {
  await mkdir(request.scratch, { recursive: true })
  const folder = await mkdtemp(join(request.scratch, 'import-'))
  try {
    return await withConnection(duck, (c) => importWith(c, request, folder, run), run.signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function importWith(
  connection: DuckDBConnection,
  request: ImportRequest,
  folder: string,
  run: Run,
): Promise<ImportResult> {
  const layout = await readLayout(connection, request)
  for (const [k, source] of request.sources.entries())
    await refuseNul(source, request.sourceNames[k]!, run.signal)

  const rows = join(folder, 'rows.parquet')
  const readCount = await convert(connection, request, layout, { folder, rows, run })
  if (readCount === 0)
    throw new JobFailure(`${request.sourceNames.join(', ')} has no rows after the header.`)
  const { whole, repeatedCount } = await dropRepeated(connection, request.schema, rows, folder)
  await publish(whole, request.out)
  return { rowCount: readCount - repeatedCount, readCount }
}

/** The header that all files share. */
async function readLayout(connection: DuckDBConnection, request: ImportRequest): Promise<Layout> {
  const { sources, sourceNames, schema } = request
  let first: string[] | undefined
  for (const [k, source] of sources.entries()) {
    const header = await readHeader(connection, source, sourceNames[k]!)
    first ??= header
    if (header.join() !== first.join())
      throw new JobFailure(
        `The header of ${sourceNames[k]} is ${header.join()}, that of ${sourceNames[0]} is ` +
          `${first.join()}; all files must have the same.`,
      )
  }
  const header = first ?? []
  const names = schema.fields.map(({ name }) => name)
  // Columns that allow null must be there too: a CSV "must carry the new columns", all nullable,
  // of an updated schema (spec E.2).
  const missing = names.filter((name) => !header.includes(name))
  if (missing.length > 0)
    throw new JobFailure(`Input CSV is missing the following columns:[${missing.join(', ')}].`)
  const twice = names.find((name) => header.indexOf(name) !== header.lastIndexOf(name))
  if (twice !== undefined) throw new JobFailure(`Input CSV has the column ${twice} twice.`)
  return { schema, header }
}

async function readHeader(connection: DuckDBConnection, path: string, name: string) {
  for await (const line of readLines(path, name, csvLineBytesMax)) {
    const [row] = await readRows<{ cells: string[] | null }>(
      connection,
      `SELECT ${cellsOf('line')} AS cells FROM (SELECT $1::VARCHAR AS line)`,
      [line],
    )
    if (row?.cells) return row.cells
    throw new JobFailure(`${name} line 1 has a quote that is not closed; it must name the columns.`)
  }
  throw new JobFailure(`${name} is empty; its first line must name the columns.`)
}

/** DuckDB's CSV reader drops what follows a NUL character in a line without a word. */
async function refuseNul(path: string, name: string, signal: AbortSignal): Promise<void> {
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 }))
    if ((chunk as Buffer).includes(0)) {
      let number = 1
      for await (const line of readLines(path, name, csvLineBytesMax)) {
        if (line.includes('\0'))
          throw new JobFailure(`${name} line ${number} holds a NUL character; take it out.`)
        number += 1
      }
    }
}

/**
 * Writes all good rows to `rows`, or throws what is wrong with the
 * bad ones; gives how many were read.
 */
async function convert(
  connection: DuckDBConnection,
  request: ImportRequest,
  layout: Layout,
  { folder, rows, run }: { folder: string; rows: string; run: Run },
): Promise<number> {
  const paths = await linkSources(request.sources, folder)
  // One VARCHAR column per line, cut into cells by our own SQL: nothing is sniffed, and
  // the reader knows no quote that could swallow the lines that follow. Strict mode
  // refuses a file that mixes line ends.
  const lines = `SELECT line FROM read_csv($2, columns = {'line': 'VARCHAR'}, auto_detect = false,
    header = false, skip = 1, delim = '', quote = '', escape = '', strict_mode = false,
    compression = 'none', hive_partitioning = false, max_line_size = ${csvLineBytesMax + 16})`
  const stopReporting = await report(connection, request.sources, run)
  try {
    return await copy(connection, rowsSql(layout, lines), layout.schema, rows, [listValue(paths)])
  } catch (error) {
    run.signal.throwIfAborted()
    // A bad row, no UTF-8 or a line without end. The rows are read again
    // to count and quote the bad ones.
    if (error instanceof Error && error.message.startsWith('Invalid Input Error'))
      await explainRows(connection, request, {
        layout,
        bytesMax: csvLineBytesMax,
        signal: run.signal,
      })
    throw error
  } finally {
    stopReporting()
  }
}

/** Links with plain names: DuckDB expands `*`, `?` and `[` in a path and unpacks by its ending. */
async function linkSources(sources: string[], folder: string): Promise<string[]> {
  const paths = sources.map((_, k) => join(folder, `${k}.csv`))
  for (const [k, path] of paths.entries()) await symlink(resolve(sources[k]!), path)
  return paths
}

/** Tells every half second how far the running statement is; gives the function that ends it. */
async function report(connection: DuckDBConnection, sources: string[], run: Run) {
  const sizes = await Promise.all(sources.map(async (source) => (await stat(source)).size))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  run.progress('import', 0, total)
  const timer = setInterval(() => {
    const share = Math.min(Math.max(connection.progress.percentage, 0), 100) / 100
    run.progress('import', Math.round(share * total), total)
  }, 500)
  return () => clearInterval(timer)
}

/** COPY of a SELECT to a Parquet file; gives the number of rows. `values` are $2 and on. */
async function copy(
  connection: DuckDBConnection,
  select: string,
  schema: DatasetSchema,
  path: string,
  values: DuckDBValue[],
): Promise<number> {
  // A row group is held in memory while it is written: fewer rows where
  // a row may have 20,000 characters.
  const groupRows = schema.fields.some(({ textual }) => textual) ? 10_240 : 122_880
  const [row] = await readRows<{ Count: bigint }>(
    connection,
    `COPY (${select}) TO $1 (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${groupRows})`,
    [path, ...values],
  )
  return Number(row!.Count)
}

/**
 * Leaves one row of those with the same key fields: the first of equal events, the last of an id.
 * Rows whose hash is unique are unique, so that only the others are compared; all three steps spill
 * to disk when they outgrow the memory.
 */
async function dropRepeated(
  connection: DuckDBConnection,
  schema: DatasetSchema,
  rows: string,
  folder: string,
): Promise<{ whole: string; repeatedCount: number }> {
  const isEvent = schema.datasetType.endsWith('INTERACTIONS')
  const keys = isEvent
    ? schema.fields.map(({ name }) => identifier(name))
    : [identifier(`${schema.datasetType.slice(0, -1)}_ID`)]
  await connection.run(
    `CREATE TEMP TABLE repeated_hash AS SELECT hash(${keys}) AS value FROM read_parquet($1)
     GROUP BY hash(${keys}) HAVING count(*) > 1`,
    [rows],
  )
  await connection.run(
    `CREATE TEMP TABLE repeated AS SELECT number FROM (
       SELECT file_row_number AS number,
         row_number() OVER (
           PARTITION BY ${keys} ORDER BY file_row_number ${isEvent ? '' : 'DESC'}) AS place
       FROM read_parquet($1, file_row_number = true)
       WHERE hash(${keys}) IN (SELECT value FROM repeated_hash))
     WHERE place > 1`,
    [rows],
  )
  const [count] = await readRows<{ rows: bigint }>(
    connection,
    'SELECT count(*) AS rows FROM repeated',
  )
  const repeatedCount = Number(count!.rows)
  if (repeatedCount === 0) return { whole: rows, repeatedCount }

  const whole = join(folder, 'whole.parquet')
  const names = schema.fields.map(({ name }) => identifier(name))
  // NOTE: a join that spills gives rows in another order: sort, although they are sorted as a rule.
  const select = `SELECT ${names} FROM read_parquet($2, file_row_number = true) AS row
    ANTI JOIN repeated ON row.file_row_number = repeated.number ORDER BY file_row_number`
  await copy(connection, select, schema, whole, [rows])
  return { whole, repeatedCount }
}

/** Gives a finished file its name, so that it survives a power cut whole or is not there. */
async function publish(path: string, out: string): Promise<void> {
  await mkdir(dirname(out), { recursive: true })
  await sync(path)
  await rename(path, out)
  await sync(dirname(out))
}
