import { setImmediate } from 'node:timers/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ModelDocument, Run, Snapshot, TrainingPlan } from '../engine.ts'
import type { Factors } from './arrays.ts'
import { attributeSets, prepareItems } from './attributes.ts'
import { type Choice, choose, type QueriesOf } from './choose.ts'
import { attributeQueries, evaluate, itemQueries, normaliserOf } from './evaluate.ts'
import { factorise } from './factorise.ts'
import type { UserWeights } from './forms.ts'
import type { Kernel } from './kernel.ts'
import { namedMetrics } from './metrics.ts'
import { formatVersion } from './modelFiles.ts'
import { type Events, prepareEvents } from './prepare.ts'
import { eventCounts, newestFifth, pairsOf, type Ranges, wholeRanges } from './split.ts'

/** A trained model in memory; ids are in the connection's tables `modelUser` and `modelItemRow`. */
export type Trained = {
  document: ModelDocument
  users: Factors
  items: Factors
  weights: UserWeights
}

/**
 * Chooses settings on the newest fifth of the older 80 % of each user's events, measures them on the newest 20 %, and
 * then trains on everything, as the answers should know the newest events.
 */
export async function train(
  kernel: Kernel,
  connection: DuckDBConnection,
  plan: TrainingPlan,
  snapshot: Snapshot,
  run: Run,
): Promise<Trained> {
  run.progress('prepare', 0, 1)
  const events = await prepareEvents(connection, plan, snapshot)
  await prepareItems(connection, plan, snapshot)
  const queriesOf = await queriesFor(connection, plan)
  run.progress('prepare', 1, 1)

  // Each is a few loops over all users: others may have the event loop between them.
  const all = wholeRanges(events)
  await setImmediate()
  const { older, newer } = newestFifth(all)
  await setImmediate()
  const choice = await choose(kernel, events, older, queriesOf, plan, run)
  const measured = await fit(kernel, events, older, plan, choice, run, 'measure')
  const test = await pairsOf(kernel, events, newer, run.signal)
  const queries = queriesOf(measured.pairs.byItem, test.byItem)
  const forms = [choice.form]
  const [metrics] = await evaluate(kernel, measured, measured.weights, queries, forms, run.signal)
  const { users, items, weights } = await fit(kernel, events, all, plan, choice, run, 'train')

  const document: ModelDocument = {
    formatVersion,
    plan,
    userCount: events.userCount,
    itemCount: events.itemCount,
    eventCount: events.eventCount,
    als: choice.als,
    score: choice.form,
    candidates: choice.candidates,
    metrics: namedMetrics(metrics!),
  }
  return { document, users, items, weights }
}

async function queriesFor(connection: DuckDBConnection, plan: TrainingPlan): Promise<QueriesOf> {
  if (plan.model === 'itemAffinity') return (train, test) => itemQueries(train, test, plan.seed)
  const sets = await attributeSets(connection, plan.attributes)
  return (train, test) => attributeQueries(sets, train, test, plan.seed)
}

async function fit(
  kernel: Kernel,
  events: Events,
  ranges: Ranges,
  plan: TrainingPlan,
  { als }: Choice,
  run: Run,
  phase: string,
) {
  const { factorCount, seed } = plan
  const pairs = await pairsOf(kernel, events, ranges, run.signal)
  const { users, items } = await factorise(
    kernel,
    pairs,
    { ...als, factorCount, seed },
    run.signal,
    (done) => run.progress(phase, done, als.sweeps + 1),
  )
  const normaliser = await normaliserOf(kernel, users, items, seed, run.signal)
  run.progress(phase, als.sweeps + 1, als.sweeps + 1)
  return { pairs, users, items, weights: { activity: eventCounts(ranges), normaliser } }
}
