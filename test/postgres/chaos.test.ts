// Rule: whatever happens to workers, and in whatever order, a job ends once, with the same bytes, or
// fails because it ended three workers.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerProcess, startProcess } from '../crash/serverProcess.ts'
import {
  createImport,
  createSegments,
  createSolution,
  createVersion,
  hashes,
  importEnded,
  prepareShop,
  put,
  queryLines,
  segmentsEnded,
  versionEnded,
} from '../crash/shop.ts'
import { client } from '../harness.ts'
import { filesLeft, randomNumbers } from '../smallShop.ts'
import { dropDatabase } from '../testDatabase.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-chaos-'))
after(async () => {
  dropDatabase(dataDir)
  await rm(dataDir, { recursive: true, force: true })
})
const random = randomNumbers(20_261_128)
const between = (least: number, most: number) => least + random() * (most - least)

/** A place for a worker, in which one follows the other. */
async function place() {
  const start = async () => {
    const worker = startProcess(dataDir, undefined, ['--admin-port', '0'], 'worker')
    await worker.url
    return worker
  }
  let worker: ServerProcess = await start()
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    worker.child.kill(signal)
    return worker.ended
  }
  return {
    async endInPeace() {
      const { code, log } = await end('SIGTERM')
      equal(code, 0, log)
    },
    /** Hangs it for a while, shorter or longer than a lease, or ends it and starts the next. */
    async disturb() {
      const what = random()
      if (what < 0.6) {
        worker.child.kill('SIGSTOP')
        await sleep(between(200, 3500))
        worker.child.kill('SIGCONT')
        return
      }
      // Where another that hangs has its turn at the database, one may not end in time, and says so.
      await end(what < 0.8 ? 'SIGKILL' : 'SIGTERM')
      worker = await start()
    },
  }
}

test('imports, trainings and segment jobs among workers that hang, die and end', async () => {
  const server = startProcess(dataDir, undefined, ['--jobs', 'false'])
  const personalize = client(await server.url)
  const places = await Promise.all([place(), place(), place()])
  await prepareShop(personalize, dataDir)
  await put(dataDir, 's3://data/lines/a.jsonl', queryLines(300))
  await put(dataDir, 's3://data/lines/b.jsonl', queryLines(30))
  await createImport(personalize, 'first')
  equal((await importEnded(personalize, 'first')).status, 'ACTIVE')
  await createSolution(personalize, 'ready')
  await createVersion(personalize, 'ready')
  equal((await versionEnded(personalize, 'ready')).status, 'ACTIVE')
  await createSegments(personalize, 'quiet', 'ready', 'lines/')
  equal((await segmentsEnded(personalize, 'quiet')).status, 'ACTIVE')
  const expected = await hashes(join(dataDir, 's3', 'out', 'quiet'))

  const names = Array.from({ length: 6 }, (_, n) => `job-${n}`)
  for (const name of names) {
    await createImport(personalize, name)
    await createSolution(personalize, name)
    await createVersion(personalize, name)
    await createSegments(personalize, name, 'ready', 'lines/')
  }
  let isOver = false
  const chaos = places.map(async ({ disturb }) => {
    const until = performance.now() + 20_000
    while (!isOver && performance.now() < until) {
      await sleep(between(200, 2500))
      await disturb()
    }
  })
  const work = names.flatMap((name) => [
    importEnded(personalize, name),
    versionEnded(personalize, name),
    segmentsEnded(personalize, name),
  ])
  const [results] = await Promise.all([Promise.all(work), Promise.all(chaos)]).finally(() => {
    isOver = true
    return Promise.allSettled(chaos)
  })
  for (const { status, failureReason } of results)
    if (status !== 'ACTIVE') match(failureReason!, /ended its process 3 times/)
  const segments = results.filter((_, n) => n % 3 === 2)
  for (const [n, { status }] of segments.entries())
    if (status === 'ACTIVE')
      deepEqual(await hashes(join(dataDir, 's3', 'out', names[n]!)), expected, names[n])
  ok(results.filter(({ status }) => status === 'ACTIVE').length > results.length / 3)

  // What lost runs left is swept: one file of the last FULL import, one model of each version.
  const models = results.filter(({ status }, n) => n % 3 === 1 && status === 'ACTIVE').length + 1
  await filesLeft(join(dataDir, 'models'), models)
  await filesLeft(join(dataDir, 'datasets', 'shop', 'INTERACTIONS'), 1)
  for (const each of places) await each.endInPeace()
  personalize.destroy()
  server.child.kill('SIGTERM')
  const { code, log } = await server.ended
  equal(code, 0, log)
})
