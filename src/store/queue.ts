import { fromKysely, PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { Database, Tx } from './database.ts'
import { listAbandoned } from './jobResource.ts'

/** The kinds of jobs: resources with work to do after the answer, and the sweep. */
const jobKinds = ['datasetImportJob', 'solutionVersion', 'batchSegmentJob', 'sweep'] as const
export type JobKind = (typeof jobKinds)[number]

/**
 * Does one job; `signal` fires when the process is asked to stop. What it
 * throws makes the queue try again.
 */
export type JobHandler = (kind: JobKind, arn: string, signal: AbortSignal) => Promise<void>

/**
 * Queued work, in the same database as the resources, so that both are written in one transaction.
 */
export type Queue = {
  enqueue(tx: Tx, kind: JobKind, arn: string): Promise<void>
  /**
   * Forgets all jobs: for a process that begins and queues anew what
   * the resources say is unfinished.
   */
  clear(): Promise<void>
  /** Begins to take jobs. */
  work(handler: JobHandler, atOnce: number): Promise<void>
  /**
   * Begins to queue again what workers left that died: those that showed no sign of life for so many
   * seconds. For a database that several processes share.
   */
  watch(leaseSeconds: number): void
  /** Resolves once the queue has looked into its tables. */
  ping(): Promise<void>
  /** Takes no more jobs, asks the running ones to stop and waits for them. */
  close(): Promise<void>
}

async function begin(boss: PgBoss): Promise<void> {
  await boss.start()
  for (const kind of jobKinds)
    if (!(await boss.getQueue(kind)))
      await boss.createQueue(kind, {
        notify: true,
        retryLimit: 1_000_000, // how often a job is tried is the runner's decision
        retryDelay: 1,
        retryBackoff: true,
        retryDelayMax: 3600,
        expireInSeconds: daySeconds - 1,
        deleteAfterSeconds: daySeconds,
      })
}

/** Opens the queue in a database. A job may run as long as it needs. */
export async function openQueue(database: Database, log: Logger): Promise<Queue> {
  const boss = new PgBoss({
    ...database.queue,
    useListenNotify: true,
    schedule: false,
    superviseIntervalSeconds: 3600,
    flowIntervalSeconds: 3600, // no job waits for another; looking for such jobs delays the start
    reindex: false,
    monitorVacuum: false,
    registerInstance: false,
  })
  boss.on('error', (error) => log.error({ err: error }, 'job queue'))
  // One that could not begin must not keep the process alive.
  await begin(boss).catch(async (error) => {
    await boss.stop({ graceful: false })
    throw error
  })
  const stopping = new AbortController()
  /**
   * By pg-boss's id: it hands a job that takes more than a day to a
   * second worker, which then waits.
   */
  const running = new Map<string, Promise<void>>()
  const run = async (handler: JobHandler, kind: JobKind, arn: string) => {
    // What comes while the process ends is left to others, or to the next start.
    if (stopping.signal.aborted) throw new Error('This worker is ending.')
    await handler(kind, arn, stopping.signal).catch((error: unknown) => {
      log.error({ err: error, kind, arn }, 'the job is tried again later')
      throw error
    })
  }
  const enqueue: Queue['enqueue'] = async (tx, kind, arn) => {
    await boss.send(kind, { arn }, { ...due, db: fromKysely(tx) })
  }
  const requeueAbandoned = async (leaseSeconds: number) => {
    if ((await listAbandoned(database.kysely, leaseSeconds)).length === 0) return
    await database.kysely.transaction().execute(async (tx) => {
      for (const { kind, arn } of await listAbandoned(tx, leaseSeconds))
        await enqueue(tx, kind as JobKind, arn)
    })
  }
  return {
    enqueue,
    watch(leaseSeconds) {
      const look = () =>
        requeueAbandoned(leaseSeconds).catch((error: unknown) => log.error({ err: error }))
      const watching = setInterval(look, (leaseSeconds * 1000) / 3)
      stopping.signal.addEventListener('abort', () => clearInterval(watching))
    },
    async clear() {
      // Kind by kind: for all at once pg-boss truncates, and new files cost
      // the start more than the few rows.
      for (const kind of jobKinds) await boss.deleteAllJobs(kind)
    },
    async work(handler, atOnce) {
      for (const kind of jobKinds)
        for (let lane = 0; lane < atOnce; lane++) {
          // The queue wakes its workers when a job comes. One that comes while all are busy waits
          // for the next poll, unless who ends a job looks again: pg-boss wakes a worker by its id,
          // so that each lane is a worker of its own, not one with `localConcurrency`.
          const worker: string = await boss.work<{ arn: string }>(kind, polling, async ([job]) => {
            const { id, data } = job!
            const work = running.get(id) ?? run(handler, kind, data.arn)
            running.set(id, work)
            await work.finally(() => {
              running.delete(id)
              boss.notifyWorker(worker)
            })
          })
        }
    },
    async ping() {
      if (!(await boss.getQueue('sweep'))) throw new Error('The tables of the job queue are gone.')
    },
    async close() {
      // First, so that what a job hands back goes to another process.
      for (const kind of jobKinds) await boss.offWork(kind, { wait: false })
      stopping.abort()
      await Promise.allSettled(running.values())
      await boss.stop({ graceful: true, timeout: 3000 })
    },
  }
}

const daySeconds = 24 * 3600

/**
 * A job may be taken, and is kept, whatever the clock of the database says meanwhile: it is due decades
 * before it is queued, and forgotten decades later.
 */
const due = { startAfter: '-30 years', retentionSeconds: 60 * 365 * daySeconds }

/** The second number counts as long as the queue wakes its workers, which it does. */
const polling = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 10 }
