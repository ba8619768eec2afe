import type { Context } from '../context.ts'
import type { Run } from '../engine/engine.ts'
import type { JobKind } from '../store/queue.ts'
import type { Resource, StoredKind } from '../store/resource.ts'

/** The kinds of resources that have a job. */
export type ResourceJobKind = Exclude<JobKind, 'sweep'> & StoredKind

/** What a running job is given besides its resource. */
export type JobRun = Run & {
  /** Marks a numbered step in the log, at level debug. */
  step(what: string): void
  /** An empty folder of this run alone, removed when it ends and swept at start. */
  scratch: string
  /** Last step before a file gets the name that others see: LeaseLost where another worker has the job. */
  hold(): Promise<void>
}

/** What no other run of a job has: names its files. */
export const runName = ({ seq, run }: Pick<Resource, 'seq' | 'run'>) => `${seq}-${run}`

/** What a job leaves behind: given the resource as it is then, its new document and internals. */
export type Finish<K extends ResourceJobKind> = Partial<Pick<Resource<K>, 'doc' | 'internal'>>

/**
 * The work behind a resource, safe to run again from the start. Returns what to write
 * when it becomes ACTIVE; JobFailure makes it CREATE FAILED with that reason, any other
 * error makes the runner try again.
 */
export type Job<K extends ResourceJobKind> = (
  ctx: Context,
  resource: Resource<K>,
  run: JobRun,
) => Promise<Finish<K>>
