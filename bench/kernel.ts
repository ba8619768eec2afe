import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Factors } from '../src/engine/local/arrays.ts'
import {
  type BothPairs,
  type Kernel,
  type SolveOptions,
  threadKernel,
} from '../src/engine/local/kernel.ts'
import { chooseInstructions, type Instructions } from '../src/engine/local/native.ts'
import { openThreads } from '../src/engine/local/threads.ts'

/** Never aborted. */
export const { signal } = new AbortController()

export type BothFactors = { users: Factors; items: Factors }

/** The instructions that the server takes on this machine. */
export const { instructions: fastest } = chooseInstructions('auto')

/** Runs `work` with a kernel of its own, whose threads end with it. */
export async function withKernel<Result>(
  threadCount: number,
  instructions: Instructions,
  work: (kernel: Kernel) => Promise<Result>,
): Promise<Result> {
  const threads = openThreads(threadCount, instructions)
  try {
    return await work(threadKernel(threads, threadCount))
  } finally {
    await threads.close()
  }
}

/** Start values of a factorisation, as the product draws them. */
export async function startFactors(
  kernel: Kernel,
  { byUser, byItem }: BothPairs,
  factorCount: number,
): Promise<BothFactors> {
  const deviation = 0.1 / Math.sqrt(factorCount)
  return {
    users: await kernel.init(byUser.rowCount, factorCount, deviation, 1, signal),
    items: await kernel.init(byItem.rowCount, factorCount, deviation, 2, signal),
  }
}
/** Factors drawn from N(0, 1), to search the best users in. */
export async function normalFactors(
  kernel: Kernel,
  { userCount, itemCount, factorCount }: Record<'userCount' | 'itemCount' | 'factorCount', number>,
): Promise<BothFactors> {
  return {
    users: await kernel.init(userCount, factorCount, 1, 1, signal),
    items: await kernel.init(itemCount, factorCount, 1, 2, signal),
  }
}

/** One iteration of ALS: a half sweep over the users and one over the items. */
export async function iterate(
  kernel: Kernel,
  { byUser, byItem }: BothPairs,
  { users, items }: BothFactors,
  options: SolveOptions,
): Promise<void> {
  await kernel.alsSweep(byUser, users, items, options, signal)
  await kernel.alsSweep(byItem, items, users, options, signal)
}

/** The best users of the first `queryCount` items: affinity alone, everybody allowed. */
export const bestUsers = (
  kernel: Kernel,
  factors: BothFactors,
  queryCount: number,
  resultCount: number,
) =>
  kernel.topUsers(
    {
      ...factors,
      queries: Array.from({ length: queryCount }, (_, item) => ({ items: Uint32Array.of(item) })),
      forms: [undefined],
      masks: Array(queryCount).fill(undefined),
      resultCount,
    },
    signal,
  )

/** A folder of factors, as a model's folder has them: padded rows of float32. */
export async function writeFactors(folder: string, { users, items }: BothFactors): Promise<void> {
  await writeFile(join(folder, 'users.f32'), users.values)
  await writeFile(join(folder, 'items.f32'), items.values)
}
