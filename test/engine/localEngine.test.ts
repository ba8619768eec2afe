import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseItemAttributes } from '../../src/data/attributeExpression.ts'
import { type Duck, openDuck, withConnection } from '../../src/data/duck.ts'
import { openItems } from '../../src/data/itemAttributes.ts'
import type {
  Model,
  Run,
  Segment,
  SegmentRequest,
  Snapshot,
  TrainingPlan,
} from '../../src/engine/engine.ts'
import { localEngine } from '../../src/engine/local/engine.ts'
import { JobFailure } from '../../src/errors.ts'
import { kernelChoice } from './testKernel.ts'

const plan: TrainingPlan = {
  model: 'itemAffinity',
  factorCount: 32,
  seed: 3,
  events: [],
  attributes: [],
  horizonDays: 30,
  foresees: 'horizon',
}
const hundred = { resultCount: 100, mask: undefined }
const quiet: Run = { signal: new AbortController().signal, progress() {} }

async function bench(t: TestContext, threads = 2) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const options = { threads, memoryBytes: 5e8, scratch: join(folder, 'scratch') }
  const duck = await openDuck(options)
  const engine = localEngine({ duck: options, kernel: kernelChoice })
  t.after(async () => {
    await engine.close()
    await duck.close()
    await rm(folder, { recursive: true })
  })
  return { folder, duck, engine }
}

/** Writes rows that a SELECT makes to a Parquet file. */
const write = (duck: Duck, select: string, path: string) =>
  withConnection(duck, (connection) => connection.run(`COPY (${select}) TO '${path}'`))

/**
 * 400 users of two communities, 20 events each on the 30 items of their own: users u000..u199 red ones, the others
 * blue ones. Items carry their community as COLOR, every third one `big` as well, and a PRICE.
 */
async function twoCommunities(folder: string, duck: Duck): Promise<Snapshot> {
  const interactions = join(folder, 'interactions.parquet')
  const items = join(folder, 'items.parquet')
  await write(
    duck,
    `SELECT format('u{:03}', u) AS USER_ID,
       format('i{:02}', (u // 200) * 30 + (hash(u * 1000 + n) % 30)) AS ITEM_ID,
       (1000 * n + u)::BIGINT AS "TIMESTAMP", IF(n % 2 = 0, 'view', 'buy') AS EVENT_TYPE,
       (n / 10.0)::FLOAT AS EVENT_VALUE
     FROM range(400) AS users(u), range(20) AS events(n)`,
    interactions,
  )
  await write(
    duck,
    `SELECT format('i{:02}', i) AS ITEM_ID,
       IF(i < 30, 'red', 'blue') || IF(i % 3 = 0, '|big', '') AS COLOR, (i % 5)::DOUBLE AS PRICE
     FROM range(60) AS items(i)`,
    items,
  )
  return { interactions: [interactions], items: [items], users: [] }
}

/** 600,000 events of 60,000 users on 500 items. */
async function manyEvents(folder: string, duck: Duck): Promise<Snapshot> {
  const interactions = join(folder, 'many.parquet')
  await write(
    duck,
    `SELECT 'u' || (hash(n) % 60000) AS USER_ID, 'i' || (hash(n, 1) % 500) AS ITEM_ID,
       n AS "TIMESTAMP" FROM range(600000) AS events(n)`,
    interactions,
  )
  return { interactions: [interactions], items: [], users: [] }
}

async function idsOf(model: Model, users: Uint32Array): Promise<string[]> {
  let text = ''
  for await (const chunk of model.idText(users, quiet.signal)) text += Buffer.from(chunk)
  return JSON.parse(`[${text}]`)
}

const asked = (items: Uint32Array, resultCount: number, mask?: Uint8Array): SegmentRequest => ({
  query: { items },
  ...{ resultCount, mask },
})

