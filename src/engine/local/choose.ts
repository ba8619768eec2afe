import { setImmediate } from 'node:timers/promises'
import type { Run, ScoreForm } from '../engine.ts'
import type { Pairs } from './arrays.ts'
import { evaluate, normaliserOf, scoreForms, type TestQueries } from './evaluate.ts'
import { type AlsSettings, factorise } from './factorise.ts'
import type { Kernel } from './kernel.ts'
import type { Events } from './prepare.ts'
import { eventCounts, newestFifth, pairsOf, type Ranges, sampleUsers } from './split.ts'

/** Builds the queries of a validation or test from the pairs by item of its two parts. */
export type QueriesOf = (train: Pairs, test: Pairs) => TestQueries

export type Choice = {
  als: AlsSettings
  form: ScoreForm
  /** Every form with the chosen iALS settings. */
  candidates: { form: ScoreForm; recall: number }[]
}

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
 * Chooses iALS settings and the form of the score together: whatever recalls most at 1 % in the newest fifth of
 * `ranges`, which must hold no event of a later test. Works on a sample of users and at most 64 factors.
 */
export async function choose(
  kernel: Kernel,
  events: Events,
  ranges: Ranges,
  queriesOf: QueriesOf,
  options: { factorCount: number; seed: number },
  run: Run,
): Promise<Choice> {
  const { signal } = run
  const sampled = sampleUsers(ranges, eventsMax, options.seed)
  await setImmediate()
  const { older, newer } = newestFifth(sampled)
  const train = await pairsOf(kernel, events, older, signal)
  const test = await pairsOf(kernel, events, newer, signal)
  const queries = queriesOf(train.byItem, test.byItem)
  const activity = eventCounts(older)
  const factorCount = Math.min(factorCountMax, options.factorCount)
  let best: (Choice & { recall: number }) | undefined
  for (const [n, [alpha0, regularization]] of candidates.entries()) {
    run.progress('choose', n, candidates.length)
    const als = { alpha0, regularization, sweeps }
    const settings = { ...als, factorCount, seed: options.seed }
    const factors = await factorise(kernel, train, settings, signal)
    const normaliser = await normaliserOf(
      kernel,
      factors.users,
      factors.items,
      settings.seed,
      signal,
    )
    const weights = { activity, normaliser }
    const metrics = await evaluate(kernel, factors, weights, queries, scoreForms, signal)
    const forms = scoreForms.map((form, k) => ({ form, recall: metrics[k]!.recall }))
    for (const { form, recall } of forms) {
      if (best === undefined || recall > best.recall)
        best = { als, form, recall, candidates: forms }
    }
  }
  run.progress('choose', candidates.length, candidates.length)
  return best!
}
