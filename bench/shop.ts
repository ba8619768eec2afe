import { existsSync } from 'node:fs'
import { copyFile, glob, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Personalize } from '@aws-sdk/client-personalize'
import { startServer } from '../src/cli/serverProcess.ts'
import { freePort } from '../test/freePort.ts'
import { interactions } from './cache.ts'
import { queryLines } from './data.ts'
import { delaySince, type LoopDelay, loopWatch } from './loopDelay.ts'

/**
 * How long some work took and the most memory the server held meanwhile; undefined where the system
 * does not tell. Of a watched server also the delays of its event loop meanwhile, and before, when
 * it was only polled.
 */
export type Measured = {
  seconds: number
  peakMb: number | undefined
  delays?: { busy: LoopDelay; idle: LoopDelay }
  /** Seconds of each phase of the job, of a watched server. */
  phases?: Map<string, number>
}

/** A running server, and the file of its event loop's delays where that is watched. */
export type Server = {
  personalize: Personalize
  pid: number
  endpoint: string
  watched: { delayPath: string; metrics: string } | undefined
}

const arn = (path: string) => `arn:aws:personalize:us-east-1:123456789012:${path}`
const roleArn = 'arn:aws:iam::123456789012:role/bench'
const datasetGroupArn = arn('dataset-group/bench')
const solutionArn = arn('solution/bench')
const idleMs = 5000