test('the segment of an item is its community', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const phases = new Set<string>()
  const run: Run = { ...quiet, progress: (phase) => phases.add(phase) }
  const document = await engine.train(plan, snapshot, join(folder, 'model'), run)
  assert.deepEqual([document.userCount, document.itemCount, document.eventCount], [400, 60, 8000])
  assert.deepEqual(
    [...phases],
    ['prepare', 'choose', 'validate', 'measure', 'learn', 'train', 'write'],
  )
  assert.deepEqual(Object.keys(document.metrics), [
    'coverage',
    'hits_at_1_percent',
    'recall_at_1_percent',
  ])

  const model = await engine.open(join(folder, 'model'), quiet.signal)
  assert.deepEqual(model.document, document)
  assert.equal(model.itemIndex('i07'), 7)
  assert.equal(model.itemIndex('i99'), undefined)
  const red = Uint32Array.of(model.itemIndex('i07')!)
  const blue = Uint32Array.of(model.itemIndex('i37')!)
  const lists = await model.segment([asked(red, 100), asked(blue, 100)], run)
  assert((await idsOf(model, lists[0]!.users)).every((id) => id < 'u200'))
  assert((await idsOf(model, lists[1]!.users)).every((id) => id >= 'u200'))

  const mask = new Uint8Array(50)
  mask[1] = 0b101 // users 8 and 10
  const [masked] = await model.segment([asked(blue, 100, mask)], run)
  assert.deepEqual(await idsOf(model, masked!.users.toSorted()), ['u008', 'u010'])
  await model.close()
  await assert.rejects(model.segment([asked(red, 1)], run), /closed/)
})

test('requests of many kinds and counts are answered as if each were alone', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const model = await engine.open(join(folder, 'model'), quiet.signal)
  const mask = new Uint8Array(50).fill(0b01010101)
  const given = Uint32Array.from(['u003', 'u002', 'u190'], (id) => model.userIndex(id)!)
  const requests = [1, 5_000_000, 7, 399, 30, 2].flatMap((resultCount, n): SegmentRequest[] => [
    { query: { users: given }, resultCount, mask: n % 2 ? mask : undefined },
    asked(Uint32Array.of(n, 30 + n), resultCount, n % 2 ? undefined : mask),
  ])
  const copied = (segments: Segment[]) => segments.map(({ users }) => [...users])
  const together = copied(await model.segment(requests, quiet))
  for (const [n, request] of requests.entries()) {
    assert.deepEqual(copied(await model.segment([request], quiet)), [together[n]])
    const among = request.mask ? 200 : 400
    const left = 'users' in request.query ? (request.mask ? 2 : 3) : 0
    assert.equal(together[n]!.length, Math.min(request.resultCount, among - left))
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
      [{ query: { users }, resultCount: 198, mask: undefined }],
      quiet,
    )
    const ids = await idsOf(model, segment!.users)
    const right = ids.filter((id) => id >= 'u200' === given[0]! >= 'u200')
    assert(right.length > 190, `${right.length} of 198`)
    assert(given.every((id) => !ids.includes(id)))
  }
})

const modelFiles = [
  'itemStarts.u32',
  'itemTraitStarts.u32',
  'itemTraits.u32',
  'itemUsers.u32',
  'items.f32',
  'items.ids',
  'items.parquet',
  'model.json',
  'pairCounts.f32',
  'pairNewer.f32',
  'pairNewest.f32',
  'pairRecents.f32',
  'traitNewer.f32',
  'traitShares.f32',
  'traitStarts.u32',
  'traitUsers.u32',
  'traitWeights.f32',
  'userActivity.f32',
  'userEvents.f32',
  'userItems.u32',
  'userNormaliser.f32',
  'userStarts.u32',
  'users.f32',
  'users.ids',
  'users.parquet',
]

test('model files are the same bytes on a rerun and for any number of threads', async (t) => {
  const digests: string[][] = []
  for (const threads of [1, 2, 2]) {
    const { folder, duck, engine } = await bench(t, threads)
    const snapshot = await twoCommunities(folder, duck)
    const attributes = [
      { name: 'COLOR', kind: 'category' as const },
      { name: 'PRICE', kind: 'number' as const },
    ]
    const model = join(folder, 'model')
    await engine.train(
      { ...plan, model: 'itemAttributeAffinity', attributes },
      snapshot,
      model,
      quiet,
    )
    const names = (await readdir(model)).sort()
    assert.deepEqual(names, modelFiles)
    const digest = async (name: string) =>
      createHash('sha256')
        .update(await readFile(join(model, name)))
        .digest('hex')
    digests.push(await Promise.all(names.map(digest)))
  }
  assert.deepEqual(digests[0], digests[1])
  assert.deepEqual(digests[1], digests[2])
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
  const expected = await model.expected(query, quiet.signal)
  for (const place of [0, 17, 100]) {
    const user = list!.users[place]!
    const told = await model.explain(query, user, quiet.signal)
    const sum = told.contributions.reduce((total, { contribution }) => total + contribution, 0)
    assert(Math.abs(sum - list!.logScores[place]!) < 1e-3)
    const { interactionsPerUser } = model.document
    assert(Math.abs(sum - Math.log(expected[user]! / interactionsPerUser)) < 1e-3)
    assert(told.history.length > 0)
  }
})

