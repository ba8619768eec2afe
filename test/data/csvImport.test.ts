import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type TestContext, test } from 'node:test'
import { createGunzip } from 'node:zlib'
import { importCsv } from '../../src/data/csvImport.ts'
import { type Duck, openDuck, readRows, withConnection } from '../../src/data/duck.ts'
import { type DatasetSchema, parseSchema } from '../../src/data/schema.ts'
import { JobFailure } from '../../src/errors.ts'

const field = (name: string, type: unknown = 'string', more = {}) => ({ name, type, ...more })
const schema = (name: string, fields: unknown[]): DatasetSchema =>
  parseSchema(
    JSON.stringify({
      type: 'record',
      name,
      namespace: 'com.amazonaws.personalize.schema',
      version: '1.0',
      fields,
    }),
  )
const category = { categorical: true }
const events = schema('Interactions', [
  field('USER_ID'),
  field('ITEM_ID'),
  field('TIMESTAMP', 'long'),
  field('EVENT_TYPE'),
  field('EVENT_VALUE', ['float', 'null']),
  field('DEVICE', ['null', 'string'], category),
])
const items = schema('Items', [
  field('ITEM_ID'),
  field('NAME', ['null', 'string']),
  field('TEXT', ['null', 'string'], { textual: true }),
  field('COUNT', ['null', 'int']),
  field('PRICE', ['null', 'double']),
  field('SALE', ['null', 'boolean']),
  field('GENRES', ['null', 'string'], category),
])
const head = 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,DEVICE\n'
const itemHead = 'ITEM_ID,NAME,TEXT,COUNT,PRICE,SALE,GENRES\n'

/** A folder and a DuckDB; `load` imports texts as files and reads the rows back. */
async function importer(t: TestContext, memoryBytes = 500e6) {
  const folder = await mkdtemp(join(tmpdir(), 'import test-'))
  const scratch = join(folder, "scra'tch")
  const duck: Duck = await openDuck({ threads: 2, memoryBytes, scratch })
  t.after(async () => {
    await duck.close()
    await rm(folder, { recursive: true, force: true })
  })
  const out = join(folder, 'out.parquet')
  const run = (sources: string[], of: DatasetSchema, signal = new AbortController().signal) =>
    importCsv(
      duck,
      {
        sources,
        sourceNames: sources.map((source) => `s3://b/${source.slice(folder.length + 1)}`),
        schema: of,
        out,
        scratch,
      },
      { signal, progress: () => undefined },
    )
  const rows = () =>
    withConnection(duck, (c) => readRows(c, 'SELECT * FROM read_parquet($1)', [out]))
  const store = async (contents: (string | Buffer)[]) => {
    const paths = contents.map((_, k) => join(folder, `f${k}.csv`))
    for (const [k, path] of paths.entries()) await writeFile(path, contents[k]!)
    return paths
  }
  const load = async (of: DatasetSchema, ...contents: (string | Buffer)[]) => {
    const result = await run(await store(contents), of)
    return { ...result, rows: await rows() }
  }
  /** The reason for which the import fails; nothing may be left then. */
  const failure = async (of: DatasetSchema, ...contents: (string | Buffer)[]) => {
    const paths = await store(contents)
    const reason = await run(paths, of).then(
      () => 'the import went through',
      (error) => (error instanceof JobFailure ? error.message : `not for its owner: ${error}`),
    )
    ok(!existsSync(out))
    deepEqual(await readdir(scratch), [])
    return reason
  }
  return { folder, scratch, out, duck, run, rows, load, failure }
}

const digest = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

test('a column may have a name that our own SQL uses', async (t) => {
  const { load } = await importer(t)
  const names = ['VALUE', 'NUMBER', 'PLACE', 'LINE', 'CELLS', 'R0', 'R1', 'ID', 'INDEX', 'ROW']
  const named = schema('Users', [field('USER_ID'), ...names.map((name) => field(name))])
  const line = (id: string, first: string) => `${id},${first},${names.slice(1).join()}`
  const text = ['USER_ID', ...names].join()
  const { rows } = await load(
    named,
    [text, line('u', 'a'), line('v', 'b'), line('u', 'c')].join('\n'),
  )
  const rest = Object.fromEntries(names.slice(1).map((name) => [name, name]))
  deepEqual(rows, [
    { USER_ID: 'v', VALUE: 'b', ...rest },
    { USER_ID: 'u', VALUE: 'c', ...rest },
  ])
})

