import { readdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { arnPath } from '../arn.ts'
import type { Context } from '../context.ts'
import { unfinished } from '../status.ts'
import { listOfKinds } from '../store/jobResource.ts'
import type { DatasetFile, Resource } from '../store/resource.ts'
import { runName } from './job.ts'

/**
 * Removes the files that nothing names any more: imports that a FULL import replaced, models of
 * deleted versions, half-written work. What is unfinished keeps its snapshot. Safe at any time:
 * files are written before they are named only by a job whose resource is unfinished.
 */
export async function sweep(ctx: Context): Promise<void> {
  // Before the rows are read: a file that appears later
  // belongs to a job this sweep knows nothing of.
  const found = [...(await datasetFiles(ctx)), ...(await modelFolders(ctx))]
  const kinds = ['dataset', 'datasetImportJob', 'solutionVersion', 'batchSegmentJob'] as const
  const rows = await listOfKinds(ctx.db.kysely, kinds)
  const wanted = new Set(rows.flatMap(pathsOf))
  for (const path of found)
    if (!wanted.has(path.replace(/\.partial$/, ''))) {
      const full = join(ctx.config.dataDir, path)
      await ctx.models.drop(full)
      await rm(full, { recursive: true, force: true })
    }
}

async function datasetFiles(ctx: Context): Promise<string[]> {
  const root = join(ctx.config.dataDir, 'datasets')
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ctx.config.dataDir, join(entry.parentPath, entry.name)))
}

async function modelFolders(ctx: Context): Promise<string[]> {
  return (await readdir(join(ctx.config.dataDir, 'models'))).map((name) => join('models', name))
}

function pathsOf(row: Resource): string[] {
  const isUnfinished = unfinished.includes(row.status)
  const paths = (files: readonly DatasetFile[]) => files.map((file) => file.path)
  if (row.kind === 'dataset') return paths((row as Resource<'dataset'>).internal.files ?? [])
  if (row.kind === 'datasetImportJob') {
    const dataset = arnPath((row as Resource<'datasetImportJob'>).doc.datasetArn)
    return isUnfinished ? [join('datasets', dataset, `${runName(row)}.parquet`)] : []
  }
  const { snapshot } = (row as Resource<'batchSegmentJob'>).internal
  const { model } = (row as Resource<'solutionVersion'>).internal
  return [
    ...(model === undefined ? [] : [model]),
    ...(row.kind === 'solutionVersion' && isUnfinished ? [join('models', runName(row))] : []),
    ...(isUnfinished
      ? [...paths(snapshot.interactions), ...paths(snapshot.items), ...paths(snapshot.users)]
      : []),
  ]
}
