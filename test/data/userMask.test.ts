import { deepEqual, equal, notEqual, rejects, throws } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Duck, openDuck } from '../../src/data/duck.ts'
import { parseFilter } from '../../src/data/filterExpression.ts'
import { maskKey, userMask } from '../../src/data/userMask.ts'

let duck: Duck
let folder: string
const path = (name: string) => join(folder, name)

const tables: Record<string, string> = {
  // Named so that the order of names is not the order of age.
  'z-first.parquet': `SELECT * FROM (VALUES
    ('ann', 20, 'gold', 1.1::FLOAT, 'x'), ('bob', 30, 'gold|silver', 9.99::FLOAT, 'x'),
    ('cid', NULL, NULL, NULL, 'x')) AS t(USER_ID, AGE, TIER, SPENT, Country)`,
  'a-later.parquet': `SELECT * FROM (VALUES
    ('ann', 40, 'silver', 9007199254740993, 'Japan購入'), ('dot', 50, 'bronze', -5, 'x'),
    ('dot', 55, 'Bronze', -5, 'b|x, y'), ('not trained', 1, 'gold', 0, 'x'))
    AS t(USER_ID, AGE, TIER, BALANCE, Country)`,
  'events-1.parquet': `SELECT * FROM (VALUES
    ('ann', 'i', 1, 'Click'), ('ann', 'i', 2, 'watch'), ('bob', 'i', 3, 'WATCH'))
    AS t(USER_ID, ITEM_ID, "TIMESTAMP", EVENT_TYPE)`,
  'events-2.parquet': `SELECT * FROM (VALUES
    ('cid', 'i', 1, 'buy'), ('dot', 'i', 1, NULL))
    AS t(USER_ID, ITEM_ID, "TIMESTAMP", EVENT_TYPE)`,
  'model.parquet': `SELECT * FROM (VALUES
    (0, 'dot'), (1, 'cid'), (2, 'bob'), (3, 'ann'), (4, 'eve')) AS t("index", id)`,
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'userMask-'))
  duck = await openDuck({ threads: 2, memoryBytes: 256 << 20, scratch: path('scratch') })
  const connection = await duck.connect()
  for (const [name, sql] of Object.entries(tables))
    await connection.run(`COPY (${sql}) TO '${path(name)}' (FORMAT parquet)`)
  connection.closeSync()
})

after(async () => {
  await duck.close()
  await rm(folder, { recursive: true })
})

/** The names of the users that a filter lets through, sorted. */
async function allowed(text: string, values: Record<string, string> = {}, empty = false) {
  const snapshot = {
    interactions: empty ? [] : [path('events-1.parquet'), path('events-2.parquet')],
    users: empty ? [] : [path('z-first.parquet'), path('a-later.parquet')],
    userCategories: ['TIER'],
  }
  const filter = parseFilter(text)
  const mask = await userMask(duck, filter, values, snapshot, path('model.parquet'), 5)
  equal(mask.length, 1)
  return ['dot', 'cid', 'bob', 'ann', 'eve']
    .filter((_, user) => (mask[user >> 3]! >> (user & 7)) & 1)
    .sort()
    .join(' ')
}

test('of a repeated user the newest record counts', async () => {
  equal(await allowed('INCLUDE UserID WHERE Users.AGE >= 40'), 'ann dot')
  equal(await allowed('INCLUDE UserID WHERE Users.AGE = 55'), 'dot')
  equal(await allowed('INCLUDE UserID WHERE Users.AGE < 40'), 'bob')
})

test('a multi-value field matches by any of its values, exactly', async () => {
  equal(await allowed('INCLUDE UserID WHERE Users.TIER IN ("silver")'), 'ann bob')
  equal(await allowed('INCLUDE UserID WHERE Users.tier IN ("Silver", "bronze")'), '')
  equal(await allowed('INCLUDE UserID WHERE Users.TIER IN ("gold|silver")'), 'bob')
  equal(await allowed('exclude UserId where users.country in ("Japan購入")'), 'bob cid dot eve')
})

test('only categories are multi-value fields [D23]', async () => {
  equal(await allowed('INCLUDE UserID WHERE Users.COUNTRY IN ("x, y", "b")'), '')
  equal(await allowed('INCLUDE UserID WHERE Users.COUNTRY IN ("x")'), 'bob cid')
  equal(await allowed('INCLUDE UserID WHERE Users.COUNTRY IN ("b|x, y", "x")'), 'bob cid dot')
  equal(await allowed('INCLUDE UserID WHERE Users.COUNTRY NOT IN ("x", "b")'), 'ann dot')
})

test('users without a value meet no condition', async () => {
  equal(await allowed('INCLUDE UserID WHERE Users.TIER NOT IN ("silver")'), 'dot')
  equal(await allowed('EXCLUDE UserID WHERE Users.TIER NOT IN ("silver")'), 'ann bob cid eve')
  equal(await allowed('INCLUDE UserID WHERE Users.AGE != 30'), 'ann dot')
  equal(await allowed('INCLUDE UserID WHERE Users.ADDED_LATER IN ("x")'), '')
})

test('AND binds tighter than OR', async () => {
  const text = 'INCLUDE UserID WHERE Users.AGE = 30 OR Users.AGE > 30 AND Users.TIER IN ("Bronze")'
  equal(await allowed(text), 'bob dot')
})

