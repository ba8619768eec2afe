import { type DuckDBConnection, listValue } from '@duckdb/node-api'
import { JobFailure } from '../errors.ts'
import { type Layout, problemsSql } from './csvRows.ts'
import { readRows } from './duck.ts'
import { readLines } from './lines.ts'

/** Rows that a message quotes. */
const quotedMax = 3
/** Lines that one statement checks. */
const blockLines = 5000

type Problem = { number: number; problem: string; tooLong: string | null }

/**
 * Reads the sources line by line and throws a JobFailure that counts the bad rows and quotes
 * the first few with file, line, column and value, after AWS's own sentence where a value is
 * too long. Returns if no row is bad.
 */
export async function explainRows(
  connection: DuckDBConnection,
  { sources, sourceNames }: { sources: string[]; sourceNames: string[] },
  { layout, bytesMax, signal }: { layout: Layout; bytesMax: number; signal: AbortSignal },
): Promise<void> {
  const sql = problemsSql(layout, 'SELECT unnest($1) AS line, unnest($2) AS number')
  const quoted: string[] = []
  let badCount = 0
  let rowCount = 0
  let tooLong: string | undefined
  for (const [k, source] of sources.entries()) {
    const name = sourceNames[k]!
    for await (const block of blocks(readLines(source, name, bytesMax))) {
      signal.throwIfAborted()
      rowCount += block.lines.length
      const bad = await readRows<Problem>(connection, sql, [
        listValue(block.lines),
        listValue(block.numbers),
      ])
      badCount += bad.length
      tooLong ??= bad.find((row) => row.tooLong !== null)?.tooLong ?? undefined
      for (const row of bad.slice(0, quotedMax - quoted.length))
        quoted.push(`${name} line ${row.number}: ${row.problem}`)
    }
  }
  if (badCount === 0) return
  const rest = badCount > quoted.length ? '; ...' : '.'
  const counted = `${badCount} of ${rowCount} rows are not valid. ${quoted.join('; ')}${rest}`
  throw new JobFailure(tooLong === undefined ? counted : `${tooLong} ${counted}`)
}

/**
 * The lines after the header that are not empty, with their numbers, cut as
 * DuckDB cuts them: at a lone `\r` too.
 */
async function* blocks(lines: AsyncIterable<string>) {
  let block = { lines: [] as string[], numbers: [] as number[] }
  let number = 0
  for await (const line of lines) {
    number += 1
    if (number === 1) continue
    for (const part of line.split('\r')) {
      if (part === '') continue
      block.lines.push(part)
      block.numbers.push(number)
    }
    if (block.lines.length < blockLines) continue
    yield block
    block = { lines: [], numbers: [] }
  }
  if (block.lines.length > 0) yield block
}