test('event rules say which events count, and the last record of an item wins', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const events = [
    { eventType: 'buy', weight: 1 },
    { eventType: 'view', valueAtLeast: 1.8, weight: 0.5 },
    { eventType: 'view', valueAtLeast: 1.0, weight: 0 },
  ]
  const newer = join(folder, 'newer.parquet')
  await write(duck, `SELECT 'i07' AS ITEM_ID, 'green' AS COLOR`, newer)
  const path = join(folder, 'model')
  const document = await engine.train(
    { ...plan, events, attributes: [{ name: 'COLOR', kind: 'category' }] },
    { ...snapshot, items: [...snapshot.items, newer] },
    path,
    quiet,
  )
  assert.equal(document.eventCount, 400 * 11) // ten bought, and the view of value 1.8
  const colors = await withConnection(duck, async (connection) => {
    const sql = `SELECT "ITEMS.COLOR" AS COLOR FROM '${path}/items.parquet' WHERE id IN ('i07', 'i08') ORDER BY id`
    return (await connection.runAndReadAll(sql)).getColumns()[0]
  })
  assert.deepEqual(colors, ['green', 'red'])
})

test('too few data fail with the reasons that AWS gives (spec E.8)', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const full = await twoCommunities(folder, duck)
  const train = (change: Partial<TrainingPlan>, snapshot: Snapshot) =>
    engine.train({ ...plan, ...change }, snapshot, join(folder, 'model'), quiet)
  const from = async (name: string, where: string) => {
    const path = join(folder, `${name}.parquet`)
    await write(duck, `SELECT * FROM '${full.interactions[0]}' WHERE ${where}`, path)
    return { ...full, interactions: [path] }
  }
  const fails = (promise: Promise<unknown>, message: string | RegExp) =>
    assert.rejects(promise, (error: Error) => {
      assert(error instanceof JobFailure)
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      return true
    })
  const few = 'Dataset has fewer than 25 users with at least 2 interactions each.'
  await fails(train({}, await from('few', `USER_ID < 'u024'`)), few)
  await fails(train({ events: [{ eventType: 'sell', weight: 1 }] }, full), few)
  await fails(
    train({}, await from('small', `USER_ID < 'u040'`)),
    'Dataset has fewer than 1000 interactions',
  )
  await fails(
    train({ events: [{ eventType: 'buy', weight: 1 }] }, await from('buys', `USER_ID < 'u090'`)),
    'Dataset has fewer than 1000 interactions after filtering by event type: buy',
  )
  const single = join(folder, 'single.parquet')
  await write(
    duck,
    `SELECT USER_ID, ITEM_ID, "TIMESTAMP" FROM '${full.interactions[0]}' WHERE USER_ID < 'u030'
     UNION ALL SELECT 'x' || n, 'i01', n FROM range(4000) AS singles(n)`,
    single,
  )
  await fails(train({}, { ...full, interactions: [single] }), /fewer than 1% of users/)
  const byAttribute: Partial<TrainingPlan> = {
    model: 'itemAttributeAffinity',
    attributes: [{ name: 'COLOR', kind: 'category' }],
  }
  await fails(train(byAttribute, { ...full, items: [] }), /no Items dataset/)
  await fails(train({ ...byAttribute, attributes: [] }, full), /no categorical or numerical column/)
  const strangers = join(folder, 'strangers.parquet')
  await write(duck, `SELECT 'other' AS ITEM_ID, 'red' AS COLOR`, strangers)
  await fails(train(byAttribute, { ...full, items: [strangers] }), /No item of the interactions/)
  await fails(
    train({ events: [{ valueAtLeast: 2, weight: 1 }] }, { ...full, interactions: [single] }),
    /no column EVENT_VALUE/,
  )
  assert(!(await readdir(folder)).some((name) => name.startsWith('model')))
})

