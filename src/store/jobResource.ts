import { type ExpressionBuilder, type Kysely, sql } from 'kysely'
import { LeaseLost } from '../errors.ts'
import type { JobCount } from '../metrics.ts'
import { type Status, unfinished } from '../status.ts'
import type { Reader, Tables, Tx } from './database.ts'
import type { Resource, StoredKind } from './resource.ts'

// What jobs ask of the resource table: they work for the server, so
// no caller narrows what they see.

/** One run of a resource's job. */
export type RunOf = Pick<Resource, 'arn' | 'seq' | 'run'>

/**
 * Begins a run of the resource's job, as a new attempt, for `seconds` or until the lease is renewed;
 * undefined where the work has ended or another worker has it. Counted by the database's clock alone.
 */
export async function take(
  tx: Tx,
  arn: string,
  worker: string,
  seconds: number,
): Promise<Resource | undefined> {
  const row = await tx
    .updateTable('resource')
    .set({
      run: sql<number>`run + 1`,
      attempt: sql<number>`attempt + 1`,
      worker,
      leaseEnd: after(seconds),
    })
    .where('arn', '=', arn)
    .where('status', 'in', unfinished)
    .where(sql<boolean>`coalesce("leaseEnd" < clock_timestamp(), true)`)
    .returningAll()
    .executeTakeFirst()
  return row as Resource | undefined
}

/**
 * Keeps the job for `seconds` more; its status. Throws LeaseLost where it is another's. As often as it
 * is done, it is one statement outside of a transaction: a process that hangs then holds up nobody.
 */
export async function renew(db: Kysely<Tables>, run: RunOf, seconds: number): Promise<Status> {
  const row = await db
    .updateTable('resource')
    .set({ leaseEnd: after(seconds) })
    .where(isRun(run))
    .returning('status')
    .executeTakeFirst()
  if (!row) throw new LeaseLost()
  return row.status
}

/**
 * First statement of every transaction in which a job writes: throws LeaseLost where this run is not
 * the newest any more, or the resource is gone. Gives the status.
 */
export async function requireRun(tx: Tx, run: RunOf): Promise<Status> {
  const row = await tx
    .selectFrom('resource')
    .select('status')
    .where(isRun(run))
    .forUpdate()
    .executeTakeFirst()
  if (!row) throw new LeaseLost()
  return row.status
}

/** Lets others take the job at once. */
export async function release(tx: Tx, run: RunOf): Promise<void> {
  await tx.updateTable('resource').set({ leaseEnd: null }).where(isRun(run)).execute()
}

/** Of all jobs: for a process that knows that it is alone. */
export async function releaseAll(tx: Tx): Promise<void> {
  await tx
    .updateTable('resource')
    .set({ leaseEnd: null })
    .where('leaseEnd', 'is not', null)
    .execute()
}

/**
 * The unfinished resources, oldest first, that no worker has had, and no queue, for `seconds`:
 * their worker died.
 */
export async function listAbandoned(
  db: Reader,
  seconds: number,
): Promise<Pick<Resource, 'kind' | 'arn'>[]> {
  return (await db
    .selectFrom('resource')
    .select(['kind', 'arn'])
    .where('status', 'in', unfinished)
    .where(sql<boolean>`coalesce("leaseEnd" < clock_timestamp(), true)`)
    .where(
      sql<boolean>`not exists (
        select from pgboss.job
        where name = resource.kind and data ->> 'arn' = resource.arn and (state < 'active'
          or started_on + make_interval(secs => ${seconds}) > clock_timestamp()))`,
    )
    .orderBy('seq')
    .execute()) as Pick<Resource, 'kind' | 'arn'>[]
}

/** Whether a row is this resource, and this run its newest. */
const isRun =
  ({ arn, seq, run }: RunOf) =>
  (row: ExpressionBuilder<Tables, 'resource'>) =>
    row.and({ arn, seq, run })

const after = (seconds: number) => sql<Date>`clock_timestamp() + make_interval(secs => ${seconds})`

/** All resources of these kinds. */
export async function listOfKinds(db: Reader, kinds: readonly StoredKind[]): Promise<Resource[]> {
  return (await db
    .selectFrom('resource')
    .selectAll()
    .where('kind', 'in', kinds)
    .execute()) as Resource[]
}

/** The resources whose work has not ended, oldest first. */
export async function listUnfinished(tx: Tx): Promise<Pick<Resource, 'kind' | 'arn'>[]> {
  return (await tx
    .selectFrom('resource')
    .select(['kind', 'arn'])
    .where('status', 'in', unfinished)
    .orderBy('seq')
    .execute()) as Pick<Resource, 'kind' | 'arn'>[]
}

/** How many unfinished resources there are of each kind and status, and the age of the oldest. */
export async function countUnfinished(db: Kysely<Tables>): Promise<JobCount[]> {
  const oldest = sql<number>`extract(epoch from clock_timestamp() - min("createdAt"))::float8`
  return db
    .selectFrom('resource')
    .select(['kind', 'status', db.fn.countAll<number>().as('count'), oldest.as('ageSeconds')])
    .where('status', 'in', unfinished)
    .groupBy(['kind', 'status'])
    .execute()
}

/** Writes how far the work is; as `renew`. Not a change of the resource: `updatedAt` stays. */
export async function patchProgress(
  db: Kysely<Tables>,
  run: RunOf,
  progress: object,
): Promise<void> {
  await db
    .updateTable('resource')
    .set({ progress: JSON.stringify(progress) })
    .where(isRun(run))
    .execute()
}

/** The status of the resource; undefined where this run is not the newest any more, or it is gone. */
export async function getStatus(db: Reader, run: RunOf): Promise<Status | undefined> {
  const row = await db.selectFrom('resource').select('status').where(isRun(run)).executeTakeFirst()
  return row?.status
}