test('columns are found by header name, others are ignored, empty is null', async (t) => {
  const { load } = await importer(t)
  const { rows, ...counts } = await load(
    events,
    '\ufeffDEVICE,OTHER,EVENT_VALUE,EVENT_TYPE,TIMESTAMP,ITEM_ID,USER_ID\r\nphone,,1.5,view,7,-2996180203100007228,u1\r\n\r\n,x,,buy,8,i,u 2',
  )
  deepEqual(counts, { rowCount: 2, readCount: 2 })
  deepEqual(rows, [
    {
      USER_ID: 'u1',
      ITEM_ID: '-2996180203100007228',
      TIMESTAMP: 7n,
      EVENT_TYPE: 'view',
      EVENT_VALUE: 1.5,
      DEVICE: 'phone',
    },
    {
      USER_ID: 'u 2',
      ITEM_ID: 'i',
      TIMESTAMP: 8n,
      EVENT_TYPE: 'buy',
      EVENT_VALUE: null,
      DEVICE: null,
    },
  ])
})

test('quotes hold commas; \\" \\\\ and doubled quotes are undone; the rest is literal', async (t) => {
  const { load } = await importer(t)
  const cells: [string, string | null][] = [
    ['"a, b"', 'a, b'],
    ['",,"', ',,'],
    ['"a, \\"b\\", c"', 'a, "b", c'],
    ['"say \\"hi\\""', 'say "hi"'],
    ['"say ""hi"""', 'say "hi"'],
    ['"back\\\\"', 'back\\'],
    ['"\\\\\\""', '\\"'],
    ['"C:\\new"', 'C:\\new'],
    ['C:\\new\\', 'C:\\new\\'],
    ['""', null],
    ['"\u0301 combined 😀"', '\u0301 combined 😀'],
    ['  blanks  ', '  blanks  '],
    ["it's; $1 \u0001|\t#", "it's; $1 \u0001|\t#"],
    ['NULL', 'NULL'],
  ]
  const { rows } = await load(
    items,
    itemHead + cells.map(([cell], k) => `${k},${cell},,1,1e-3,true,a|b\n`).join(''),
  )
  deepEqual(
    rows.map((row) => row.NAME),
    cells.map(([, value]) => value),
  )
})

test('values have the types of the schema in Parquet', async (t) => {
  const { load, duck, out } = await importer(t)
  const { rows } = await load(
    items,
    `${itemHead}1,,${'é'.repeat(20_001)},-2147483648,.5,false,${'x'.repeat(1000)}|${'y'.repeat(1000)}\n`,
  )
  equal((rows[0]!.TEXT as string).length, 20_000)
  equal(rows[0]!.PRICE, 0.5)
  const columns = await withConnection(duck, (c) =>
    readRows(c, 'DESCRIBE SELECT * FROM read_parquet($1)', [out]),
  )
  deepEqual(
    columns.map((column) => `${column.column_name} ${column.column_type}`),
    [
      'ITEM_ID VARCHAR',
      'NAME VARCHAR',
      'TEXT VARCHAR',
      'COUNT INTEGER',
      'PRICE DOUBLE',
      'SALE BOOLEAN',
      'GENRES VARCHAR',
    ],
  )
})

test('equal events are stored once where they stood first; of an id the last row counts', async (t) => {
  const { load } = await importer(t)
  const log = await load(
    events,
    `${head}b,i,1,v,,\na,i,1,v,1,\nb,i,1,v,,\n`,
    `${head}a,i,1,v,1.0,\na,i,2,v,1,\n`,
  )
  equal(log.readCount, 5)
  equal(log.rowCount, 3)
  deepEqual(
    log.rows.map((row) => `${row.USER_ID}${row.TIMESTAMP}`),
    ['b1', 'a1', 'a2'],
  )
  const catalogue = await load(
    items,
    `${itemHead}1,old,,,,,\n2,two,,,,,\n`,
    `${itemHead}1,newer,,,,,\n1,newest,,,,,\n`,
  )
  deepEqual(
    catalogue.rows.map((row) => `${row.ITEM_ID} ${row.NAME}`),
    ['2 two', '1 newest'],
  )
})

