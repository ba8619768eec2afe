import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { arnPath } from '../arn.ts'
import type { Context } from '../context.ts'
import { importCsv } from '../data/csvImport.ts'
import { type Files, InvalidLocation, type StoredObject } from '../data/files.ts'
import { parseSchema } from '../data/schema.ts'
import { JobFailure } from '../errors.ts'
import { requireRun } from '../store/jobResource.ts'
import { type DatasetFile, get, patch, type Resource } from '../store/resource.ts'
import { type Job, runName } from './job.ts'

/**
 * Turns the CSV objects of a location into one Parquet file
 * and puts it among the dataset's files. Spec E.6, E.7.
 */
export const datasetImportJob: Job<'datasetImportJob'> = async (ctx, job, run) => {
  const { dataset, schema } = await target(ctx, job)
  const { dataSource, roleArn } = job.doc
  const files = ctx.files.as({ jobArn: job.arn, roleArn, signal: run.signal })
  const sources = await csvObjects(files, dataSource.dataLocation ?? '')
  requireRoom(ctx, job, sources)
  run.step('sources listed')

  const mode = job.doc.importMode === 'INCREMENTAL' ? 'INCREMENTAL' : 'FULL'
  const path = join('datasets', arnPath(dataset.arn), `${runName(job)}.parquet`)
  const out = join(ctx.config.dataDir, path)
  await mkdir(dirname(out), { recursive: true })
  const paths: string[] = []
  for (const [index, { url }] of sources.entries()) {
    run.progress('read', index, sources.length)
    paths.push(await files.localPath(url, run.scratch))
  }
  const { rowCount } = await importCsv(
    ctx.duck,
    {
      sources: paths,
      sourceNames: sources.map(({ url }) => url),
      schema: parseSchema(schema.doc.schema, schema.doc.domain),
      out,
      scratch: run.scratch,
    },
    run,
  )
  const { size: sent } = await stat(out)
  run.step('parquet written')
  await addFile(ctx, job, dataset, { path, mode, rowCount, seq: job.seq })
  run.step('dataset changed')
  const received = sources.reduce((sum, { bytes }) => sum + bytes, 0)
  ctx.metrics?.work(job.kind, rowCount, { received, sent })
  return {}
}

async function target(ctx: Context, job: Resource<'datasetImportJob'>) {
  return ctx.db.kysely.transaction().execute(async (tx) => {
    const dataset = await get(tx, job, 'dataset', job.doc.datasetArn)
    if (!dataset) throw new JobFailure(`The dataset ${job.doc.datasetArn} has been deleted.`)
    const schema = await get(tx, job, 'schema', dataset.doc.schemaArn)
    if (!schema) throw new JobFailure(`The schema ${dataset.doc.schemaArn} has been deleted.`)
    return { dataset, schema }
  })
}

/**
 * One object, or the first level of a folder that ends in `/`, less the empty object that S3's console makes for the
 * folder itself and what Spark, Glue and EMR write beside the data, unless that is all. Texts: AWS's, spec J.3.
 */
async function csvObjects(files: Files, location: string): Promise<StoredObject[]> {
  const objects = await files.list(location).catch((cause: unknown) => {
    if (cause instanceof InvalidLocation)
      throw new JobFailure(`Invalid Data location. ${cause.message}`, { cause })
    throw cause
  })
  const found = location.endsWith('/')
    ? objects.filter(({ url }) => url !== location && !url.slice(location.length).includes('/'))
    : objects.filter(({ url }) => url === location)
  if (found.length === 0)
    throw new JobFailure(
      `Invalid Data location. There is no object ${location}${location.endsWith('/') ? '*' : ''}.`,
    )
  const data = found.filter(
    ({ url, bytes }) => bytes > 0 && !/^[_.]/.test(url.slice(location.length)),
  )
  return data.length > 0 ? data : found
}

function requireRoom(
  ctx: Context,
  job: Resource<'datasetImportJob'>,
  sources: readonly StoredObject[],
): void {
  const { importMode } = job.doc
  const quota = importMode === 'INCREMENTAL' ? 'incrementalImportBytes' : 'fullImportBytes'
  const most = ctx.config.quotas[quota]
  const bytes = sources.reduce((sum, source) => sum + source.bytes, 0)
  if (bytes > most)
    throw new JobFailure(
      `The data have ${bytes} bytes; one ${importMode} import takes at most ${most}.`,
    )
}

/**
 * The dataset's files in the order of their imports, from the last FULL one on: what a FULL import
 * replaces is decided by when the imports were asked for, not by which of two ends first. Running
 * it twice changes nothing.
 */
async function addFile(
  ctx: Context,
  job: Resource<'datasetImportJob'>,
  { arn, seq }: Resource<'dataset'>,
  file: DatasetFile,
): Promise<void> {
  await ctx.db.kysely.transaction().execute(async (tx) => {
    await requireRun(tx, job)
    const dataset = await get(tx, job, 'dataset', arn)
    if (dataset?.seq !== seq) throw new JobFailure(`The dataset ${arn} has been deleted.`)
    const { files = [] } = dataset.internal
    const all = [...files.filter((each) => each.seq !== file.seq), file].sort(
      (a, b) => a.seq - b.seq,
    )
    const kept = all.slice(all.findLastIndex((each) => each.mode === 'FULL'))
    await patch<'dataset'>(tx, dataset, { internal: { files: kept } }, ctx.clock())
    if (kept.length < all.length) await ctx.queue.enqueue(tx, 'sweep', arn)
  })
}
