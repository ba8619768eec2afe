import type { Context } from '../context.ts'
import type { Resource } from '../store/resource.ts'

/** Tells of one run of a job: a log line, a metric and a span for each phase that ends, and for all. */
export type Telling = {
  /** A phase begins unless it is the present one, which ends then. */
  phase(name: string): void
  /** `outcome` is the status of the resource, or why the run ends before its job. */
  end(outcome: string, reason?: string): void
}

/** Begins to tell of a run that begins. Its first phase is `begin`. */
export function tellOf(ctx: Context, { arn, kind, run }: Resource): Telling {
  const began = now()
  const job = { job: arn, kind, run }
  const span = ctx.traces?.job(kind, { 'openpersonalize.arn': arn, 'openpersonalize.run': run })
  let phase = { name: 'begin', began }
  const endPhase = (ended: number) => {
    const ms = ended - phase.began
    ctx.log.info({ ...job, phase: phase.name, ms: Math.round(ms) }, 'phase ended')
    ctx.metrics?.phase(kind, phase.name, ms / 1000)
    span?.phase(phase.name, { began: phase.began, ended })
  }
  return {
    phase(name) {
      if (name === phase.name) return
      const at = now()
      endPhase(at)
      phase = { name, began: at }
    },
    end(outcome, reason) {
      const at = now()
      endPhase(at)
      ctx.log.info({ ...job, status: outcome, reason, ms: Math.round(at - began) }, 'job ended')
      ctx.metrics?.job(kind, outcome, (at - began) / 1000)
      span?.end({ 'openpersonalize.status': outcome }, outcome === 'CREATE FAILED')
    },
  }
}

/** Milliseconds since 1970 by a clock that is never set. */
const now = () => performance.timeOrigin + performance.now()
