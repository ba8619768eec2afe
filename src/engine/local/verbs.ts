import { initRows, solveRows } from './als.ts'
import { principalAxes, rotateRows } from './axes.ts'
import { gramBlock } from './gram.ts'
import { pairsOfEvents } from './pairs.ts'
import { scoreUsers } from './scores.ts'
import { topUsers } from './topUsers.ts'

/**
 * What a thread can be asked to do: loops over shared arrays, a numbered block at a time. A block's result
 * depends on its number only, never on the thread that takes it.
 */
export const verbs = {
  initRows,
  solveRows,
  gramBlock,
  principalAxes: (args: Parameters<typeof principalAxes>[0], _block: number) => principalAxes(args),
  rotateRows,
  scoreUsers,
  topUsers,
  pairsOfEvents: (args: Parameters<typeof pairsOfEvents>[0], _block: number) => pairsOfEvents(args),
}

export type Verb = keyof typeof verbs
export type VerbArgs<V extends Verb> = Parameters<(typeof verbs)[V]>[0]

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

export const sharedSlots = { next: 0, stopped: 1, finished: 2 } as const
