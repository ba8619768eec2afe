import { type Status, unfinished } from '../status.ts'
import type { Tx } from './database.ts'
import type { Resource, StoredKind } from './resource.ts'

// What jobs ask of the resource table: they work for the server, so
// no caller narrows what they see.

/** The resource with this ARN, whosever it is. */
export async function getForJob(tx: Tx, arn: string): Promise<Resource | undefined> {
  const row = await tx.selectFrom('resource').selectAll().where('arn', '=', arn).executeTakeFirst()
  return row as Resource | undefined
}

/** All resources of these kinds. */
export async function listOfKinds(tx: Tx, kinds: readonly StoredKind[]): Promise<Resource[]> {
  return (await tx
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

/**
 * The status of this very resource; undefined where it is gone, even if another has its ARN now.
 */
export async function getStatus(
  tx: Tx,
  { arn, seq }: Pick<Resource, 'arn' | 'seq'>,
): Promise<Status | undefined> {
  const row = await tx
    .selectFrom('resource')
    .select('status')
    .where('arn', '=', arn)
    .where('seq', '=', seq)
    .executeTakeFirst()
  return row?.status
}

/** Writes how far the work is. Not a change of the resource: `updatedAt` stays. */
export async function patchProgress(
  tx: Tx,
  { arn, seq }: Pick<Resource, 'arn' | 'seq'>,
  progress: object,
): Promise<void> {
  await tx
    .updateTable('resource')
    .set({ progress: JSON.stringify(progress) })
    .where('arn', '=', arn)
    .where('seq', '=', seq)
    .execute()
}