test('numbers compare in the type of their column', async () => {
  equal(await allowed('INCLUDE UserID WHERE Users.SPENT = 9.99'), 'bob')
  equal(await allowed('INCLUDE UserID WHERE Users.BALANCE = 9007199254740993'), 'ann')
  equal(await allowed('INCLUDE UserID WHERE Users.BALANCE = 9007199254740992'), '')
  equal(await allowed('INCLUDE UserID WHERE Users.BALANCE > -5.5'), 'ann dot')
  equal(await allowed(`INCLUDE UserID WHERE Users.BALANCE < 1${'0'.repeat(60)}`), 'ann dot')
})

test('event types are compared ignoring case, over all imports', async () => {
  equal(
    await allowed('INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("Watch", "none")'),
    'ann bob',
  )
  equal(
    await allowed(
      'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("WATCH") AND Interactions.EVENT_TYPE IN ("click")',
    ),
    'ann',
  )
  equal(await allowed('INCLUDE UserID WHERE Interactions.EVENT_TYPE NOT IN ("watch")'), 'cid')
  equal(await allowed('INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")'), 'ann bob cid')
  equal(await allowed('EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")'), 'dot eve')
})

test('pipes: all that INCLUDE names, or everyone, less what EXCLUDE names', async () => {
  const old = 'INCLUDE UserID WHERE Users.AGE >= 40'
  const buys = 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("buy")'
  const clicks = 'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click")'
  const bronze = 'EXCLUDE UserID WHERE Users.TIER IN ("Bronze")'
  equal(await allowed(`${old} | ${buys}`), 'ann cid dot')
  equal(await allowed(`${clicks} | ${bronze}`), 'bob cid eve')
  equal(await allowed(`${clicks} | ${old} | ${bronze} | ${buys}`), 'cid')
})

test('placeholders take quoted lists, bare words and numbers', async () => {
  const tier = 'INCLUDE UserID WHERE Users.TIER IN ($T, "none")'
  equal(await allowed(tier, { T: '"gold","Bronze"', other: 'ignored' }), 'bob dot')
  equal(await allowed(tier, { T: ' gold , Bronze' }), 'bob dot')
  equal(await allowed(tier, { T: '"gold, Bronze"' }), '')
  equal(await allowed(tier, { T: '"gold""' }), 'bob')
  const age = 'INCLUDE UserID WHERE Users.AGE > ($A) AND Users.AGE < $b'
  equal(await allowed(age, { A: '30', b: '"50"' }), 'ann')
})

test('a value is never SQL', async () => {
  const value = `"x'); DROP TABLE users; --","$p0"`
  equal(await allowed('INCLUDE UserID WHERE Users.TIER IN ($T)', { T: value }), '')
})

test('a value missing from INCLUDE fails the line, from EXCLUDE drops that part', async () => {
  await rejects(allowed('INCLUDE UserID WHERE Users.TIER IN ($toString)'), {
    name: 'LineError',
    message: 'The filter needs a value for $toString: add "toString" to "filterValues".',
  })
  const exclude = 'EXCLUDE UserID WHERE Users.TIER IN ($T) AND Users.AGE > 45'
  equal(await allowed(exclude), 'ann bob cid eve')
  equal(await allowed(exclude, { T: '"silver"' }), 'ann bob cid dot eve')
  equal(await allowed('EXCLUDE UserID WHERE Users.TIER IN ($T)', { T: '' }), 'ann bob cid dot eve')
})

test('values that do not fit fail the line', async () => {
  const age = 'EXCLUDE UserID WHERE Users.AGE > $A'
  for (const A of ['many', '"1","2"', '1e3'])
    await rejects(allowed(age, { A }), { name: 'LineError', message: /"A" must be one number/ })
  const tier = 'EXCLUDE UserID WHERE Users.TIER IN ($T)'
  for (const T of ['"a" "b"', '"a', '"a","b"x', ',a'])
    await rejects(allowed(tier, { T }), { name: 'LineError', message: /double quotes/ })
})

test('without users or events in the snapshot no condition is met', async () => {
  equal(await allowed('INCLUDE UserID WHERE Users.AGE > 0', {}, true), '')
  const exclude = 'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")'
  equal(await allowed(exclude, {}, true), 'ann bob cid dot eve')
})

test('lines with the same bound values share a mask', () => {
  const filter = parseFilter('INCLUDE UserID WHERE Users.TIER IN ($T)')
  equal(maskKey(filter, { T: '"a","b"', x: '1' }), maskKey(filter, { T: 'a, b' }))
  notEqual(maskKey(filter, { T: '"a,b"' }), maskKey(filter, { T: 'a,b' }))
  throws(() => maskKey(filter, {}), { name: 'LineError' })
})

test('more users than a byte has bits land in their bytes', async () => {
  const connection = await duck.connect()
  await connection.run(
    `COPY (SELECT i AS "index", 'u' || i AS id FROM range(5000) AS t(i)) TO '${path('many.parquet')}'`,
  )
  await connection.run(
    `COPY (SELECT 'u' || i AS USER_ID, i % 3 AS N FROM range(5000) AS t(i)) TO '${path('n.parquet')}'`,
  )
  connection.closeSync()
  const mask = await userMask(
    duck,
    parseFilter('INCLUDE UserID WHERE Users.N = 1'),
    {},
    { interactions: [], users: [path('n.parquet')], userCategories: [] },
    path('many.parquet'),
    5000,
  )
  const bits = Array.from({ length: 5000 }, (_, user) => (mask[user >> 3]! >> (user & 7)) & 1)
  deepEqual(
    bits,
    Array.from({ length: 5000 }, (_, user) => (user % 3 === 1 ? 1 : 0)),
  )
})
