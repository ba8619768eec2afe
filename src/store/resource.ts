import type {
  CreateBatchSegmentJobRequest,
  CreateDatasetGroupRequest,
  CreateDatasetImportJobRequest,
  CreateDatasetRequest,
  CreateFilterRequest,
  CreateSchemaRequest,
  CreateSolutionRequest,
  DatasetUpdateSummary,
  SolutionUpdateSummary,
  SolutionVersion,
} from '@aws-sdk/client-personalize'
import type { NoUndefined } from '@smithy/types'
import { type Selectable, sql } from 'kysely'
import type { Caller } from '../context.ts'
import type { Status } from '../status.ts'
import type { Reader, ResourceTable, Tx } from './database.ts'
import { putTags } from './tag.ts'

/** What each kind of resource remembers of its request: the document that Describe answers from. */
type Documents = {
  schema: NoUndefined<CreateSchemaRequest>
  datasetGroup: Untagged<CreateDatasetGroupRequest>
  dataset: Untagged<CreateDatasetRequest> & { latestDatasetUpdate?: DatasetUpdateSummary }
  datasetImportJob: Untagged<CreateDatasetImportJobRequest>
  solution: Untagged<CreateSolutionRequest> & { latestSolutionUpdate?: SolutionUpdateSummary }
  solutionVersion: NoUndefined<SolutionVersion> & {
    solutionArn: string
    recipeArn: string
    datasetGroupArn: string
  }
  filter: Untagged<CreateFilterRequest>
  batchSegmentJob: Untagged<CreateBatchSegmentJobRequest> & { numResults: number }
}
type Untagged<Request> = Omit<NoUndefined<Request>, 'tags'>

/** What Describe never shows. */
type Internals = {
  schema: object
  datasetGroup: object
  dataset: { files?: DatasetFile[] }
  datasetImportJob: object
  solution: {
    /** The columns of the Items dataset when the solution was created; later ones do not train it. */
    itemColumns?: string[]
  }
  solutionVersion: {
    snapshot: SnapshotFiles
    /** As in the solution. */
    itemColumns?: string[]
    /** Days ahead that scores speak of; versions of earlier releases have none. */
    horizonDays?: number
    /** Folder of the trained model, relative to the data directory. */
    model?: string
    metrics?: Record<string, number>
  }
  filter: { fields: string[] }
  batchSegmentJob: {
    snapshot: SnapshotFiles
    /** Whether users and events that came after the training count, and whether scores are written. */
    foldIn?: true
    scores?: true
    /** The input objects, once they have been listed. */
    inputs?: { url: string; bytes: number }[]
    /** The last upload in parts that was begun. */
    upload?: { url: string; id: string }
  }
}

/** One import's Parquet file. */
export type DatasetFile = {
  /** Relative to the data directory. */
  path: string
  mode: 'FULL' | 'INCREMENTAL'
  rowCount: number
  /** Of the import job: its place in time. */
  seq: number
}

/**
 * The files that one training or segment job reads, fixed
 * when it was created, so that a rerun reads the same.
 */
export type SnapshotFiles = {
  interactions: DatasetFile[]
  items: DatasetFile[]
  users: DatasetFile[]
  /** The schemas' texts, for the datasets that are there. */
  schemas: { interactions?: string; items?: string; users?: string }
}

/** The kinds that live in the resource table. */
export type StoredKind = keyof Documents

export type Resource<K extends StoredKind = StoredKind> = Omit<
  Selectable<ResourceTable>,
  'kind' | 'doc' | 'internal'
> & { kind: K; doc: Documents[K]; internal: Internals[K] }

type NewResource<K extends StoredKind> = {
  kind: K
  arn: string
  parent?: string
  status: Status
  doc: Documents[K]
  internal: Internals[K]
  tags?: { tagKey: string; tagValue: string }[]
}

/** Inserts the resource, and its tags; false where the ARN is taken. */
export async function insert<K extends StoredKind>(
  tx: Tx,
  caller: Caller,
  resource: NewResource<K>,
  now: Date,
): Promise<boolean> {
  const { tags = [], doc, internal, parent = null, ...rest } = resource
  const inserted = await tx
    .insertInto('resource')
    .values({
      ...rest,
      parent,
      account: caller.account,
      region: caller.region,
      doc: JSON.stringify(doc),
      internal: JSON.stringify(internal),
      createdAt: now,
      updatedAt: now,
    })
    .onConflict((conflict) => conflict.column('arn').doNothing())
    .returning('seq')
    .executeTakeFirst()
  if (inserted && tags.length > 0) await putTags(tx, resource.arn, tags)
  return inserted !== undefined
}

