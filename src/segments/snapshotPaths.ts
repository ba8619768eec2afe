import { join } from 'node:path'
import type { Context } from '../context.ts'
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
