import type { Kind } from '../arn.ts'
import type { Caller, Context } from '../context.ts'
import {
  alreadyExists,
  doesNotExist,
  limitExceeded,
  resourceInUse,
  resourceNotFound,
} from '../errors.ts'
import type { Quota } from '../limits.ts'
import { unfinished } from '../status.ts'
import type { Reader, Tx } from '../store/database.ts'
import { count, get, insert, list, type Resource, type StoredKind } from '../store/resource.ts'
import { requireTags } from './tags.ts'

/** The resource that an operation is about. */
export async function existing<K extends StoredKind>(
  db: Reader,
  caller: Caller,
  kind: K,
  arn: string,
): Promise<Resource<K>> {
  const resource = await get(db, caller, kind, arn)
  if (!resource) throw doesNotExist(arn)
  return resource
}

/** A resource that a request names besides the one it is about. Text [O], spec J.3. */
export async function referenced<K extends StoredKind>(
  db: Reader,
  caller: Caller,
  kind: K,
  arn: string,
): Promise<Resource<K>> {
  const resource = await get(db, caller, kind, arn)
  if (!resource) throw resourceNotFound(`The given ${words(kind)} does not exist: ${arn}`)
  return resource
}

/** `batchSegmentJob` -> `batch segment job` */
export const words = (kind: Kind) => kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

export function requireActive({ kind, arn, status }: Resource): void {
  if (status !== 'ACTIVE')
    throw resourceInUse(`The ${words(kind)} ${arn} is ${status}; it must be ACTIVE.`)
}

/** Deleting needs a resource at rest: ACTIVE or CREATE FAILED. Spec C.5. */
export function requireAtRest({ kind, arn, status }: Resource): void {
  if (unfinished.includes(status))
    throw resourceInUse(`The ${words(kind)} ${arn} is ${status}; wait until its work has ended.`)
}

/** Refuses to delete what one of these still works with. Spec C.6. */
export function requireUnused({ kind, arn }: Resource, work: readonly Resource[]): void {
  const job = work.find(({ status }) => unfinished.includes(status))
  if (job)
    throw resourceInUse(
      `The ${words(kind)} ${arn} is in use by the ${words(job.kind)} ${job.arn}, ` +
        `which is ${job.status}. Wait until its work has ended.`,
    )
}

/**
 * Refuses the unfinished job just inserted where it is one more of its kind than the quota allows.
 * Limits come last: a taken name is told first. Text [D23], spec C.7, J.1.
 */
export async function requireRoomForJob(
  ctx: Context,
  tx: Tx,
  caller: Caller,
  kind: StoredKind,
  quota: Quota,
): Promise<void> {
  const most = ctx.config.quotas[quota]
  if ((await count(tx, caller, kind, { statuses: unfinished })) > most)
    throw limitExceeded(`More than ${most} resources with PENDING or IN_PROGRESS status.`)
}

/**
 * Refuses the resource just inserted where it is one more of its kind (of this parent) than the
 * quota allows. Text [D23], spec C.7, J.1.
 */
export async function requireRoom(
  ctx: Context,
  tx: Tx,
  caller: Caller,
  kind: StoredKind,
  quota: Quota,
  parent?: string,
): Promise<void> {
  const most = ctx.config.quotas[quota]
  if ((await count(tx, caller, kind, parent === undefined ? {} : { parent })) > most)
    throw limitExceeded(
      `More than ${most} resources in ACTIVE state. Please delete some and try again.`,
    )
}

/** Inserts, or says as AWS does that the ARN is taken. */
export async function insertNew<K extends StoredKind>(
  ctx: Context,
  tx: Tx,
  caller: Caller,
  resource: Parameters<typeof insert<K>>[2],
): Promise<void> {
  requireTags(ctx, resource.tags ?? [])
  if (!(await insert(tx, caller, resource, ctx.clock()))) throw alreadyExists(resource.arn)
}

/** Refuses while any of these children exists; `used` is what the request is about. */
export async function requireNoChildren(
  tx: Tx,
  caller: Caller,
  parent: Resource,
  kind: StoredKind,
  used = parent,
): Promise<void> {
  const [child] = await list(tx, caller, kind, { parent: parent.arn, limit: 1 })
  if (child)
    throw resourceInUse(
      `The ${words(used.kind)} ${used.arn} is in use by the ${words(kind)} ${child.arn}. ` +
        'Delete that first.',
    )
}
