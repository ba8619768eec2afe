import { join } from 'node:path'
import type { Context } from '../context.ts'
import { parseSchema } from '../data/schema.ts'
import type { MaskSnapshot } from '../data/userMask.ts'
import type { Snapshot } from '../engine/engine.ts'
import type { DatasetFile, SnapshotFiles } from '../store/resource.ts'

/** The Parquet files of a snapshot that `counts` lets through, all when undefined, with absolute paths. */
export function snapshotPaths(
  { config }: Pick<Context, 'config'>,
  { interactions, items, users }: SnapshotFiles,
  counts: (file: DatasetFile) => boolean = () => true,
): Snapshot {
  const paths = (files: DatasetFile[]) =>
    files.filter(counts).map(({ path }) => join(config.dataDir, path))
  return { interactions: paths(interactions), items: paths(items), users: paths(users) }
}

/** What the masks of filters are computed from. */
export function maskSnapshot(ctx: Pick<Context, 'config'>, snapshot: SnapshotFiles): MaskSnapshot {
  const { users } = snapshot.schemas
  const fields = users === undefined ? [] : parseSchema(users).fields
  return {
    ...snapshotPaths(ctx, snapshot),
    userCategories: fields.flatMap((field) => (field.categorical ? field.name.toUpperCase() : [])),
  }
}
