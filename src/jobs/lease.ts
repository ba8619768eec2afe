import { clearInterval, setInterval } from 'node:timers'
import type { Context } from '../context.ts'
import { LeaseLost } from '../errors.ts'
import { limits } from '../limits.ts'
import { getStatus, type RunOf, renew } from '../store/jobResource.ts'

/** The training was stopped by StopSolutionVersionCreation. */
export class Stopped extends Error {}

/**
 * Keeps a job for this process until `end()`: renews its lease, and aborts `stop` where somebody
 * stopped the job (Stopped) or another worker has it (LeaseLost).
 */
export function keepLease(ctx: Context, job: RunOf, stop: AbortController) {
  const { leaseSeconds } = ctx.config
  const leaseMs = leaseSeconds * 1000
  let renewed = performance.now()
  const hold = async () => {
    const began = performance.now()
    const status = await renew(ctx.db.kysely, job, leaseSeconds)
    renewed = began
    return status
  }
  const look = async () => {
    const status =
      performance.now() - renewed > leaseMs / 3 ? await hold() : await getStatus(ctx.db.kysely, job)
    if (status !== 'CREATE IN_PROGRESS') stop.abort(status ? new Stopped() : new LeaseLost())
  }
  const failed = (error: unknown) => {
    if (error instanceof LeaseLost) return stop.abort(error)
    ctx.log.error({ err: error, arn: job.arn })
    if (performance.now() - renewed > leaseMs) stop.abort(new LeaseLost())
  }
  let isLooking = false
  const watch = setInterval(
    async () => {
      if (isLooking || stop.signal.aborted) return
      isLooking = true
      await look().catch(failed)
      isLooking = false
    },
    Math.min(limits.progressMs, leaseMs / 4),
  )
  return { hold, end: () => clearInterval(watch) }
}
