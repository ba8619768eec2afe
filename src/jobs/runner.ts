import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setInterval } from 'node:timers'
import type { Context } from '../context.ts'
import { JobFailure, LeaseLost } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Status } from '../status.ts'
import {
  listUnfinished,
  patchProgress,
  release,
  releaseAll,
  requireRun,
  take,
} from '../store/jobResource.ts'
import type { JobHandler } from '../store/queue.ts'
import { patch, type Resource } from '../store/resource.ts'
import { jobs } from './index.ts'
import { type Finish, type Job, type JobRun, type ResourceJobKind, runName } from './job.ts'
import { keepLease, Stopped } from './lease.ts'
import { sweep } from './sweep.ts'
import { type Telling, tellOf } from './telling.ts'

type JobResource = Resource<ResourceJobKind>

/**
 * Queues what a process that is no more left unfinished, as the resources tell. Runs before
 * requests are answered: a job that a request queues meanwhile would be lost or run twice. In a
 * database of several processes each is replaced when its leases end (`Queue.watch`).
 */
export async function requeue(ctx: Context): Promise<void> {
  if (!ctx.db.shared) await ctx.queue.clear()
  await ctx.db.kysely.transaction().execute(async (tx) => {
    if (!ctx.db.shared) {
      await releaseAll(tx)
      for (const { kind, arn } of await listUnfinished(tx))
        await ctx.queue.enqueue(tx, kind as ResourceJobKind, arn)
    }
    await ctx.queue.enqueue(tx, 'sweep', 'start')
  })
}

/**
 * Begins to take queued jobs. Runs once the process is
 * sure to live: a job that is begun counts as an attempt.
 */
export async function startWork(ctx: Context): Promise<void> {
  if (ctx.db.shared) ctx.queue.watch(ctx.config.leaseSeconds)
  await ctx.queue.work(runJob(ctx), limits.jobsAtOnce)
}

/**
 * Runs one job: status, attempts, lease, progress, failure reason and the check that the resource is
 * still the one that was begun are the same for all kinds. Throws only where the queue shall hand the
 * job out again.
 */
const runJob =
  (ctx: Context): JobHandler =>
  async (kind, arn, shutdown) => {
    if (kind === 'sweep') return sweep(ctx)
    const resource = await begin(ctx, arn)
    if (resource) await work(ctx, resource, shutdown).catch(ifLost(ctx, resource))
  }

async function work(ctx: Context, resource: JobResource, shutdown: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const lease = keepLease(ctx, resource, stop)
  const hold = async () => void (await lease.hold())
  const telling = tellOf(ctx, resource)
  const run = makeRun(ctx, resource, AbortSignal.any([shutdown, stop.signal]), hold, telling)
  const flushing = setInterval(() => {
    run.flush().catch((error: unknown) => ctx.log.error({ err: error, arn: resource.arn }))
  }, limits.progressMs)
  try {
    await rm(run.scratch, { recursive: true, force: true })
    await mkdir(run.scratch, { recursive: true })
    run.step('begun')
    const job = jobs[resource.kind] as Job<ResourceJobKind>
    await end(ctx, resource, telling, { status: 'ACTIVE', ...(await job(ctx, resource, run)) })
    run.step('ended')
  } catch (error) {
    const why = stop.signal.aborted ? stop.signal.reason : error
    await failed(ctx, resource, telling, shutdown, why).catch((error: unknown) => {
      if (error instanceof LeaseLost) telling.end('lost')
      throw error
    })
  } finally {
    lease.end()
    clearInterval(flushing)
    await rm(run.scratch, { recursive: true, force: true })
  }
}