test('a training that is stopped throws the reason and leaves nothing', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  for (const stopAt of ['prepare', 'choose', 'train', 'write']) {
    const controller = new AbortController()
    const reason = new Error(`stopped at ${stopAt}`)
    const run: Run = {
      signal: controller.signal,
      progress: (phase) => phase === stopAt && controller.abort(reason),
    }
    await assert.rejects(engine.train(plan, snapshot, join(folder, 'model'), run), reason)
  }
  const closed = engine.train(plan, snapshot, join(folder, 'model'), quiet)
  await Promise.all([assert.rejects(closed, /The engine is closed/), engine.close()])
  assert.deepEqual((await readdir(folder)).sort(), [
    'interactions.parquet',
    'items.parquet',
    'scratch',
  ])
  assert.deepEqual(await readdir(join(folder, 'scratch')), [])
})

test('an error of a training arrives as it was', async (t) => {
  const { folder, engine } = await bench(t)
  const snapshot = { interactions: [join(folder, 'missing.parquet')], items: [], users: [] }
  await assert.rejects(engine.train(plan, snapshot, join(folder, 'model'), quiet), (error) => {
    assert(error instanceof Error && !(error instanceof JobFailure))
    assert.match(error.message, /missing.parquet/)
    return true
  })
})

test('a training takes next to nothing of the thread that asks for it', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const [own, all] = [process.threadCpuUsage(), process.cpuUsage()]
  await engine.train(plan, snapshot, join(folder, 'model'), quiet)
  const ms = (usage: NodeJS.CpuUsage) => (usage.user + usage.system) / 1000
  const [ownMs, allMs] = [ms(process.threadCpuUsage(own)), ms(process.cpuUsage(all))]
  t.diagnostic(`${ownMs} of ${allMs} ms`)
  // To start the thread costs the most of it.
  assert(ownMs < 0.1 * allMs, `${ownMs} of ${allMs} ms`)
})

test('a training that is stopped gives its cores and its memory back', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await manyEvents(folder, duck)
  const { rss } = process.memoryUsage
  const before = rss()
  const controller = new AbortController()
  let held = 0
  const run: Run = {
    signal: controller.signal,
    progress: (phase, done) => {
      if (phase !== 'validate' || done < 1) return
      held = rss() - before
      controller.abort(new Error('stopped'))
    },
  }
  const wide = { ...plan, factorCount: 256 }
  await assert.rejects(engine.train(wide, snapshot, join(folder, 'model'), run), /stopped/)
  assert(held > 100e6, `the training held ${held} bytes`)
  const busy = process.cpuUsage()
  await sleep(300)
  const { user, system } = process.cpuUsage(busy)
  assert(user + system < 150_000, `${user + system} us of 300 ms after the stop`)
  const kept = rss() - before
  t.diagnostic(`${held} bytes held, ${kept} after the stop, ${user + system} us`)
  if (process.platform === 'linux') assert(kept < held / 2)
})

test('an item column may have a name that the model uses too', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const { interactions } = await twoCommunities(folder, duck)
  const path = join(folder, 'named.parquet')
  const select = `format('i{:02}', i) AS ITEM_ID, 'a' AS ID, 'b' AS "INDEX", 'c' AS FILE`
  await write(duck, `SELECT ${select} FROM range(60) AS items(i)`, path)
  const attributes = ['ID', 'INDEX', 'FILE'].map((name) => ({ name, kind: 'category' as const }))
  const named: TrainingPlan = { ...plan, model: 'itemAttributeAffinity', attributes }
  const model = join(folder, 'model')
  await engine.train(named, { interactions, items: [path], users: [] }, model, quiet)
  const items = await openItems(duck, join(model, 'items.parquet'), attributes)
  t.after(() => items.close())
  const query = parseItemAttributes('ITEMS.ID = "a" AND ITEMS.INDEX = "b" AND ITEMS.FILE = "c"')
  assert.equal((await items.matching(query)).length, 60)
})

test('users and items are found again whatever characters their ids have', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const names = [
    'plain',
    'say "x"',
    'back\\slash',
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
  const [users] = await model.segment([{ query: { items }, ...hundred, resultCount: 160 }], quiet)
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
    const expected = await model.expected({ items }, quiet.signal)
    assert.equal(expected.length, 400)
    const [list] = await model.segment([asked(items, 400)], quiet)
    const falling = Array.from(list!.users, (user) => expected[user]!)
    for (const [n, value] of falling.entries())
      assert.ok(value >= 0 && value <= (falling[n - 1] ?? Number.POSITIVE_INFINITY))
    const why = await model.explain({ items }, list!.users[0]!, quiet.signal)
    const sum = why.contributions.reduce((total, { contribution }) => total + contribution, 0)
    assert.ok(Math.abs(sum - Math.log(falling[0]! / model.document.interactionsPerUser)) < 1e-3)
  }
})