/** The resource with this ARN; undefined also where its kind, account or region is another. */
export async function get<K extends StoredKind>(
  db: Reader,
  caller: Pick<Caller, 'account' | 'region'>,
  kind: K,
  arn: string,
): Promise<Resource<K> | undefined> {
  const resource = await getByArn(db, caller, arn)
  return resource?.kind === kind ? (resource as Resource<K>) : undefined
}

/** The resource with this ARN, whatever its kind. */
export async function getByArn(
  db: Reader,
  caller: Pick<Caller, 'account' | 'region'>,
  arn: string,
): Promise<Resource | undefined> {
  // By the ARN alone, which is quickly planned.
  const resource = (await db
    .selectFrom('resource')
    .selectAll()
    .where('arn', '=', arn)
    .executeTakeFirst()) as Resource | undefined
  const isOwn = resource?.account === caller.account && resource.region === caller.region
  return isOwn ? resource : undefined
}

/** Newest first, below `before`, children of `parent` or all of the caller's. */
export async function list<K extends StoredKind>(
  db: Reader,
  { account, region }: Pick<Caller, 'account' | 'region'>,
  kind: K,
  where: {
    parent?: string | undefined
    before?: number | undefined
    limit?: number | undefined
  } = {},
): Promise<Resource<K>[]> {
  const { parent, before = newest, limit } = where
  const place = { account, region, kind, ...(parent !== undefined && { parent }) }
  const columns = [...Object.keys(place), 'seq'].map((name) => sql.ref(name))
  const values = [...Object.values(place), sql`${before}::bigint`].map((each) => sql`${each}`)
  // NOTE: in the order of one index from its first column on, so that no other can be taken:
  // Postgres would guess, and sometimes read all rows for a page.
  const page = db
    .selectFrom('resource')
    .selectAll()
    .where(sql<boolean>`(${sql.join(columns)}) < (${sql.join(values)})`)
    .orderBy(sql.join(columns.map((column) => sql`${column} desc`)))
    .$if(limit !== undefined, (query) => query.limit(limit!))
  let query = db.selectFrom(page.as('page')).selectAll().orderBy('seq', 'desc')
  for (const [name, value] of Object.entries(place)) query = query.where(sql.ref(name), '=', value)
  return (await query.execute()) as Resource<K>[]
}

/** Above all places. */
const newest = '9223372036854775807'

/** The caller's resources of a kind whose document names `value` in this member, newest first. */
export async function listByMember<K extends StoredKind>(
  tx: Tx,
  caller: Pick<Caller, 'account' | 'region'>,
  kind: K,
  member: string & keyof Documents[K],
  value: string,
): Promise<Resource<K>[]> {
  return (await tx
    .selectFrom('resource')
    .selectAll()
    .where('account', '=', caller.account)
    .where('region', '=', caller.region)
    .where('kind', '=', kind)
    .where(sql`doc ->> ${member}`, '=', value)
    .orderBy('seq', 'desc')
    .execute()) as Resource<K>[]
}

/** How many of the caller's resources of a kind there are, of one parent or in some states. */
export async function count(
  tx: Tx,
  caller: Pick<Caller, 'account' | 'region'>,
  kind: StoredKind,
  where: { parent?: string; statuses?: readonly Status[] } = {},
): Promise<number> {
  let query = tx
    .selectFrom('resource')
    .select((column) => column.fn.countAll<number>().as('count'))
    .where('account', '=', caller.account)
    .where('region', '=', caller.region)
    .where('kind', '=', kind)
  if (where.parent !== undefined) query = query.where('parent', '=', where.parent)
  if (where.statuses) query = query.where('status', 'in', where.statuses)
  return Number((await query.executeTakeFirstOrThrow()).count)
}

type Change<K extends StoredKind> = {
  status?: Status
  failureReason?: string
  attempt?: number
  doc?: Documents[K]
  internal?: Internals[K]
}

/**
 * Changes a resource; true if it is (still) there in one of the states `from`, any when left out.
 */
export async function patch<K extends StoredKind>(
  tx: Tx,
  resource: Pick<Resource<K>, 'arn' | 'seq'>,
  change: Change<K>,
  now: Date,
  from?: readonly Status[],
): Promise<boolean> {
  const { doc, internal, ...columns } = change
  let query = tx
    .updateTable('resource')
    .set({
      ...columns,
      ...(doc && { doc: JSON.stringify(doc) }),
      ...(internal && { internal: JSON.stringify(internal) }),
      updatedAt: now,
    })
    .where('arn', '=', resource.arn)
    .where('seq', '=', resource.seq)
  if (from) query = query.where('status', 'in', from)
  return (await query.executeTakeFirst()).numUpdatedRows === 1n
}

export async function remove(tx: Tx, arns: readonly string[]): Promise<void> {
  if (arns.length > 0) await tx.deleteFrom('resource').where('arn', 'in', arns).execute()
}