/** Runs `work` against a server of its own on the data directory, and gives what it returns. */
export async function serving<Result>(
  dataDir: string,
  work: (server: Server) => Promise<Result>,
  { watch = false, flags = [] as string[] } = {},
): Promise<Result> {
  const adminPort = watch ? await freePort() : undefined
  const watched = watch
    ? {
        delayPath: `${dataDir}-loopDelay.json`,
        metrics: `http://127.0.0.1:${adminPort}/metrics`,
      }
    : undefined
  const admin = watch ? ['--admin-port', `${adminPort}`] : []
  const server = await startWith(watched ? loopWatch(watched.delayPath) : {}, () =>
    startServer(dataDir, ['--log-level', 'error', ...admin, ...flags]),
  )
  process.once('exit', server.kill)
  const personalize = new Personalize({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  try {
    const { pid, endpoint } = server
    return await work({ personalize, pid, endpoint, watched })
  } finally {
    personalize.destroy()
    await server.stop()
    process.off('exit', server.kill)
  }
}

/** Calls `start` while this process has `env` too, so that what it starts at once inherits it. */
function startWith<Result>(env: NodeJS.ProcessEnv, start: () => Result): Result {
  const before = process.env
  process.env = { ...before, ...env }
  try {
    return start()
  } finally {
    process.env = before
  }
}

/** Imports the interactions of a size into a data directory, from Create to ACTIVE. */
export async function importInto(dataDir: string, sizeName: string): Promise<Measured> {
  const bucket = join(dataDir, 's3', 'bench')
  await mkdir(bucket, { recursive: true })
  await copyFile(await interactions(sizeName), join(bucket, 'interactions.csv'))
  return serving(dataDir, async (server) => {
    const { personalize } = server
    await personalize.createDatasetGroup({ name: 'bench' })
    const { schemaArn } = await personalize.createSchema({ name: 'bench', schema })
    const { datasetArn } = await personalize.createDataset({
      name: 'bench',
      datasetType: 'Interactions',
      datasetGroupArn,
      schemaArn,
    })
    return measured(server, async () => {
      const { datasetImportJobArn } = await personalize.createDatasetImportJob({
        jobName: 'bench',
        datasetArn,
        dataSource: { dataLocation: 's3://bench/interactions.csv' },
        roleArn,
      })
      await active(
        async () =>
          (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
      )
    })
  })
}

/** A schema of interactions, as AWS's guide writes them. */
export const schema = JSON.stringify({
  type: 'record',
  name: 'Interactions',
  namespace: 'com.amazonaws.personalize.schema',
  fields: [
    { name: 'USER_ID', type: 'string' },
    { name: 'ITEM_ID', type: 'string' },
    { name: 'TIMESTAMP', type: 'long' },
    { name: 'EVENT_TYPE', type: 'string' },
  ],
  version: '1.0',
})

type TrainOptions = { factorCount?: number; watch?: true }

/**
 * Trains aws-item-affinity, with its default settings but for `factorCount`, from
 * CreateSolutionVersion to ACTIVE.
 */
export const trainIn = (
  dataDir: string,
  { factorCount, ...options }: TrainOptions = {},
): Promise<Measured> => {
  const parameters = factorCount && { hidden_dimension: `${factorCount}` }
  const work = async (server: Server) => {
    const { personalize } = server
    await personalize.createSolution({
      name: 'bench',
      datasetGroupArn,
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
      performAutoTraining: false,
      ...(parameters && { solutionConfig: { algorithmHyperParameters: parameters } }),
    })
    return measured(server, async () => {
      const { solutionVersionArn } = await personalize.createSolutionVersion({ solutionArn })
      await active(
        async () =>
          (await personalize.describeSolutionVersion({ solutionVersionArn })).solutionVersion,
      )
    })
  }
  return serving(dataDir, work, options)
}

type SegmentOptions = { lineCount: number; numResults: number; times: number; watch?: true }

/**
 * Answers the `lineCount` most popular items with `numResults` users each, `times` times in one
 * server.
 */
export async function segmentIn(
  dataDir: string,
  { lineCount, numResults, times, ...options }: SegmentOptions,
): Promise<Measured[]> {
  const bucket = join(dataDir, 's3', 'bench')
  await writeFile(join(bucket, 'queries.json'), queryLines(lineCount))
  const work = async (server: Server) => {
    const { personalize } = server
    const { solutionVersions = [] } = await personalize.listSolutionVersions({ solutionArn })
    const run = async (jobName: string) => {
      const { batchSegmentJobArn } = await personalize.createBatchSegmentJob({
        jobName,
        solutionVersionArn: solutionVersions[0]!.solutionVersionArn,
        numResults,
        jobInput: { s3DataSource: { path: 's3://bench/queries.json' } },
        jobOutput: { s3DataDestination: { path: `s3://bench/out-${jobName}/` } },
        roleArn,
      })
      await active(
        async () =>
          (await personalize.describeBatchSegmentJob({ batchSegmentJobArn })).batchSegmentJob,
      )
    }
    // The first job of a process has code to compile and a first large collection of garbage.
    if (options.watch) await run('bench-warm')
    const runs: Measured[] = []
    for (let n = 0; n < times; n++) runs.push(await measured(server, () => run(`bench-${n}`)))
    return runs
  }
  return serving(dataDir, work, options)
}

type Ending = { status?: string | undefined; failureReason?: string | undefined }

/**
 * Polls every 50 ms, as no client would: the figure is to be the server's time, not the wait
 * between polls.
 */
async function active(describe: () => Promise<Ending | undefined>): Promise<void> {
  for (;;) {
    const { status = '', failureReason } = (await describe()) ?? {}
    if (status === 'ACTIVE') return
    if (status === 'CREATE FAILED') throw new Error(failureReason)
    await sleep(50)
  }
}

async function measured(server: Server, work: () => Promise<void>): Promise<Measured> {
  const { pid, watched } = server
  await settle(pid)
  const before = watched && {
    idle: await idleDelay(server, watched.delayPath),
    phases: await phasesOf(watched.metrics),
  }
  const began = performance.now()
  const childrenMb = watchChildren(pid)
  await work()
  const seconds = (performance.now() - began) / 1000
  const [own, others] = [await peakMb(pid), childrenMb()]
  const found = { seconds, peakMb: own === undefined ? undefined : own + others }
  if (!before) return found
  const busy = await delaySince(watched!.delayPath, pid)
  const phases = await phasesOf(watched!.metrics)
  for (const [phase, sum] of phases) phases.set(phase, sum - (before.phases.get(phase) ?? 0))
  return { ...found, delays: { idle: before.idle, busy }, phases }
}

/** Seconds that all jobs spent in each phase until now. */
async function phasesOf(metrics: string): Promise<Map<string, number>> {
  const text = await (await fetch(metrics)).text()
  const sums = text.matchAll(
    /^openpersonalize_job_phase_duration_seconds_sum\{.*phase="(\w+)".*\} (\S+)$/gm,
  )
  return new Map(Array.from(sums, ([, phase, sum]) => [phase!, Number(sum)]))
}

/** Delays of a server that is polled as often as for a job but has none. */
async function idleDelay({ personalize, pid }: Server, delayPath: string): Promise<LoopDelay> {
  await delaySince(delayPath, pid)
  for (const end = performance.now() + idleMs; performance.now() < end; await sleep(50))
    await personalize.describeDatasetGroup({ datasetGroupArn })
  return delaySince(delayPath, pid)
}

/**
 * Lets a server that has just started end what it does in the background, and forget the most memory
 * it held: V8 takes half a gigabyte for some seconds to compile Postgres.
 */
async function settle(pid: number): Promise<void> {
  await sleep(4000)
  if (existsSync(`/proc/${pid}/clear_refs`)) await writeFile(`/proc/${pid}/clear_refs`, '5')
}

/** The most memory a process has held since `settle`. Only Linux tells it of another process. */
async function peakMb(pid: number): Promise<number | undefined> {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return undefined
  const [, kilobytes = 0] = /VmHWM:\s+(\d+) kB/.exec(await readFile(path, 'utf8')) ?? []
  return (Number(kilobytes) * 1024) / 1e6
}

/** From now on, the most memory that one of a server's processes of trainings has held; 0 where there was none. */
function watchChildren(pid: number): () => number {
  let most = 0
  const path = `/proc/${pid}/task/${pid}/children`
  const look = async () => {
    // A process may end at any moment.
    const children = await readFile(path, 'utf8').catch(() => '')
    for (const child of children.split(' ').filter(Boolean))
      most = Math.max(most, (await peakMb(Number(child)).catch(() => 0)) ?? 0)
  }
  const timer = setInterval(look, 100)
  return () => {
    clearInterval(timer)
    return most
  }
}

/** The files of a data directory that match a pattern. */
export async function filesNamed(dataDir: string, pattern: string): Promise<string[]> {
  const found: string[] = []
  for await (const path of glob(join(dataDir, pattern))) found.push(path)
  return found
}
