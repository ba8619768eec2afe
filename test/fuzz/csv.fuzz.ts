/** The import takes the rows that a plain reader of CSV takes, with the same values, and counts the others. Spec E.6. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { importCsv } from '../../src/data/csvImport.ts'
import { openDuck, readRows, withConnection } from '../../src/data/duck.ts'
import { parseSchema } from '../../src/data/schema.ts'
import { schemaTexts } from '../smallShop.ts'
import { fuzz } from './fuzz.ts'

const rowsOfFile = 200
const columns = ['EVENT_TYPE', 'USER_ID', 'NOTE', 'TIMESTAMP', 'EVENT_VALUE', 'ITEM_ID'] as const
type Cells = Record<(typeof columns)[number], string>

/** Without what ends a line, and NUL, which fails a file before its rows are read. */
const text = fc
  .string({ unit: 'binary', maxLength: 12 })
  .map((each) => each.toWellFormed().replace(/[\n\r\0]/g, '') || 'x')
const word = fc.oneof(
  fc.constantFrom('a', ' b ', 'é', 'a,b', '"', '\\', '\\"', "'", 'NULL', '|'),
  text,
)
const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
const cellOf = (value: string) => (/^[^",\\]*$/.test(value) ? value : quoted(value))
const goodRow = fc
  .record<Cells>({
    EVENT_TYPE: word,
    USER_ID: word,
    NOTE: fc.oneof(word, fc.constant('')),
    TIMESTAMP: fc.oneof(
      fc.nat().map(String),
      fc.constantFrom('+7', '00', '99999999999', '100000000000'),
    ),
    EVENT_VALUE: fc.oneof(
      fc.constantFrom('', '1', '.5', '-1.', '1e3', '+0'),
      fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
    ),
    ITEM_ID: word,
  })
  .map((row) => columns.map((name) => cellOf(row[name])).join(','))
const oddCell = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '"',
    '""',
    '""""',
    '"a"b',
    'a"b"',
    '"a',
    '\\',
    '"\\',
    '"\\"',
    '"\\\\"',
    '"a""b"',
    '"\\n"',
    '1e39',
    '1_000',
    '0x10',
    ' 1 ',
    '1.5',
    '-1',
    'nan',
    'inf',
    '9223372036854775808',
    'x'.repeat(256),
    'x'.repeat(257),
    '𝒜'.repeat(256),
    'x'.repeat(1001),
  ),
  text,
)
const oddRow = fc
  .array(fc.oneof(oddCell, fc.constantFrom('1', 'a', '7')), { minLength: 5, maxLength: 7 })
  .map((cells) => cells.join(','))
const file = fc.oneof(
  fc.array(goodRow, { minLength: rowsOfFile, maxLength: rowsOfFile, size: 'max' }),
  fc.array(fc.oneof(goodRow, oddRow), {
    minLength: rowsOfFile,
    maxLength: rowsOfFile,
    size: 'max',
  }),
)

/** The cells of a line; undefined where its quotes are wrong. */
function cellsOf(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',')
  const cells: string[] = []
  let at = 0
  for (;;) {
    let cell = ''
    if (line[at] === '"') {
      for (at++; ; at++) {
        if (at >= line.length) return undefined
        if (line[at] === '\\') {
          if (++at >= line.length) return undefined
          cell += line[at] === '"' || line[at] === '\\' ? line[at] : `\\${line[at]}`
        } else if (line[at] === '"' && line[at + 1] === '"') cell += line[at++]
        else if (line[at] === '"') break
        else cell += line[at]
      }
      at++
    } else while (at < line.length && line[at] !== ',' && line[at] !== '"') cell += line[at++]
    cells.push(cell)
    if (at >= line.length) return cells
    if (line[at++] !== ',') return undefined
  }
}

/** The row as it is stored; undefined where it is not valid. */
function rowOf(line: string) {
  const cells = cellsOf(line)
  if (cells?.length !== columns.length) return undefined
  const of = (name: keyof Cells) => cells[columns.indexOf(name)]!
  const [user, item, event] = [of('USER_ID'), of('ITEM_ID'), of('EVENT_TYPE')]
  const isId = (id: string) => id !== '' && [...id].length <= 256
  if (!isId(user) || !isId(item) || event === '' || [...event].length > 1000) return undefined
  if (!/^[-+]?[0-9]+$/.test(of('TIMESTAMP'))) return undefined
  const time = BigInt(of('TIMESTAMP').replace('+', ''))
  if (time < 0n || time > 99_999_999_999n) return undefined
  const given = of('EVENT_VALUE')
  if (given !== '' && !/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(given))
    return undefined
  const value = given === '' ? null : Math.fround(Number(given))
  if (value !== null && !Number.isFinite(value)) return undefined
  return { USER_ID: user, ITEM_ID: item, TIMESTAMP: time, EVENT_TYPE: event, EVENT_VALUE: value }
}

test('rows are imported as a plain reader reads them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-fuzz-'))
  const duck = await openDuck({ threads: 1, memoryBytes: 500e6, scratch: join(folder, 'duck') })
  t.after(async () => {
    await duck.close()
    await rm(folder, { recursive: true, force: true })
  })
  const [source, out] = [join(folder, 'in.csv'), join(folder, 'out.parquet')]
  const request = {
    ...{ sources: [source], sourceNames: ['in.csv'], out, scratch: join(folder, 'scratch') },
    schema: parseSchema(schemaTexts.Interactions),
  }
  const run = { signal: new AbortController().signal, progress: () => undefined }
  let wholeFiles = 0
  await fuzz(t, 'CSV rows', {
    arbitrary: file,
    holds: rowsOfFile,
    bytesOf: (lines) => lines.join().length,
    async check(lines) {
      await writeFile(source, [columns.join(','), ...lines, ''].join('\n'))
      const rows = lines.map(rowOf)
      const bad = rows.filter((row) => row === undefined).length
      const result = await importCsv(duck, request, run).catch((error) => error)
      if (bad > 0) {
        equal(result.name, 'JobFailure', String(result))
        match(result.message, new RegExp(`${bad} of ${lines.length} rows are not valid\\.`))
        return
      }
      wholeFiles++
      equal(result.readCount, lines.length, String(result))
      const key = (row: unknown) => JSON.stringify(Object.values(row as object).map(String))
      const distinct = [...new Map(rows.map((row) => [key(row), row])).values()]
      const stored = await withConnection(duck, (c) => readRows(c, 'FROM read_parquet($1)', [out]))
      deepEqual(stored, distinct)
    },
  })
  t.diagnostic(`${wholeFiles} files were whole`)
})
