// Protects: what an opened model answers: segments, look-alikes, new items, numbers and explanations.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { maskWithout } from '../../src/data/userMask.ts'
import type { Segment, SegmentRequest, TrainingPlan } from '../../src/engine/engine.ts'
import { asked, bench, idsOf, plan, quiet, twoCommunities, write } from './communities.ts'

test('requests of many kinds and counts are answered as if each were alone', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  const mask = new Uint8Array(50).fill(0b01010101)
  const given = Uint32Array.from(['u003', 'u002', 'u190'], (id) => model.userIndex(id)!)
  const requests = [1, 5_000_000, 7, 399, 30, 2].flatMap((resultCount, n): SegmentRequest[] => [
    {
      query: { users: given },
      resultCount,
      mask: maskWithout(given, n % 2 ? mask : undefined, 400),
    },
    asked(Uint32Array.of(n, 30 + n), resultCount, n % 2 ? undefined : mask),
  ])
  const copied = (segments: Segment[]) => segments.map(({ users }) => [...users])
  const together = copied(await model.segment(requests, quiet))
  for (const [n, request] of requests.entries()) {
    assert.deepEqual(copied(await model.segment([request], quiet)), [together[n]])
    const among =
      request.mask?.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0) ??
      400
    assert.equal(together[n]!.length, Math.min(request.resultCount, among))
  }
})

test('users like some given ones are of their community, without them', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  for (const given of [
    ['u000', 'u009'],
    ['u250', 'u399'],
  ]) {
    const users = Uint32Array.from(given, (id) => model.userIndex(id)!)
    const [segment] = await model.segment(
      [{ query: { users }, resultCount: 198, mask: maskWithout(users, undefined, 400) }],
      quiet,
    )
    const ids = await idsOf(model, segment!.users)
    const right = ids.filter((id) => id >= 'u200' === given[0]! >= 'u200')
    assert(right.length > 190, `${right.length} of 198`)
    assert(given.every((id) => !ids.includes(id)))
  }
})

test('a segment orders users by the learned score, which an explanation splits into its parts', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const attributes = [{ name: 'COLOR', kind: 'category' as const }]
  const byAttribute: TrainingPlan = { ...plan, model: 'itemAttributeAffinity', attributes }
  const path = join(folder, 'model')
  await engine.train(byAttribute, snapshot, path, quiet)
  const model = await engine.open(path, quiet.signal)
  const query = { items: Uint32Array.of(0, 3, 6, 33) }
  const [list] = await model.segment([{ query, mask: undefined, resultCount: 400 }], quiet)
  assert.equal(new Set(list!.users).size, 400)
  for (let k = 1; k < 400; k++) assert(list!.logScores[k - 1]! >= list!.logScores[k]!)
  const { expected, expectedPerScore } = await model.expected(query, quiet.signal)
  for (const place of [0, 17, 100]) {
    const user = list!.users[place]!
    const told = await model.explain(query, user, quiet.signal)
    const sum = told.contributions.reduce((total, { contribution }) => total + contribution, 0)
    assert(Math.abs(sum - list!.logScores[place]!) < 1e-3)
    assert(Math.abs(sum - Math.log(expected[user]! / expectedPerScore)) < 1e-3)
    assert(told.history.length > 0)
  }
})

test('what is expected of sets of items adds up, and nobody is likelier to act than to have interactions', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const path = join(folder, 'model')
  await engine.train(plan, snapshot, path, quiet)
  const model = await engine.open(path, quiet.signal)
  const { itemCount } = model.document
  const allOf = async (items: Uint32Array) => {
    const { expected, expectedPerScore } = await model.expected({ items }, quiet.signal)
    assert(expectedPerScore >= 1)
    return expected.reduce((sum, each) => sum + each, 0)
  }
  const everything = Uint32Array.from({ length: itemCount }, (_, item) => item)
  const whole = await allOf(everything)
  for (const parts of [2, 3, itemCount]) {
    let sum = 0
    for (let part = 0; part < parts; part++)
      sum += await allOf(everything.filter((item) => item % parts === part))
    assert(Math.abs(sum / whole - 1) < 1e-4, `${parts} parts: ${sum} of ${whole}`)
  }
})

