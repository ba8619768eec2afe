import { deepEqual, rejects } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type AttributeQuery, parseItemAttributes } from '../../src/data/attributeExpression.ts'
import { type Duck, openDuck } from '../../src/data/duck.ts'
import { type ModelItems, openItems, type QueryColumn } from '../../src/data/itemAttributes.ts'
import { type Item, itemQueries, meets } from './itemQueries.ts'

let duck: Duck
let items: ModelItems
let shopItems: ModelItems
let folder: string
const columns: QueryColumn[] = [
  { name: 'GENRES', kind: 'category' },
  { name: 'code', kind: 'category' },
  { name: 'PRICE', kind: 'number' },
  { name: 'YEAR', kind: 'number' },
]

/** Items with and without values, of any combination. */
const shop: Item[] = Array.from({ length: 45 }, (_, index) => ({
  index,
  GENRES: [null, 'tea', 'wine', 'tea|wine', 'wine|water'][index % 5]!,
  PRICE: [null, -1.5, 0, 2, 7][(index >> 1) % 5]!,
  YEAR: [null, 1999, 2001][(index >> 2) % 3]!,
}))

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'itemAttributes-'))
  duck = await openDuck({ threads: 2, memoryBytes: 256 << 20, scratch: join(folder, 'scratch') })
  const connection = await duck.connect()
  await connection.run(`COPY (SELECT * FROM (VALUES
    (2, 'c', 'Comedy', '7', 9.99::FLOAT, 2001), (0, 'a', 'Comedy|Action', '07', 5, 1999),
    (1, 'b', 'Coffee, Tea & "Cocoa"', NULL, NULL, 9007199254740993), (3, 'd', NULL, 'x', 20, NULL))
    AS t("index", id, "ITEMS.GENRES", "ITEMS.CODE", "ITEMS.PRICE", "ITEMS.YEAR")) TO '${join(folder, 'items.parquet')}'`)
  const rows = shop.map(
    ({ index, GENRES, PRICE, YEAR }) =>
      `(${index}, ${GENRES && `'${GENRES}'`}, ${PRICE}::FLOAT, ${YEAR}::BIGINT)`,
  )
  await connection.run(`COPY (SELECT * FROM (VALUES ${rows})
    AS t("index", "ITEMS.GENRES", "ITEMS.PRICE", "ITEMS.YEAR")) TO '${join(folder, 'shop.parquet')}'`)
  connection.closeSync()
  shopItems = await openItems(
    duck,
    join(folder, 'shop.parquet'),
    columns.filter(({ name }) => name !== 'code'),
  )
  items = await openItems(duck, join(folder, 'items.parquet'), columns)
})

after(async () => {
  items.close()
  shopItems.close()
  await duck.close()
  await rm(folder, { recursive: true })
})

const matching = async (text: string) => [...(await items.matching(parseItemAttributes(text)))]

test('a category matches by any of its values, exactly; column names in any case', async () => {
  deepEqual(await matching('ITEMS.GENRES = "Comedy"'), [0, 2])
  deepEqual(await matching('items.genres="Comedy" and ITEMS.GENRES = \'Action\''), [0])
  deepEqual(await matching(String.raw`ITEMS.GENRES = "Coffee, Tea & \"Cocoa\""`), [1])
  deepEqual(await matching('ITEMS.GENRES = "Comedy|Action"'), [0])
})

test('numbers compare as numbers, quoted or not', async () => {
  deepEqual(await matching('ITEMS.PRICE = 9.99'), [2])
  deepEqual(await matching('ITEMS.PRICE <= "9.99"'), [0, 2])
  deepEqual(await matching('ITEMS.PRICE > 5 AND ITEMS.YEAR < 2002'), [2])
  deepEqual(await matching('ITEMS.PRICE >= 20'), [3])
  deepEqual(await matching('ITEMS.YEAR = 9007199254740993'), [1])
})

test('AND binds tighter than OR, parentheses tighter than both, NOT the most', async () => {
  deepEqual(
    await matching('ITEMS.CODE = "x" OR ITEMS.GENRES = "Comedy" AND ITEMS.PRICE < 9'),
    [0, 3],
  )
  deepEqual(
    await matching('(ITEMS.CODE = "x" OR ITEMS.GENRES = "Comedy") AND ITEMS.PRICE < 9'),
    [0],
  )
  deepEqual(await matching('not ITEMS.GENRES = "Action" and ITEMS.PRICE > 1'), [2])
  deepEqual(await matching('NOT (ITEMS.GENRES = "Action" OR ITEMS.PRICE > 100)'), [2])
})

