import type { DuckDBConnection } from '@duckdb/node-api'
import type { Run, Snapshot } from '../engine.ts'
import { foresee } from './activity.ts'
import { emptyFactors } from './arrays.ts'
import { solveUsers } from './factorise.ts'
import { type Factorise, fit } from './fitted.ts'
import { daySeconds } from './history.ts'
import type { Kernel } from './kernel.ts'
import { itemsPath, readModel } from './modelFiles.ts'
import { eventsWithItems } from './prepare.ts'
import { wholeRanges } from './split.ts'
import type { Trained } from './train.ts'

/**
 * A trained model with the users and events of another snapshot: items keep their factors and traits, and the score its
 * weights; the users' factors are solved again, and all that is counted is counted again.
 */
export async function foldIn(
  kernel: Kernel,
  connection: DuckDBConnection,
  model: string,
  snapshot: Snapshot,
  { signal, progress }: Run,
): Promise<Trained> {
  progress('prepare', 0, 1)
  const { document, fitted: before } = await readModel(kernel, model, signal)
  const { plan, als, itemCount, activity } = document
  await connection.run('CREATE TEMP TABLE modelItemRow AS SELECT * FROM read_parquet($path)', {
    path: itemsPath(model),
  })
  await connection.run('CREATE TEMP TABLE modelItem AS SELECT "index", id FROM modelItemRow')
  const events = await eventsWithItems(connection, plan, snapshot, itemCount)
  progress('prepare', 1, 1)

  const { items, itemTraits } = before
  const past = {
    ranges: wholeRanges(events),
    now: events.end,
    horizon: plan.horizonDays * daySeconds,
  }
  const factorise: Factorise = async ({ byUser }) => {
    const users = emptyFactors(events.userCount, plan.factorCount)
    await solveUsers(kernel, byUser, users, items, als, signal)
    return { users, items }
  }
  progress('train', 0, 1)
  const made = await fit(kernel, events, past, factorise, plan.seed, itemTraits, signal)
  const { fitted, userHistory } = made
  if (activity) foresee(activity, userHistory, fitted.features.activity)
  progress('train', 1, 1)
  const { userCount, eventCount } = events
  return { document: { ...document, userCount, eventCount }, fitted }
}