test('users and items are found again whatever characters their ids have', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const names = [
    'plain',
    'say "x"',
    'back\\u00e9slash',
    'tab\tnew\nline',
    '購入 😀',
    '\u0001',
    '\u001f',
    'Z',
  ]
  const list = names
    .map((name) => Array.from(name, (c) => `chr(${c.codePointAt(0)})`).join(' || '))
    .join(', ')
  const interactions = join(folder, 'strange.parquet')
  await write(
    duck,
    `SELECT [${list}][1 + n % 8] || (n // 8 % 20) AS USER_ID, [${list}][(1 + hash(n) % 8)::INTEGER] AS ITEM_ID,
       n AS "TIMESTAMP" FROM range(3200) AS events(n)`,
    interactions,
  )
  const snapshot = { interactions: [interactions], items: [], users: [] }
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  const indexes = names.map((name) => model.itemIndex(name)!)
  assert.deepEqual(indexes.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7])
  for (const stranger of ['', 'a', 'plain ', '\u0002', '~', '\ud800'])
    for (const indexOf of [model.itemIndex, model.userIndex])
      assert.equal(indexOf(stranger), undefined)
  for (const [n, index] of indexes.entries()) assert.equal(model.itemId(index), names[n])
  for (let user = 0; user < model.document.userCount; user++)
    assert.equal(model.userIndex(model.userId(user)), user)
  for (const name of names) assert.equal(model.userId(model.userIndex(`${name}7`)!), `${name}7`)
  const items = Uint32Array.of(indexes[6]!)
  const [users] = await model.segment([asked(items, 160)], quiet)
  const expected = names.flatMap((name) => Array.from({ length: 20 }, (_, n) => `${name}${n}`))
  assert.deepEqual((await idsOf(model, users!.users)).sort(), expected.sort())
})

test('what users are expected to do falls along a segment, and explains itself', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  t.after(() => model.close())
  for (const items of [Uint32Array.of(3), Uint32Array.of(3, 5, 40)]) {
    const { expected, expectedPerScore } = await model.expected({ items }, quiet.signal)
    assert.equal(expected.length, 400)
    const [list] = await model.segment([asked(items, 400)], quiet)
    const falling = Array.from(list!.users, (user) => expected[user]!)
    for (const [n, value] of falling.entries())
      assert.ok(value >= 0 && value <= (falling[n - 1] ?? Number.POSITIVE_INFINITY))
    const why = await model.explain({ items }, list!.users[0]!, quiet.signal)
    const sum = why.contributions.reduce((total, { contribution }) => total + contribution, 0)
    assert.ok(Math.abs(sum - Math.log(falling[0]! / expectedPerScore)) < 1e-3)
  }
})

test('an item without events is answered from its attributes, one without attributes is unknown', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const newer = join(folder, 'newer.parquet')
  await write(
    duck,
    `FROM (VALUES ('new red', 'red'), ('new blue', 'blue'), ('new', NULL)) AS item(ITEM_ID, COLOR)`,
    newer,
  )
  const attributes = [{ name: 'COLOR', kind: 'category' as const }]
  const path = join(folder, 'model')
  const both = { ...snapshot, items: [...snapshot.items, newer] }
  const document = await engine.train({ ...plan, attributes }, both, path, quiet)
  assert.deepEqual([document.itemCount, document.coldItemCount], [60, 3])
  const model = await engine.open(path, quiet.signal)
  t.after(() => model.close())
  assert.equal(model.itemIndex('new'), undefined)
  for (const [color, isRed] of [
    ['red', true],
    ['blue', false],
  ] as const) {
    const item = model.itemIndex(`new ${color}`)!
    assert.equal(model.itemId(item), `new ${color}`)
    const [segment] = await model.segment([asked(Uint32Array.of(item), 100)], quiet)
    const ids = await idsOf(model, segment!.users)
    assert(ids.every((id) => id < 'u200' === isRed))
  }
})

