import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Personalize } from '@aws-sdk/client-personalize'
import { client } from '../harness.ts'
import { filesLeft } from '../smallShop.ts'
import { copyData, dropDatabase, testServer } from '../testDatabase.ts'
import { orLost, serving, startProcess } from './serverProcess.ts'
import {
  createImport,
  createSegments,
  createSolution,
  createVersion,
  deleteSolution,
  hashes,
  importEnded,
  prepareShop,
  put,
  queryLines,
  segmentsEnded,
  versionEnded,
} from './shop.ts'

/** A data directory with an imported dataset and a trained version of the solution `ready`; tests work on copies. */
let prepared = ''

before(async () => {
  prepared = await mkdtemp(join(tmpdir(), 'openpersonalize-crash-'))
  await serving(prepared, async (personalize) => {
    await prepareShop(personalize, prepared)
    await createImport(personalize, 'first')
    isActive(await importEnded(personalize, 'first'))
    await createSolution(personalize, 'ready')
    await createVersion(personalize, 'ready')
    isActive(await versionEnded(personalize, 'ready'))
  })
})
after(() => rm(prepared, { recursive: true, force: true }))

async function copied(t: TestContext): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-crash-'))
  t.after(async () => {
    dropDatabase(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  })
  await copyData(prepared, dataDir)
  return dataDir
}

/** One kind of job: how one is asked for by name, how its ARN ends, and what must be true of it when it has ended. */
type Work = {
  arnEnd(name: string): string
  create(personalize: Personalize, name: string): Promise<unknown>
  finished(personalize: Personalize, name: string): Promise<void>
}

/**
 * Kills one server at each of the steps, each at a job of its own. The server that follows takes up and ends what the
 * one before left, before it is killed itself.
 */
async function killAtEach(dataDir: string, steps: readonly string[], work: Work): Promise<void> {
  let left: string | undefined
  for (const [index, step] of steps.entries()) {
    const name = `killed-${index + 1}`
    const server = startProcess(dataDir, `${work.arnEnd(name)} ${step}`)
    const personalize = client(await server.url)
    if (left) await work.finished(personalize, left)
    await orLost(work.create(personalize, name))
    equal((await server.ended).signal, 'SIGKILL', step)
    personalize.destroy()
    left = name
  }
  await serving(dataDir, (personalize) => work.finished(personalize, left!))
}

function isActive(resource: { status?: string | undefined; failureReason?: string | undefined }) {
  equal(resource.status, 'ACTIVE', resource.failureReason)
}

/** The steps that a job has logged, in order. */
function stepsOf(log: string, arnEnd: string): string[] {
  const lines = log.split('\n').filter((line) => line.includes(`${arnEnd}","step":`))
  return lines.map((line) => JSON.parse(line).step)
}

test('an import killed at any step ends after a restart, with the same bytes', async (t) => {
  const dataDir = await copied(t)
  const datasets = join(dataDir, 'datasets')
  const expected = Object.values(await hashes(datasets))
  equal(expected.length, 1)
  const folder = join(datasets, (await readdir(datasets, { recursive: true })).at(-1)!, '..')
  const work: Work = {
    arnEnd: (name) => `/${name}`,
    create: createImport,
    async finished(personalize, name) {
      isActive(await importEnded(personalize, name))
      await filesLeft(folder, 1)
      deepEqual(Object.values(await hashes(datasets)), expected, name)
    },
  }
  const log = await serving(dataDir, async (personalize, server) => {
    await createImport(personalize, 'whole')
    await work.finished(personalize, 'whole')
    return server
  })
  const steps = stepsOf((await log.ended).log, '/whole')
  ok(steps.length >= 5, steps.join())
  await killAtEach(dataDir, steps, work)
})

