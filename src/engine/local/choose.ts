import { setImmediate } from 'node:timers/promises'
import type { Run } from '../engine.ts'
import { type Pairs, sharedFloats32 } from './arrays.ts'
import { evaluateAffinity, type TestQueries } from './evaluate.ts'
import { type AlsSettings, factorise } from './factorise.ts'
import type { Kernel } from './kernel.ts'
import type { Events } from './prepare.ts'
import {
  eventCounts,
  newestFifth,
  pairsOf,
  type Ranges,
  sampleUsers,
  validationUsers,
} from './split.ts'

/**
 * Builds the queries of a validation or test from the pairs by item of its two parts: those on which somebody acted in
 * the second, and sets of items that are known from the first, but on which nobody did.
 */
export type QueriesOf = (train: Pairs, test: Pairs) => { queries: TestQueries; sets: Uint32Array[] }

/** (alpha0, regularization) pairs that covered six data sets between them. */
const candidates: [number, number][] = [
  [0.003, 0.3],
  [0.01, 1],
  [0.03, 0.3],
  [0.1, 1],
  [0.1, 3],
  [0.1, 30],
  [0.3, 10],
]
const sweeps = 8
const factorCountMax = 64
const eventsMax = 300_000

/**
 * Chooses iALS settings: those whose affinities, alone or with the square root of the users' events, recall most at 1 %
 * in the newest fifth of `ranges`, which must hold no event of a later test. Works on a sample of users and at most 64
 * factors.
 */
export async function chooseSettings(
  kernel: Kernel,
  events: Events,
  ranges: Ranges,
  queriesOf: QueriesOf,
  options: { factorCount: number; seed: number },
  run: Run,
): Promise<AlsSettings> {
  const { signal } = run
  const sampled = sampleUsers(ranges, eventsMax, options.seed)
  await setImmediate()
  const { older, newer } = newestFifth(sampled)
  const train = await pairsOf(kernel, events, older, signal)
  const test = await pairsOf(kernel, events, newer, signal)
  const { queries } = queriesOf(train.byItem, test.byItem)
  const mask = validationUsers(sampled, options.seed)
  const activity = sharedFloats32(older.begins.length)
  eventCounts(older).forEach((count, user) => {
    activity[user] = Math.sqrt(count)
  })
  const factorCount = Math.min(factorCountMax, options.factorCount)
  let best = { recall: -1, als: { alpha0: 0, regularization: 0, sweeps } }
  for (const [n, [alpha0, regularization]] of candidates.entries()) {
    run.progress('choose', n, candidates.length)
    const als = { alpha0, regularization, sweeps }
    const factors = await factorise(
      kernel,
      train,
      { ...als, factorCount, seed: options.seed },
      signal,
    )
    const recalls = await evaluateAffinity(
      kernel,
      factors,
      [undefined, activity],
      queries,
      mask,
      signal,
    )
    const recall = Math.max(...recalls)
    if (recall > best.recall) best = { recall, als }
  }
  run.progress('choose', candidates.length, candidates.length)
  return best.als
}
