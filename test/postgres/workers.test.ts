// Rules: workers share the jobs of one database, none of which runs twice at once to a different
// result; one that dies or hangs is replaced within its lease, one that ends hands back at once.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Personalize } from '@aws-sdk/client-personalize'
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
import { filesLeft } from '../smallShop.ts'
import { ask, copyData, dropDatabase, nameOf } from '../testDatabase.ts'

const leaseMs = 2000

/** A data directory with an imported dataset and a trained version of the solution `ready`; tests work on copies. */
const prepared = await mkdtemp(join(tmpdir(), 'openpersonalize-workers-'))
after(async () => {
  dropDatabase(prepared)
  await rm(prepared, { recursive: true, force: true })
})
before(async () => {
  const server = startProcess(prepared)
  const personalize = client(await server.url)
  await prepareShop(personalize, prepared)
  await createImport(personalize, 'first')
  isActive(await importEnded(personalize, 'first'))
  await createSolution(personalize, 'ready')
  await createVersion(personalize, 'ready')
  isActive(await versionEnded(personalize, 'ready'))
  personalize.destroy()
  await ended(server)
})

/** A server that only serves, on a copy of the prepared data directory. */
async function serving(t: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-workers-'))
  await copyData(prepared, dataDir)
  const server = startProcess(dataDir, undefined, ['--jobs', 'false'])
  const personalize = client(await server.url)
  t.after(async () => {
    personalize.destroy()
    await ended(server)
    dropDatabase(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  })
  const start = async (killAt?: string) => {
    const worker = startProcess(dataDir, killAt, ['--admin-port', '0'], 'worker')
    await worker.url
    return worker
  }
  /** A column of the newest resource of this name. */
  const column = (name: string, arnEnd: string) =>
    ask(`select "${name}" from resource where arn like '%/${arnEnd}'`, nameOf(dataDir))
  return { dataDir, personalize, start, column }
}

async function ended(process: ServerProcess, signal: NodeJS.Signals = 'SIGTERM') {
  process.child.kill(signal)
  return process.ended
}

function isActive(resource: { status?: string | undefined; failureReason?: string | undefined }) {
  equal(resource.status, 'ACTIVE', resource.failureReason)
}

async function beginTraining(personalize: Personalize, name: string) {
  await createSolution(personalize, name, 128)
  await createVersion(personalize, name)
}

test('a server without jobs leaves them to workers, which share them', async (t) => {
  const { personalize, start, column } = await serving(t)
  const names = ['a', 'b', 'c', 'd']
  for (const name of names) await createSolution(personalize, name, 128)
  await createVersion(personalize, 'a')
  await sleep(1000)
  equal(column('status', 'a/v1'), 'CREATE PENDING')
  const workers = await Promise.all([start(), start()])
  for (const name of names.slice(1)) await createVersion(personalize, name)
  for (const name of names) isActive(await versionEnded(personalize, name))
  equal(new Set(names.map((name) => column('worker', `${name}/v1`))).size, 2)
  for (const name of names) equal(column('run', `${name}/v1`), '1')
  for (const worker of workers) {
    match(worker.stdout(), /^OpenPersonalize takes jobs from 127\.0\.0\.1:\d+\/test_\w+$/m)
    deepEqual((await ended(worker)).code, 0)
  }
})

test('a killed worker is replaced within its lease', async (t) => {
  const { dataDir, personalize, start, column } = await serving(t)
  const first = await start()
  await beginTraining(personalize, 'killed')
  await first.logged('/killed/v1","step":"solutionVersion 2 planned')
  const second = await start()
  await ended(first, 'SIGKILL')
  const killed = performance.now()
  await second.logged('/killed/v1","step":"solutionVersion 2 planned')
  const ms = performance.now() - killed
  ok(ms < leaseMs * 2, `taken up after ${ms} ms`)
  isActive(await versionEnded(personalize, 'killed'))
  equal(column('run', 'killed/v1'), '2')
  equal(column('attempt', 'killed/v1'), '2')
  await filesLeft(join(dataDir, 'models'), 2)
  await ended(second)
})

test('a worker that is asked to end hands its job back at once', async (t) => {
  const { personalize, start, column } = await serving(t)
  const first = await start()
  await beginTraining(personalize, 'handed')
  await first.logged('/handed/v1","step":"solutionVersion 2 planned')
  const second = await start()
  await sleep(500)
  const asked = performance.now()
  equal((await ended(first)).code, 0)
  await second.logged('/handed/v1","step":"solutionVersion 2 planned')
  const ms = performance.now() - asked
  ok(ms < leaseMs, `taken up after ${ms} ms`)
  isActive(await versionEnded(personalize, 'handed'))
  equal(column('attempt', 'handed/v1'), '1')
  await ended(second)
})

/** Each kind of job, stopped at a step: how one is asked for, and what it leaves in the data directory. */
const hangs: {
  step: string
  arnEnd: string
  create(personalize: Personalize): Promise<unknown>
  ended(personalize: Personalize): Promise<{ status?: string | undefined }>
  folder: string
}[] = [
  ...['parquet written', 'dataset changed'].map((what, n) => ({
    step: `datasetImportJob ${n + 3} ${what}`,
    arnEnd: '/hung',
    create: (personalize: Personalize) => createImport(personalize, 'hung'),
    ended: (personalize: Personalize) => importEnded(personalize, 'hung'),
    folder: 'datasets',
  })),
  ...['planned', 'trained'].map((what, n) => ({
    step: `solutionVersion ${n + 2} ${what}`,
    arnEnd: '/hung/v1',
    create: async (personalize: Personalize) => {
      await createSolution(personalize, 'hung')
      await createVersion(personalize, 'hung')
    },
    ended: (personalize: Personalize) => versionEnded(personalize, 'hung'),
    folder: 'models',
  })),
  ...['output checked', 'output complete', 'output 1 written'].map((what, n) => ({
    step: `batchSegmentJob ${n + 2} ${what}`,
    arnEnd: '/hung',
    create: (personalize: Personalize) => createSegments(personalize, 'hung', 'ready', 'a.jsonl'),
    ended: (personalize: Personalize) => segmentsEnded(personalize, 'hung'),
    folder: 's3/out',
  })),
]

for (const { step, arnEnd, create, ended: workEnded, folder } of hangs)
  test(`a worker that hangs at ${step} and wakes too late changes nothing`, async (t) => {
    const { dataDir, personalize, start } = await serving(t)
    await put(dataDir, 's3://data/a.jsonl', queryLines(20))
    process.env.KILL_SIGNAL = 'SIGSTOP'
    const hung = await start(`${arnEnd} ${step}`)
    delete process.env.KILL_SIGNAL
    await create(personalize)
    await hung.logged(`${arnEnd}","step":"${step}`)
    const second = await start()
    isActive(await workEnded(personalize))
    const state = async () => ({
      row: ask(
        `select row_to_json(resource) from resource where arn like '%${arnEnd}'`,
        nameOf(dataDir),
      ),
      dataset: ask(`select internal from resource where kind = 'dataset'`, nameOf(dataDir)),
      files: await hashes(join(dataDir, folder)),
    })
    if (folder !== 's3/out') await onlyNamedFiles(dataDir, folder)
    const before = { ...(await state()), times: await times(join(dataDir, folder)) }
    hung.child.kill('SIGCONT')
    await hung.logged('Another worker has taken the job')
    await sleep(500)
    if (folder !== 's3/out') await onlyNamedFiles(dataDir, folder)
    deepEqual({ ...(await state()), times: await times(join(dataDir, folder)) }, before)
    await ended(second)
    await createImport(personalize, 'afterwards')
    isActive(await importEnded(personalize, 'afterwards'))
    equal((await ended(hung)).code, 0)
  })

/** Of the hung run and the one that replaced it, one has files: two models, or one Parquet file. */
async function onlyNamedFiles(dataDir: string, folder: string) {
  if (folder === 'models') return filesLeft(join(dataDir, folder), 2)
  const [group] = await readdir(join(dataDir, folder))
  await filesLeft(join(dataDir, folder, group!, 'INTERACTIONS'), 1)
}

/** When each file of a folder was written. */
async function times(folder: string): Promise<Record<string, number>> {
  const names = Object.keys(await hashes(folder))
  const found = names.map(async (name) => [name, (await stat(join(folder, name))).mtimeMs])
  return Object.fromEntries(await Promise.all(found))
}
