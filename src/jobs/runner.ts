import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setInterval } from 'node:timers'
import type { Context } from '../context.ts'
import { JobFailure } from '../errors.ts'
import { limits } from '../limits.ts'
import { type Status, unfinished } from '../status.ts'
import { getForJob, getStatus, listUnfinished, patchProgress } from '../store/jobResource.ts'
import type { JobHandler } from '../store/queue.ts'
import { patch, type Resource } from '../store/resource.ts'
import { jobs } from './index.ts'
import type { Finish, Job, JobRun, ResourceJobKind } from './job.ts'
import { sweep } from './sweep.ts'

type JobResource = Resource<ResourceJobKind>

/** The training was stopped by StopSolutionVersionCreation. */
class Stopped extends Error {}

/**
 * Queues what a process that is no more left unfinished, as the resources tell. Runs before
 * requests are answered: a job that a request queues meanwhile would be lost or run twice.
 */
export async function requeue(ctx: Context): Promise<void> {
  await ctx.queue.clear()
  await ctx.db.kysely.transaction().execute(async (tx) => {
    for (const { kind, arn } of await listUnfinished(tx))
      await ctx.queue.enqueue(tx, kind as ResourceJobKind, arn)
    await ctx.queue.enqueue(tx, 'sweep', 'start')
  })
}

/**
 * Begins to take queued jobs. Runs once the process is
 * sure to live: a job that is begun counts as an attempt.
 */
export const startWork = (ctx: Context): Promise<void> =>
  ctx.queue.work(runJob(ctx), limits.jobsAtOnce)

/**
 * Runs one job: status, attempts, progress, failure reason and the check that the resource is still
 * the one that was begun are the same for all kinds. Throws only where the queue shall hand the job
 * out again.
 */
export const runJob =
  (ctx: Context): JobHandler =>
  async (kind, arn, shutdown) => {
    if (kind === 'sweep') return sweep(ctx)
    const resource = await begin(ctx, arn)
    if (!resource) return
    const stop = new AbortController()
    const run = makeRun(ctx, resource, AbortSignal.any([shutdown, stop.signal]))
    const watch = setInterval(() => {
      stopIfAsked(ctx, resource, stop).catch((error: unknown) => ctx.log.error({ err: error, arn }))
      run.flush().catch((error: unknown) => ctx.log.error({ err: error, arn }))
    }, limits.progressMs)
    try {
      await rm(run.scratch, { recursive: true, force: true })
      await mkdir(run.scratch, { recursive: true })
      run.step('begun')
      const job = jobs[kind] as Job<ResourceJobKind>
      await end(ctx, resource, { status: 'ACTIVE', ...(await job(ctx, resource, run)) })
      run.step('ended')
    } catch (error) {
      await failed(ctx, resource, shutdown, stop.signal.aborted ? new Stopped() : error)
    } finally {
      clearInterval(watch)
      await rm(run.scratch, { recursive: true, force: true })
    }
  }

/** Marks the resource as in progress, or says that there is nothing to do for it. */
async function begin(ctx: Context, arn: string): Promise<JobResource | undefined> {
  return ctx.db.kysely.transaction().execute(async (tx) => {
    const resource = (await getForJob(tx, arn)) as JobResource | undefined
    if (!resource || !unfinished.includes(resource.status)) return undefined
    const now = ctx.clock()
    if (resource.status === 'CREATE STOPPING') {
      await patch(tx, resource, { status: 'CREATE STOPPED' }, now)
      return undefined
    }
    const attempt = resource.attempt + 1
    if (attempt > limits.jobAttempts) {
      const times = `${limits.jobAttempts} times`
      const failureReason = `The work ended its process ${times}; the server's log says more.`
      await patch(tx, resource, { status: 'CREATE FAILED', failureReason }, now)
      return undefined
    }
    await patch(tx, resource, { attempt, status: 'CREATE IN_PROGRESS' }, now)
    return resource
  })
}

/**
 * Ends the work, only if the resource is still the
 * one that was begun and nobody stopped it meanwhile.
 */
async function end(
  ctx: Context,
  resource: JobResource,
  change: { status: Status; failureReason?: string } & Finish<ResourceJobKind>,
): Promise<void> {
  await ctx.db.kysely.transaction().execute(async (tx) => {
    const now = ctx.clock()
    const done = await patch(tx, resource, change, now, ['CREATE IN_PROGRESS'])
    if (!done) await patch(tx, resource, { status: 'CREATE STOPPED' }, now, ['CREATE STOPPING'])
    if (!done || change.status !== 'ACTIVE') await ctx.queue.enqueue(tx, 'sweep', resource.arn)
  })
  ctx.log.info({ job: resource.arn, status: change.status, reason: change.failureReason })
}

async function failed(
  ctx: Context,
  resource: JobResource,
  shutdown: AbortSignal,
  error: unknown,
): Promise<void> {
  if (error instanceof Stopped) return end(ctx, resource, { status: 'CREATE STOPPED' })
  if (error instanceof JobFailure)
    return end(ctx, resource, { status: 'CREATE FAILED', failureReason: error.message })
  if (shutdown.aborted) {
    // The process was asked to end: that is no attempt, and the next start takes the job up again.
    const { attempt } = resource
    await ctx.db.kysely.transaction().execute((tx) => patch(tx, resource, { attempt }, ctx.clock()))
    return
  }
  if (resource.attempt + 1 < limits.jobAttempts) throw error
  ctx.log.error({ err: error, job: resource.arn })
  const { message } = error as Error
  const failureReason = `An internal error ended the work ${limits.jobAttempts} times: ${message}`
  await end(ctx, resource, { status: 'CREATE FAILED', failureReason })
}

async function stopIfAsked(
  ctx: Context,
  resource: JobResource,
  stop: AbortController,
): Promise<void> {
  const status = await ctx.db.kysely.transaction().execute((tx) => getStatus(tx, resource))
  if (status !== 'CREATE IN_PROGRESS') stop.abort(new Stopped())
}

/** What the job is given; `flush` writes its newest progress to the resource row. */
function makeRun(
  ctx: Context,
  resource: JobResource,
  signal: AbortSignal,
): JobRun & { flush(): Promise<void> } {
  let news: object | undefined
  let stepCount = 0
  return {
    signal,
    scratch: join(ctx.config.dataDir, 'scratch', String(resource.seq)),
    progress(phase, done, total) {
      news = { phase, done, total }
    },
    step(what) {
      stepCount += 1
      ctx.log.debug({ job: resource.arn, step: `${resource.kind} ${stepCount} ${what}` })
    },
    async flush() {
      if (!news) return
      const progress = news
      news = undefined
      await ctx.db.kysely.transaction().execute((tx) => patchProgress(tx, resource, progress))
    },
  }
}
