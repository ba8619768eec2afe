import { deepEqual, rejects, throws } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Duck, openDuck } from '../../src/data/duck.ts'
import {
  type ModelItems,
  openItems,
  parseItemAttributes,
  type QueryColumn,
} from '../../src/data/itemAttributes.ts'

let duck: Duck
let items: ModelItems
let folder: string
const columns: QueryColumn[] = [
  { name: 'GENRES', kind: 'category' },
  { name: 'code', kind: 'category' },
  { name: 'PRICE', kind: 'number' },
  { name: 'YEAR', kind: 'number' },
]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'itemAttributes-'))
  duck = await openDuck({ threads: 2, memoryBytes: 256 << 20, scratch: join(folder, 'scratch') })
  const connection = await duck.connect()
  await connection.run(`COPY (SELECT * FROM (VALUES
    (2, 'c', 'Comedy', '7', 9.99::FLOAT, 2001), (0, 'a', 'Comedy|Action', '07', 5, 1999),
    (1, 'b', 'Coffee, Tea & "Cocoa"', NULL, NULL, 9007199254740993), (3, 'd', NULL, 'x', 20, NULL))
    AS t("index", id, "ITEMS.GENRES", "ITEMS.CODE", "ITEMS.PRICE", "ITEMS.YEAR")) TO '${join(folder, 'items.parquet')}'`)
  connection.closeSync()
  items = await openItems(duck, join(folder, 'items.parquet'), columns)
})

after(async () => {
  items.close()
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
    ['ITEMS.GENRES > "Comedy"', /ITEMS\.GENRES holds strings .* = only/],
  ]
  for (const [text, message] of fails)
    await rejects(matching(text), { name: 'LineError', message }, text)
})

test('a syntax error tells where, what was found and what was expected', () => {
  const errors: [string, string][] = [
    ['', 'position 1: found its end, expected a column such as ITEMS.GENRES.'],
    ['ITEMS.GENRES IN ("a")', 'position 14: found "IN", expected a comparison (=, <, <=, >, >=).'],
    ['ITEMS.A = "a" OR ITEMS.A = "b"', 'position 15: found "OR", expected AND or its end.'],
    ['ITEMS.A = a', 'position 11: found "a", expected a number or a string in quotes.'],
    ['ITEMS.A = 1.2.3', 'position 11: found "1", expected a number or a string in quotes.'],
    ['USERS.A = 1', 'position 1: found "USERS", expected a column such as ITEMS.GENRES.'],
  ]
  for (const [text, message] of errors)
    throws(() => parseItemAttributes(text), {
      name: 'LineError',
      message: `Invalid expression at ${message}`,
    })
})
