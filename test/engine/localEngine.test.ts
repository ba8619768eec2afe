import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseItemAttributes } from '../../src/data/attributeExpression.ts'
import { type Duck, withConnection } from '../../src/data/duck.ts'
import { openItems } from '../../src/data/itemAttributes.ts'
import type { Run, Snapshot, TrainingPlan } from '../../src/engine/engine.ts'
import { localEngine } from '../../src/engine/local/engine.ts'
import { JobFailure } from '../../src/errors.ts'
import { asked, bench, idsOf, plan, quiet, twoCommunities, write } from './communities.ts'
import { kernelChoice } from './testKernel.ts'

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

const modelFiles = [
  'itemEvents.f64',
  'itemStarts.u32',
  'itemTraitStarts.u32',
  'itemTraits.u32',
  'itemUsers.u32',
  'itemVolumes.f64',
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
  await fails(
    train({ events: [{ eventType: 'sell', weight: 1 }] }, full),
    'Dataset has fewer than 1000 interactions after filtering by event type: sell',
  )
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

/** Processes that this one has started and that have not ended. */
const children = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap')

test('a training is a process of its own, which takes next to nothing of the one that asks for it', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const [began, own] = [performance.now(), process.cpuUsage()]
  const training = engine.train(plan, snapshot, join(folder, 'model'), quiet)
  assert.equal(children().length, 1)
  await training
  assert.deepEqual(children(), [])
  const { user, system } = process.cpuUsage(own)
  const [ownMs, allMs] = [(user + system) / 1000, performance.now() - began]
  t.diagnostic(`${ownMs} of ${allMs} ms`)
  assert(ownMs < 0.1 * allMs, `${ownMs} of ${allMs} ms`)
})

test('a training that is stopped in the midst of it ends with its process', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await manyEvents(folder, duck)
  const controller = new AbortController()
  // The twin takes a minute until it validates.
  const midst = kernelChoice === 'reference' ? 'choose' : 'validate'
  let stoppedAt = 0
  const run: Run = {
    signal: controller.signal,
    progress: (phase, done) => {
      if (phase !== midst || done < 1) return
      stoppedAt = performance.now()
      controller.abort(new Error('stopped'))
    },
  }
  const wide = { ...plan, factorCount: 256 }
  await assert.rejects(engine.train(wide, snapshot, join(folder, 'model'), run), /stopped/)
  const ms = performance.now() - stoppedAt
  t.diagnostic(`${ms} ms`)
  assert(ms < 1000, `${ms} ms`)
  assert.deepEqual(children(), [])
})

test('a training whose process is killed fails, and its files are gone', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const model = join(folder, 'model')
  const kill = () => spawnSync('pkill', ['-KILL', '-f', '-P', `${process.pid}`, 'trainProcess'])
  const run: Run = { ...quiet, progress: (phase) => void (phase === 'choose' && kill()) }
  await assert.rejects(
    engine.train(plan, snapshot, model, run),
    /The process of a training ended: SIGKILL/,
  )
  assert.deepEqual(await readdir(join(folder, 'scratch')), [])
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

type Scored = { users: number[]; scores: number[] }

test('kernel and twin train models that rank the same users with the same scores', async (t) => {
  const { folder, duck, engine } = await bench(t)
  const snapshot = await twoCommunities(folder, duck)
  const twin = localEngine({
    duck: { threads: 2, memoryBytes: 5e8, scratch: join(folder, 'scratch') },
    kernel: 'reference',
  })
  t.after(() => twin.close())
  const attributes = [{ name: 'COLOR', kind: 'category' as const }]
  for (const model of ['itemAffinity', 'itemAttributeAffinity'] as const) {
    const segments: Scored[][] = []
    for (const each of [engine, twin]) {
      const path = join(folder, `${model}-${segments.length}`)
      await each.train({ ...plan, model, attributes }, snapshot, path, quiet)
      const opened = await each.open(path, quiet.signal)
      const requests = Array.from({ length: 60 }, (_, item) => asked(Uint32Array.of(item), 400))
      const lists = await opened.segment(requests, quiet)
      segments.push(
        lists.map(({ users, logScores }) => ({
          users: Array.from(users),
          scores: Array.from(logScores, Math.exp),
        })),
      )
      await opened.close()
    }
    const [ours, twins] = segments as [Scored[], Scored[]]
    let [moved, worst] = [0, 0]
    for (const [n, { users, scores }] of ours.entries()) {
      const theirs = new Map(twins[n]!.users.map((user, k) => [user, twins[n]!.scores[k]!]))
      for (const [k, user] of users.entries()) {
        // Scores are float32: large ones have as many digits, not as many decimals.
        const differs = Math.abs(theirs.get(user)! - scores[k]!)
        worst = Math.max(worst, differs / Math.max(1, scores[k]!))
        // Nobody stands elsewhere but for neighbours whose scores rounding makes change places.
        if (user !== twins[n]!.users[k]) moved++
      }
    }
    t.diagnostic(`${model}: scores differ by ${worst}, ${moved} of 24,000 places`)
    assert(worst < 1e-4, `${worst}`)
    assert(moved < 240, `${moved}`)
  }
})