test('files that do not fit the schema fail with what is missing', async (t) => {
  const { failure } = await importer(t)
  equal(
    await failure(events, 'USER_ID,item_id,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\na,b,1,v,\n'),
    'Input CSV is missing the following columns:[ITEM_ID, DEVICE].',
  )
  match(await failure(events, ''), /^s3:\/\/b\/f0.csv is empty; its first line must name/)
  match(await failure(events, head, head), /^s3:\/\/b\/f0.csv, s3:\/\/b\/f1.csv has no rows/)
  match(
    await failure(events, `${head}a,b,1,v,,\n`, 'X,Y\n1,2\n'),
    /^The header of s3:\/\/b\/f1.csv is X,Y, that of s3:\/\/b\/f0.csv is USER_ID,/,
  )
  match(await failure(events, `${head.trim()},DEVICE\n`), /column DEVICE twice/)
})

test('bad rows fail the import with their count and the first of them quoted', async (t) => {
  const { failure } = await importer(t)
  const good = 'u,i,1,v,,\n'
  equal(
    await failure(
      events,
      head + good.repeat(4),
      `${head}${good}\nu,i,abc,v,,\nu,i,-1,v,1e39,\n,i,1.0,,nan,\nu,i,1\nu,i,1,"v,,\n${good}`,
    ),
    "5 of 11 rows are not valid. s3://b/f1.csv line 4: TIMESTAMP 'abc' is not an integer number of epoch seconds; " +
      "s3://b/f1.csv line 5: TIMESTAMP '-1' is not a time after 1970; it must not be negative; " +
      "EVENT_VALUE '1e39' is not a finite number; s3://b/f1.csv line 6: USER_ID is empty, but its type does not allow null; " +
      "TIMESTAMP '1.0' is not an integer number of epoch seconds; EVENT_TYPE is empty, but its type does not allow null; " +
      "EVENT_VALUE 'nan' is not a finite number; ...",
  )
  const row: [string, RegExp][] = [
    ['u,i,1', /^1 of 2 rows .* line 3: has 3 values, the header has 6\.$/],
    ['u,i,1,"v,,', /line 3: a quote is not closed/],
    ['u,i,1,v"x",,', /line 3: a quote is not closed or stands inside a value/],
    ['u,i,1,"v"x,,', /a quote/],
    ['u,i,1_0,v,,', /TIMESTAMP '1_0' is not an integer/],
    ['u,i, 1,v,,', /TIMESTAMP ' 1' is not an integer/],
    ['u,i,9223372036854775808,v,,', /TIMESTAMP '9223372036854775808' is not an integer/],
    ['u,i,1700000000000,v,,', /TIMESTAMP '1700000000000' is not a time in seconds; divide milli/],
    ['u,i,1,v,0x10,', /EVENT_VALUE '0x10' is not a finite number/],
    ['u,i,1,v,inf,', /EVENT_VALUE 'inf' is not a finite number/],
    ['u,i,1,v\0w,,', /f0.csv line 3 holds a NUL character/],
    [`u,${'x'.repeat(3e6)},1,v,,`, /f0.csv line 3 is longer than \d+ bytes/],
    [`u,i,1,${'x'.repeat(60)}"x"\n`, /a quote/],
  ]
  for (const [line, reason] of row) match(await failure(events, `${head}${good}${line}\n`), reason)
  const latin = Buffer.from(`${head}${good}\nu,i,1,caf\u00e9,,\n`, 'latin1')
  equal(await failure(events, latin), 's3://b/f0.csv line 4 is not UTF-8 text.')
  match(await failure(items, `${itemHead}1,,,2147483648,,,\n`), /COUNT '2147483648' is not an int/)
  match(await failure(items, `${itemHead}1,,,,,True,\n`), /SALE 'True' is not true or false/)
})

