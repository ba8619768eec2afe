import type { Instructions } from './native.ts'
import type { Verbs } from './reference.ts'

export type Verb = keyof Verbs
export type VerbArgs<V extends Verb> = Parameters<Verbs[V]>[0]

/** One request to a thread: take blocks from the shared counter until none is left or the run is stopped. */
export type ThreadRequest = {
  call: number
  verb: Verb
  args: unknown
  blockCount: number
  /** Shared Int32: next block, stopped (0 or 1), finished blocks. */
  shared: Int32Array
}
export type ThreadReply = { call: number; error?: unknown }
/** What a thread is started with. */
export type ThreadData = { instructions: Instructions }

export const sharedSlots = { next: 0, stopped: 1, finished: 2 } as const

/** Whether a run is to stop, for many small steps: looks at every 4096th. */
export const stoppedAt = (step: number, shared: Int32Array): boolean =>
  step % 4096 === 0 && Atomics.load(shared, sharedSlots.stopped) === 1