test('the history that counts is of the community, and adds up to the affinity that it explains', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  // u000 has one event beside its community.
  const stray = join(folder, 'stray.parquet')
  await write(
    duck,
    `SELECT 'u000' AS USER_ID, 'i45' AS ITEM_ID, 7::BIGINT AS "TIMESTAMP", 'view' AS EVENT_TYPE,
       1::FLOAT AS EVENT_VALUE`,
    stray,
  )
  const path = join(folder, 'model')
  const more = { ...snapshot, interactions: [...snapshot.interactions, stray] }
  await engine.train(plan, more, path, quiet)
  const model = await engine.open(path, quiet.signal)
  t.after(() => model.close())
  const query = { items: Uint32Array.of(model.itemIndex('i07')!) }
  const { history } = await model.explain(query, model.userIndex('u000')!, quiet.signal)
  const weightOf = new Map(history.map(({ item, weight }) => [model.itemId(item), weight]))
  assert(history.length > 5)
  assert(
    weightOf.get('i45')! <
      Math.min(...[...weightOf].filter(([id]) => id < 'i30').map(([, w]) => w)),
  )
})

test('where nothing can be held out, affinity times activity ranks', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const { interactions } = await twoCommunities(folder, duck)
  const items = join(folder, 'same.parquet')
  // Everybody acts on the only value, and nothing can be said of who does.
  await write(
    duck,
    `SELECT format('i{:02}', i) AS ITEM_ID, 'same' AS COLOR FROM range(60) AS items(i)`,
    items,
  )
  const attributes = [{ name: 'COLOR', kind: 'category' as const }]
  const same: TrainingPlan = { ...plan, model: 'itemAttributeAffinity', attributes }
  const path = join(folder, 'model')
  const document = await engine.train(
    same,
    { interactions, items: [items], users: [] },
    path,
    quiet,
  )
  assert.equal(document.score.name, 'affinity x activity')
  assert.deepEqual(document.candidates, [])
  const model = await engine.open(path, quiet.signal)
  t.after(() => model.close())
  const [segment] = await model.segment([asked(Uint32Array.of(3, 40), 400)], quiet)
  assert.equal(segment!.users.length, 400)
  assert(segment!.logScores.every((score) => Number.isFinite(score)))
})

test('who always acts is sure to, and is expected to do as much as it did', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const interactions = join(folder, 'daily.parquet')
  await write(
    duck,
    `SELECT 'u' || n % 100 AS USER_ID, 'only' AS ITEM_ID, 2880 * n AS "TIMESTAMP" FROM range(6000) AS events(n)`,
    interactions,
  )
  const snapshot = { interactions: [interactions], items: [], users: [] }
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  t.after(() => model.close())
  const query = { items: Uint32Array.of(0) }
  const { expected, expectedPerScore } = await model.expected(query, quiet.signal)
  // The newest fifth of the 60 events of each.
  for (const each of expected) {
    assert.ok(Math.abs(each - 12) < 0.1, `${each}`)
    assert.ok(-Math.expm1(-each / expectedPerScore) > 0.99)
  }
})

test('of a set about as much is expected as of its items together', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  t.after(() => model.close())
  const total = async (items: Uint32Array) =>
    (await model.expected({ items }, quiet.signal)).expected.reduce((sum, each) => sum + each, 0)
  for (const size of [2, 5, 12]) {
    const items = Uint32Array.from({ length: size }, (_, n) => 3 * n)
    let alone = 0
    for (const item of items) alone += await total(Uint32Array.of(item))
    const share = (await total(items)) / alone
    assert.ok(share > 0.5 && share < 1.3, `${size} items: ${share}`)
  }
})