test('values that are too long fail with the sentence of AWS', async (t) => {
  const { failure } = await importer(t)
  match(
    await failure(items, `${itemHead}1,,,,,,\n2,,,,,,ok|${'x'.repeat(1001)}\n`),
    /^Length cannot be more than 1000 characters for GENRES\. If no values exceed .*\. 1 of 2 rows are not valid\. s3:\/\/b\/f0\.csv line 3: GENRES 'ok\|x{37}\.\.\.' has more than 1000 characters\.$/,
  )
  match(
    await failure(items, `${itemHead}${'😀'.repeat(257)},,,,,,\n`),
    /^Length cannot be more than 256 characters for ITEM_ID\./,
  )
  match(await failure(items, `${itemHead}1,${'x'.repeat(1001)},,,,,\n`), /1000 characters for NAME/)
})

test('many rows keep their order, need little memory and give the same bytes again', async (t) => {
  const { folder, run, duck, out } = await importer(t, 128e6)
  const path = join(folder, 'many[*].csv.gz')
  const count = 200_000
  await pipeline(function* () {
    yield head
    for (let k = 0; k < count; k += 1)
      yield `user-${(k * 7919) % 50_000},"item ${(k * 31) % 997}",${1e9 + Math.floor(k / 2)},view,${k % 2},\n`
    // All of the second half once more, to be dropped.
    for (let k = count / 2; k < count; k += 1)
      yield `user-${(k * 7919) % 50_000},"item ${(k * 31) % 997}",${1e9 + Math.floor(k / 2)},view,${k % 2},\n`
  }, createWriteStream(path))
  deepEqual(await run([path], events), { rowCount: count, readCount: 1.5 * count })
  const first = await digest(out)
  await run([path], events)
  equal(await digest(out), first)
  const [order] = await withConnection(duck, (c) =>
    readRows(
      c,
      `SELECT count(*) FILTER (TIMESTAMP <> 1000000000 + file_row_number // 2) AS wrong
       FROM read_parquet($1, file_row_number = true)`,
      [out],
    ),
  )
  equal(order!.wrong, 0n)
})

test('an import that is stopped ends soon and leaves nothing', async (t) => {
  const { folder, run, out, scratch } = await importer(t)
  const path = join(folder, 'big.csv')
  const line = `user,"item",1000000000,view,1,\n`
  await writeFile(path, head + line.repeat(1_000_000))
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('stopped by its owner')), 150)
  const start = performance.now()
  await rejects(run([path], events, controller.signal), /stopped by its owner/)
  ok(performance.now() - start < 2000)
  ok(!existsSync(out))
  deepEqual(await readdir(scratch), [])
})

test('the real data sets are read whole', async (t) => {
  const data = new URL('../../../shared/data/', import.meta.url)
  if (!existsSync(data)) return t.skip('the data sets are not beside the project')
  const { folder, run } = await importer(t)
  const read = async (name: string, of: DatasetSchema) => {
    const path = join(folder, 'real.csv')
    await pipeline(createReadStream(new URL(name, data)), createGunzip(), createWriteStream(path))
    return run([path], of)
  }
  const airline = schema('Interactions', [
    field('ITEM_ID'),
    field('USER_ID'),
    field('TIMESTAMP', 'long'),
    field('CABIN_TYPE', 'string', category),
    field('EVENT_TYPE'),
    field('EVENT_VALUE', 'float'),
  ])
  // 157 lines occur more than once, 166 times too often.
  deepEqual(await read('airline/interactions.csv.gz', airline), {
    readCount: 34_853,
    rowCount: 34_687,
  })
  const films = schema('Items', [
    field('ITEM_ID'),
    field('TITLE'),
    field('YEAR', ['null', 'int']),
    field('GENRES', ['null', 'string'], category),
  ])
  equal((await read('ml-latest-small/items.csv.gz', films)).rowCount, 9742)
  const products = schema('Items', [
    field('ITEM_ID'),
    field('DESCRIPTION', ['null', 'string'], { textual: true }),
    field('PRICE', ['null', 'double']),
  ])
  equal((await read('online-retail/items.csv.gz', products)).rowCount, 3659)
  const groceries = schema('Items', [
    field('ITEM_ID'),
    field('PRODUCT_TYPE', ['null', 'string'], category),
  ])
  equal((await read('complete-journey/items.csv.gz', groceries)).rowCount, 92_331)
})