test('a training killed at any step ends after a restart, with the same bytes', async (t) => {
  const dataDir = await copied(t)
  const models = join(dataDir, 'models')
  const newestModel = async () => {
    const names = (await readdir(models)).sort(
      (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
    )
    return hashes(join(models, names.at(-1)!))
  }
  const expected = new Map<string, Record<string, string>>()
  const train = async (personalize: Personalize, name: string) => {
    await createSolution(personalize, name)
    await createVersion(personalize, name)
  }
  // The ARN is the seed: each name is trained once without a kill, and deleted so that it can be had again.
  const server = await serving(dataDir, async (personalize, process) => {
    for (let k = 1; k <= 4; k++) {
      const name = `killed-${k}`
      await train(personalize, name)
      isActive(await versionEnded(personalize, name))
      expected.set(name, await newestModel())
      await deleteSolution(personalize, name)
    }
    await filesLeft(models, 1)
    return process
  })
  const steps = stepsOf((await server.ended).log, '/killed-1/v1')
  equal(steps.length, 4, steps.join())
  notEqual(JSON.stringify(expected.get('killed-1')), JSON.stringify(expected.get('killed-2')))
  await killAtEach(dataDir, steps, {
    arnEnd: (name) => `/${name}/v1`,
    create: train,
    async finished(personalize, name) {
      isActive(await versionEnded(personalize, name))
      deepEqual(await newestModel(), expected.get(name), name)
    },
  })
})

test('a segment job killed at any step ends after a restart, with the same bytes', async (t) => {
  const dataDir = await copied(t)
  await put(dataDir, 's3://data/lines/a.jsonl', queryLines(20))
  await put(dataDir, 's3://data/lines/b.jsonl', `${queryLines(3)}{"itemId": "unknown"}\n`)
  const outputs = (name: string) => hashes(join(dataDir, 's3', 'out', name))
  const server = await serving(dataDir, async (personalize, process) => {
    await createSegments(personalize, 'whole', 'ready', 'lines/')
    isActive(await segmentsEnded(personalize, 'whole'))
    return process
  })
  const expected = await outputs('whole')
  deepEqual(Object.keys(expected), ['_CHECK', 'a.jsonl.out', 'b.jsonl.out'])
  const steps = stepsOf((await server.ended).log, '/whole')
  ok(steps.length >= 7, steps.join())
  await killAtEach(dataDir, steps, {
    arnEnd: (name) => `/${name}`,
    create: (personalize, name) => createSegments(personalize, name, 'ready', 'lines/'),
    async finished(personalize, name) {
      isActive(await segmentsEnded(personalize, name))
      deepEqual(await outputs(name), expected, name)
      await swept(join(dataDir, 'scratch'))
    },
  })
})

test('a kill or a SIGTERM in the middle of the numbers costs nothing but time', async (t) => {
  const dataDir = await copied(t)
  const models = join(dataDir, 'models')
  const [ready] = await readdir(models)
  const begin = async (name: string) => {
    const server = startProcess(dataDir)
    const personalize = client(await server.url)
    return { server, personalize, name }
  }
  const numbersBegun = async ({ server, name }: Awaited<ReturnType<typeof begin>>) => {
    await server.logged(`/${name}/v1","step":"solutionVersion 2 planned`)
    await sleep(500)
  }

  const first = await begin('big')
  await createSolution(first.personalize, 'big', 128)
  await createVersion(first.personalize, 'big')
  await numbersBegun(first)
  const training = childrenOf(first.server.child.pid!)
  equal(training.length, 1)
  first.server.child.kill('SIGKILL')
  ok(!(await first.server.ended).log.includes('trained'), 'the kill came before the model')
  for (let waits = 0; training.some(isRunning); waits++) {
    ok(waits < 100, 'the process of the training outlives the server by 2 s')
    await sleep(20)
  }
  first.personalize.destroy()

  const second = await begin('big')
  await numbersBegun(second)
  const asked = performance.now()
  second.server.child.kill('SIGTERM')
  const { code, signal, log } = await second.server.ended
  deepEqual({ code, signal }, { code: 0, signal: null }, log)
  ok(performance.now() - asked < 5000, 'SIGTERM ends the process within 5 s')
  ok(!log.includes('trained'), 'the SIGTERM came before the model')
  second.personalize.destroy()

  const newModel = async () => {
    const [folder] = (await readdir(models)).filter((name) => name !== ready)
    return hashes(join(models, folder!))
  }
  await serving(dataDir, async (personalize) => {
    isActive(await versionEnded(personalize, 'big'))
    const interrupted = await newModel()
    await deleteSolution(personalize, 'big')
    await filesLeft(models, 1)
    await createSolution(personalize, 'big', 128)
    await createVersion(personalize, 'big')
    isActive(await versionEnded(personalize, 'big'))
    deepEqual(interrupted, await newModel())
  })
})

test('a kill in the middle of an output leaves nothing under its name', async (t) => {
  const dataDir = await copied(t)
  await put(dataDir, 's3://data/big.jsonl', queryLines(6000))
  const scratch = join(dataDir, 'scratch')
  const out = join(dataDir, 's3', 'out')
  const server = startProcess(dataDir)
  const personalize = client(await server.url)
  await createSegments(personalize, 'killed', 'ready', 'big.jsonl', 2000)
  for (let written = 0; written < 1e6; ) {
    await sleep(2)
    const names = await readdir(scratch, { recursive: true })
    const name = names.find((each) => basename(each).startsWith('object-'))
    if (name) written = await sizeOf(join(scratch, name))
  }
  server.child.kill('SIGKILL')
  await server.ended
  personalize.destroy()
  deepEqual(Object.keys(await hashes(join(out, 'killed'))), ['_CHECK'])

  await serving(dataDir, async (again) => {
    isActive(await segmentsEnded(again, 'killed'))
    await createSegments(again, 'whole', 'ready', 'big.jsonl', 2000)
    isActive(await segmentsEnded(again, 'whole'))
    deepEqual(await hashes(join(out, 'killed')), await hashes(join(out, 'whole')))
    await swept(scratch)
  })
})

const childrenOf = (pid: number) =>
  spawnSync('pgrep', ['-P', `${pid}`])
    .stdout.toString()
    .split('\n')
    .filter(Boolean)
    .map(Number)

function isRunning(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`]).stdout.toString()
  return state !== '' && !state.startsWith('Z')
}

/** Bytes of a file; 0 once it has got its final name, as the small `_CHECK` does at once. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

test('what was acknowledged is there after a kill', async (t) => {
  const dataDir = await copied(t)
  const server = startProcess(dataDir)
  const personalize = client(await server.url)
  const acknowledged: string[] = []
  const create = async (name: string) => {
    const answer = await orLost(personalize.createDatasetGroup({ name }))
    if (!answer) return
    acknowledged.push(answer.datasetGroupArn!)
    if (acknowledged.length === 30) server.child.kill('SIGKILL')
  }
  await Promise.all(Array.from({ length: 100 }, (_, k) => create(`group-${k}`)))
  equal((await server.ended).signal, 'SIGKILL')
  personalize.destroy()
  ok(acknowledged.length >= 30)

  await serving(dataDir, async (again) => {
    for (const datasetGroupArn of acknowledged) {
      const { datasetGroup } = await again.describeDatasetGroup({ datasetGroupArn })
      isActive(datasetGroup!)
    }
  })

  const next = startProcess(dataDir)
  const creator = client(await next.url)
  await createImport(creator, 'acknowledged')
  next.child.kill('SIGKILL')
  equal((await next.ended).signal, 'SIGKILL')
  creator.destroy()
  await serving(dataDir, async (again) => {
    isActive(await importEnded(again, 'acknowledged'))
  })
})

test('a job that kills its process three times fails with a reason', async (t) => {
  const dataDir = await copied(t)
  const killAt = '/deadly datasetImportJob 2'
  const server = startProcess(dataDir, killAt)
  const personalize = client(await server.url)
  await orLost(createImport(personalize, 'deadly'))
  equal((await server.ended).signal, 'SIGKILL')
  personalize.destroy()
  for (let attempt = 2; attempt <= 3; attempt++)
    equal((await startProcess(dataDir, killAt).ended).signal, 'SIGKILL', `attempt ${attempt}`)
  await serving(dataDir, async (again) => {
    const job = await importEnded(again, 'deadly')
    equal(job.status, 'CREATE FAILED')
    match(job.failureReason!, /ended its process 3 times/)
    await createImport(again, 'next')
    isActive(await importEnded(again, 'next'))
  })
})

/** Where several processes share a folder, what a killed one left is swept later: `sweepScratch`. */
const swept = async (scratch: string) => {
  if (testServer === undefined) await filesLeft(scratch, 0)
}

// In the embedded store; a database on a server is there for many.
if (testServer === undefined)
  test('a second process on the same data directory is refused', async (t) => {
    const dataDir = await copied(t)
    await serving(dataDir, async (personalize) => {
      const second = startProcess(dataDir)
      await rejects(second.url)
      const { code, log } = await second.ended
      equal(code, 1)
      match(log, /is in use by another OpenPersonalize/)
      await personalize.listRecipes({})
    })
  })