test('IN and NOT IN take a list, of numbers too', async () => {
  deepEqual(await matching('ITEMS.GENRES IN ("Action", "Coffee, Tea & \\"Cocoa\\"", "?")'), [0, 1])
  deepEqual(await matching("ITEMS.GENRES not in ('Action')"), [1, 2])
  deepEqual(await matching('ITEMS.CODE IN (7, "x")'), [2, 3])
  deepEqual(await matching('ITEMS.YEAR IN (1999, 2001.0, 9007199254740992)'), [0, 2])
  deepEqual(await matching('ITEMS.YEAR NOT IN (1999.0, 9007199254740992)'), [1, 2])
  deepEqual(await matching('ITEMS.PRICE IN (9.99, 1)'), [2])
  const many = Array.from({ length: 997 }, (_, n) => n)
  deepEqual(await matching(`ITEMS.PRICE NOT IN (${many}) AND ITEMS.CODE != "07"`), [2])
})

test('an item without a value meets neither a comparison nor its opposite', async () => {
  deepEqual(await matching('ITEMS.GENRES != "Action"'), [1, 2])
  deepEqual(await matching('NOT ITEMS.GENRES = "Action"'), [1, 2])
  deepEqual(await matching('ITEMS.YEAR != 1999'), [1, 2])
  deepEqual(await matching('NOT ITEMS.YEAR >= 2001'), [0])
  deepEqual(await matching('ITEMS.YEAR = 1999 OR NOT ITEMS.YEAR = 1999'), [0, 1, 2])
})

test('any expression finds the items that meet it', async () => {
  const property = async (query: AttributeQuery) => {
    const expected = shop.filter((item) => meets(item, query)).map(({ index }) => index)
    const found = await shopItems.matching(query).catch((error) => {
      if (/^No item of the training data has /.test(error.message)) return []
      throw error
    })
    deepEqual([...found], expected)
  }
  await fc.assert(fc.asyncProperty(itemQueries, property), { seed: 7, numRuns: 300 })
})

test('a number in a category is the string of its digits', async () => {
  deepEqual(await matching('ITEMS.CODE = 7'), [2])
  deepEqual(await matching('ITEMS.CODE = 07'), [0])
  deepEqual(await matching('ITEMS.CODE = "7"'), [2])
})

test('what no item of the training data has fails the line', async () => {
  const fails: [string, RegExp][] = [
    ['ITEMS.GENRES = "comedy"', /^No item of the training data has ITEMS\.GENRES = "comedy"\.$/],
    ['ITEMS.GENRES = "Comedy" AND ITEMS.PRICE > 99', /^No item .* has ITEMS\.PRICE > 99\.$/],
    ['ITEMS.GENRES = "Action" AND ITEMS.CODE = "7"', /has all of ITEMS\.GENRES = "Action" AND/],
    ['ITEMS.BRAND = "x"', /^ITEMS\.BRAND is not .* with ITEMS\.GENRES, ITEMS\.code, ITEMS\.PRICE/],
    ['ITEMS.PRICE = "cheap"', /ITEMS\.PRICE holds numbers .* "cheap"/],
    ['ITEMS.GENRES > "Comedy"', /ITEMS\.GENRES holds strings .* =, !=, IN and NOT IN only, not >/],
    ['ITEMS.PRICE IN (1, "cheap")', /ITEMS\.PRICE holds numbers .* "cheap"/],
    ['ITEMS.PRICE = 5 OR ITEMS.BRAND IN ("x")', /^ITEMS\.BRAND is not a column/],
    ['ITEMS.GENRES IN ("x", "y")', /^No item .* has ITEMS\.GENRES IN \("x", "y"\)\.$/],
    ['ITEMS.CODE = 1 OR ITEMS.CODE = 2', /has any of ITEMS\.CODE = 1 OR ITEMS\.CODE = 2\.$/],
    ['ITEMS.YEAR > 1 AND (ITEMS.CODE = 1 OR ITEMS.CODE = 2)', /has any of ITEMS\.CODE = 1 OR/],
    [
      'NOT (ITEMS.PRICE < 99 OR ITEMS.YEAR = 1)',
      /^No item of the training data has ITEMS\.PRICE >= 99\.$/,
    ],
    [`ITEMS.CODE = "${'x'.repeat(1000)}"`, /has ITEMS\.CODE = "x{200,256}\.\.\.\.$/],
  ]
  for (const [text, message] of fails)
    await rejects(matching(text), { name: 'LineError', message }, text)
})
