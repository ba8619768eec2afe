import { fromKysely, fromPglite, PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { Database, Tx } from './database.ts'

/** The kinds of resources that have work to do after the answer. */
export const jobKinds = ['datasetImportJob', 'solutionVersion', 'batchSegmentJob', 'sweep'] as const
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
  /** Takes no more jobs, asks the running ones to stop and waits for them. */
  close(): Promise<void>
}

/**
 * Opens the queue over the embedded database. A job may run as long as it needs:
 * the process holds the only lease.
 */
export async function openQueue(database: Database, log: Logger): Promise<Queue> {
  const boss = new PgBoss({
    db: fromPglite(database.pglite),
    backend: 'pglite',
    useListenNotify: true,
    schedule: false,
    superviseIntervalSeconds: 3600,
    flowIntervalSeconds: 3600, // no job waits for another; looking whether one does delays the start
    reindex: false,
    monitorVacuum: false,
    registerInstance: false, // there is only ever this one
  })
  boss.on('error', (error) => log.error({ error }, 'job queue'))
  await boss.start()
  for (const kind of jobKinds)
    if (!(await boss.getQueue(kind)))
      await boss.createQueue(kind, {
        notify: true,
        retryLimit: 1_000_000, // how often a job is tried is the runner's decision
        expireInSeconds: 23 * 3600,
        deleteAfterSeconds: 24 * 3600,
      })
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  return {
    async enqueue(tx, kind, arn) {
      await boss.send(kind, { arn }, { db: fromKysely(tx) })
    },
    async clear() {
      // Kind by kind: for all at once pg-boss truncates, and new files cost
      // the start more than the few rows.
      for (const kind of jobKinds) await boss.deleteAllJobs(kind)
    },
    async work(handler, atOnce) {
      for (const kind of jobKinds)
        for (let lane = 0; lane < atOnce; lane++) {
          let worker = ''
          worker = await boss.work<{ arn: string }>(
            kind,
            { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 10 },
            async ([job]) => {
              const work = handler(kind, job!.data.arn, stopping.signal)
              running.add(work)
              await work.finally(() => {
                running.delete(work)
                // pg-boss would look for the next job only after its polling interval.
                // It can wake one worker by its id, so each lane is a worker of its
                // own instead of `localConcurrency`.
                boss.notifyWorker(worker)
              })
            },
          )
        }
    },
    async close() {
      stopping.abort()
      await Promise.allSettled([...running])
      await boss.stop({ graceful: true, timeout: 3000, close: false })
    },
  }
}