/** Takes the job and marks the resource as in progress, or says that there is nothing to do for it. */
async function begin(ctx: Context, arn: string): Promise<JobResource | undefined> {
  return ctx.db.kysely.transaction().execute(async (tx) => {
    const { worker, config } = ctx
    const resource = (await take(tx, arn, worker, config.leaseSeconds)) as JobResource | undefined
    if (!resource) return undefined
    const now = ctx.clock()
    if (resource.status === 'CREATE STOPPING') {
      await patch(tx, resource, { status: 'CREATE STOPPED' }, now)
      return undefined
    }
    if (resource.attempt > limits.jobAttempts) {
      const times = `${limits.jobAttempts} times`
      const failureReason = `The work ended its process ${times}; the server's log says more.`
      await patch(tx, resource, { status: 'CREATE FAILED', failureReason }, now)
      ctx.log.error({ job: arn }, failureReason)
      ctx.metrics?.job(resource.kind, 'CREATE FAILED', 0)
      return undefined
    }
    await patch(tx, resource, { status: 'CREATE IN_PROGRESS' }, now)
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
  telling: Telling,
  change: { status: Status; failureReason?: string } & Finish<ResourceJobKind>,
): Promise<void> {
  const { arn, run } = resource
  const done = await ctx.db.kysely.transaction().execute(async (tx) => {
    await requireRun(tx, resource)
    const now = ctx.clock()
    const done = await patch(tx, resource, change, now, ['CREATE IN_PROGRESS'])
    if (!done) await patch(tx, resource, { status: 'CREATE STOPPED' }, now, ['CREATE STOPPING'])
    if (!done || change.status !== 'ACTIVE' || run > 1) await ctx.queue.enqueue(tx, 'sweep', arn)
    return done
  })
  telling.end(done ? change.status : 'CREATE STOPPED', change.failureReason)
}

async function failed(
  ctx: Context,
  resource: JobResource,
  telling: Telling,
  shutdown: AbortSignal,
  error: unknown,
): Promise<void> {
  if (error instanceof LeaseLost) throw error
  if (error instanceof Stopped) return end(ctx, resource, telling, { status: 'CREATE STOPPED' })
  if (error instanceof JobFailure)
    return end(ctx, resource, telling, { status: 'CREATE FAILED', failureReason: error.message })
  if (shutdown.aborted) {
    await handBack(ctx, resource)
    return telling.end('handed back')
  }
  if (resource.attempt < limits.jobAttempts) {
    await ctx.db.kysely.transaction().execute(async (tx) => {
      // Without the lease, what went wrong may only be that another run has swept the files.
      await requireRun(tx, resource)
      await release(tx, resource)
    })
    telling.end('tried again')
    throw error
  }
  ctx.log.error({ err: error, job: resource.arn })
  const { message } = error as Error
  const failureReason = `An internal error ended the work ${limits.jobAttempts} times: ${message}`
  await end(ctx, resource, telling, { status: 'CREATE FAILED', failureReason })
}

/**
 * The process was asked to end: that is no attempt. Another worker takes the job up, or the next
 * start of this one.
 */
async function handBack(ctx: Context, resource: JobResource): Promise<void> {
  const attempt = resource.attempt - 1
  await ctx.db.kysely.transaction().execute(async (tx) => {
    await requireRun(tx, resource)
    await patch(tx, resource, { attempt }, ctx.clock())
    await release(tx, resource)
    if (ctx.db.shared) await ctx.queue.enqueue(tx, resource.kind, resource.arn)
  })
}

/** Another worker goes on, or the resource was deleted; what this one has written is nobody's. */
const ifLost =
  (ctx: Context, { arn }: JobResource) =>
  async (error: unknown) => {
    if (!(error instanceof LeaseLost)) throw error
    ctx.log.warn({ job: arn }, error.message)
    await ctx.db.kysely.transaction().execute((tx) => ctx.queue.enqueue(tx, 'sweep', arn))
  }

/** What the job is given; `flush` writes its newest progress to the resource row. */
function makeRun(
  ctx: Context,
  resource: JobResource,
  signal: AbortSignal,
  hold: JobRun['hold'],
  telling: Telling,
): JobRun & { flush(): Promise<void> } {
  let news: object | undefined
  let stepCount = 0
  return {
    signal,
    hold,
    scratch: join(ctx.scratch, runName(resource)),
    progress(phase, done, total) {
      news = { phase, done, total }
      telling.phase(phase)
    },
    step(what) {
      stepCount += 1
      ctx.log.debug({ job: resource.arn, step: `${resource.kind} ${stepCount} ${what}` })
    },
    async flush() {
      if (!news) return
      const progress = news
      news = undefined
      await patchProgress(ctx.db.kysely, resource, progress)
    },
  }
}
