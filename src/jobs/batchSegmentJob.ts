import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { withConnection } from '../data/duck.ts'
import { type Files, InvalidLocation, type StoredObject, type Writing } from '../data/files.ts'
import { type Filter, parseFilter } from '../data/filterExpression.ts'
import { isBlank } from '../data/queryLine.ts'
import { openScoreTable, type ScoreTable } from '../data/scoreTable.ts'
import type { Model } from '../engine/engine.ts'
import { JobFailure } from '../errors.ts'
import type { Quota } from '../limits.ts'
import { builtRecipe, type Recipe } from '../recipes/index.ts'
import { openVersion } from '../segments/models.ts'
import { type NewUsersOfJob, newUsersOf } from '../segments/newUsers.ts'
import { outputFolder, outputName, scoresName } from '../segments/outputs.ts'
import { type Asker, answers, asker, type Tally } from '../segments/segmentAnswers.ts'
import { snapshotPaths } from '../segments/snapshotPaths.ts'
import { requireRun } from '../store/jobResource.ts'
import { get, patch, type Resource } from '../store/resource.ts'
import type { Job, JobRun } from './job.ts'

/**
 * Turns every object under the input prefix into one `.out` object, line for line. Spec
 * D. Safe to run again from the start: outputs depend only on inputs and model, and
 * appear under their name when whole.
 */
export const batchSegmentJob: Job<'batchSegmentJob'> = async (ctx, job, run) => {
  const version = await trainedVersion(ctx, job)
  const recipe = builtRecipe(version.doc.recipeArn)
  const { jobInput, jobOutput, roleArn } = job.doc
  const files = ctx.files.as({ jobArn: job.arn, roleArn, signal: run.signal })
  const kmsKeyArn = jobOutput.s3DataDestination?.kmsKeyArn
  for (const key of new Set([jobInput.s3DataSource?.kmsKeyArn, kmsKeyArn]))
    if (key !== undefined) await files.requireKey(key)
  const inputs = job.internal.inputs ?? (await recordedInputs(ctx, job, files))
  const output = outputFolder(job)
  const { scores = false, foldIn = false } = job.internal
  requireFreeNames(job, inputs, output, scores)
  await write(run, files, `${output}_CHECK`, { kmsKeyArn }, [])
  // Of a run that was killed; this one writes all outputs again.
  if (job.internal.upload) await files.discard(job.internal.upload)
  const how: Writing = { kmsKeyArn, begun: (upload) => record(ctx, job, { inputs, upload }) }
  run.step('output checked')

  const trained = join(ctx.config.dataDir, version.internal.model!)
  const folder = foldIn ? join(run.scratch, 'model') : trained
  if (foldIn)
    await ctx.engine.foldIn(trained, snapshotPaths(ctx, job.internal.snapshot), folder, run)
  const source = {
    recipe,
    filter: await filterOf(ctx, job),
    snapshot: job.internal.snapshot,
    numResults: job.doc.numResults,
  }
  const opened = await openVersion(ctx, folder, run.signal)
  const tally = { lines: 0, json: 0 }
  let sent = 0
  try {
    const { model } = opened
    const asking = asker(ctx, opened, source)
    const newUsers = newUsersOf(ctx, model, source, run.scratch, run.signal)
    const part = { recipe, asker: asking, model, newUsers, files, how, tally }
    for (const [index, input] of inputs.entries()) {
      run.progress('segment', index, inputs.length)
      if (scores) sent += await answerWithScores(ctx, run, { ...part, input }, output)
      else sent += await answerObject(ctx, run, { ...part, input, table: undefined }, output)
      run.step(`output ${index + 1} written`)
    }
  } finally {
    await opened.close()
  }
  const received = inputs.reduce((sum, { bytes }) => sum + bytes, 0)
  ctx.metrics?.work(job.kind, tally.lines, { received, sent })
  requireJson(job, tally)
  return {}
}

/**
 * A file that is no JSON Lines at all is the job's failure; one bad line is
 * only its own. Spec D.7, L.4 [I].
 */
function requireJson(job: Resource<'batchSegmentJob'>, { lines, json }: Tally): void {
  const path = job.doc.jobInput.s3DataSource?.path
  if (lines === 0)
    throw new JobFailure(`Invalid S3 input path. The objects under ${path} hold no line.`)
  if (json === 0)
    throw new JobFailure(
      `None of the ${lines} lines under ${path} is JSON; ` +
        'the .out files say what is wrong with each.',
    )
}

async function trainedVersion(ctx: Context, job: Resource<'batchSegmentJob'>) {
  const version = await get(ctx.db.kysely, job, 'solutionVersion', job.doc.solutionVersionArn)
  if (!version)
    throw new JobFailure(`The solution version ${job.doc.solutionVersionArn} has been deleted.`)
  return version
}

/**
 * Lists the inputs once and keeps the list with the job: a rerun must not take the first run's own
 * answers, or what came under the prefix meanwhile, for inputs.
 */
async function recordedInputs(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
  files: Files,
): Promise<StoredObject[]> {
  const inputs = await inputObjects(ctx, job, files)
  await record(ctx, job, { inputs })
  return inputs
}

async function record(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
  news: Partial<Resource<'batchSegmentJob'>['internal']>,
): Promise<void> {
  const internal = { ...job.internal, ...news }
  await ctx.db.kysely.transaction().execute(async (tx) => {
    await requireRun(tx, job)
    await patch<'batchSegmentJob'>(tx, job, { internal }, ctx.clock())
  })
}

/**
 * The objects under the input prefix, within the quotas. Spec D.3; first texts: AWS's, spec D.7.
 */
async function inputObjects(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
  files: Files,
): Promise<StoredObject[]> {
  const path = job.doc.jobInput.s3DataSource?.path ?? ''
  const found = await files.list(path).catch(invalid('Invalid S3 input path'))
  const objects = found.filter(({ url }) => !url.endsWith('/'))
  if (objects.length === 0)
    throw new JobFailure(`Invalid S3 input path. There is no object under ${path}.`)
  const { segmentInputFiles, segmentInputBytes } = ctx.config.quotas
  if (objects.length > segmentInputFiles)
    throw new JobFailure(
      `There are ${objects.length} input files under ${path}; ` +
        `at most ${segmentInputFiles} are allowed.`,
    )
  const bytes = objects.reduce((sum, object) => sum + object.bytes, 0)
  if (bytes > segmentInputBytes)
    throw new JobFailure(
      `The input files under ${path} have ${bytes} bytes; ` +
        `at most ${segmentInputBytes} are allowed.`,
    )
  return objects
}

async function filterOf(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
): Promise<Filter | undefined> {
  const { filterArn } = job.doc
  if (filterArn === undefined) return undefined
  const filter = await get(ctx.db.kysely, job, 'filter', filterArn)
  if (!filter) throw new JobFailure(`The filter ${filterArn} has been deleted.`)
  return parseFilter(filter.doc.filterExpression)
}

/**
 * Two inputs that would share an output are refused, one that an output would replace, and a folder of inputs that is
 * that of the outputs too (spec D.3).
 */
function requireFreeNames(
  job: Resource<'batchSegmentJob'>,
  inputs: readonly StoredObject[],
  output: string,
  scores: boolean,
): void {
  const path = job.doc.jobInput.s3DataSource?.path
  if (output === path || output === `${path}/`)
    throw new JobFailure(
      `Invalid S3 output path. The answers would become inputs of ${path}; ` +
        'choose another output folder.',
    )
  const names = inputs.flatMap(({ url }) => [
    outputName(output, url),
    ...(scores ? [scoresName(output, url)] : []),
  ])
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice)
    throw new JobFailure(
      `Two input files have the same name, so both would be answered in ${twice}. Rename one.`,
    )
  const overwritten = inputs.find(({ url }) => names.includes(url))
  if (overwritten)
    throw new JobFailure(
      `Invalid S3 output path. The answers would replace the input ${overwritten.url}; ` +
        'choose another output folder.',
    )
}

/** Writes an object, and gives its bytes; one that fails leaves nothing. */
async function write(
  run: JobRun,
  files: Files,
  url: string,
  how: Writing,
  chunks: AsyncIterable<string | Uint8Array> | [],
): Promise<number> {
  let bytes = 0
  const wrong = invalid('Invalid S3 output path')
  const writer = await files.create(url, how).catch(wrong)
  try {
    for await (const chunk of chunks) {
      await writer.write(chunk).catch(wrong)
      bytes += Buffer.byteLength(chunk)
    }
    await run.hold()
    await writer.finish().catch(wrong)
    return bytes
  } catch (error) {
    await writer.abort()
    throw error
  }
}

const invalid = (text: string) => (cause: unknown) => {
  if (cause instanceof InvalidLocation) throw new JobFailure(`${text}. ${cause.message}`, { cause })
  throw cause
}

type Part = {
  recipe: Recipe
  asker: Asker
  model: Model
  newUsers: NewUsersOfJob
  files: Files
  input: StoredObject
  how: Writing
  tally: Tally
  table: ScoreTable | undefined
}

/** Writes the scores of an object's answers beside them, as one Parquet file. */
async function answerWithScores(
  ctx: Context,
  run: JobRun,
  part: Omit<Part, 'table'>,
  output: string,
): Promise<number> {
  const path = join(run.scratch, 'scores.parquet')
  const answered = await withConnection(
    ctx.duck,
    async (connection) => {
      const table = await openScoreTable(connection)
      const bytes = await answerObject(ctx, run, { ...part, table }, output)
      await table.write(path, part.newUsers.idFiles())
      return bytes
    },
    run.signal,
  )
  const { files, how, input } = part
  const scores = createReadStream(path)
  return answered + (await write(run, files, scoresName(output, input.url), how, scores))
}

async function answerObject(
  ctx: Context,
  run: JobRun,
  { recipe, files, input, how, ...question }: Part,
  output: string,
): Promise<number> {
  const quota: Quota =
    recipe.query === 'itemId' ? 'itemAffinityLines' : 'itemAttributeAffinityLines'
  const most = ctx.config.quotas[quota]
  const lines = atMost(files.lines(input.url), most, input.url)
  const chunks = async function* () {
    yield* answers({ ...question, lines }, run)
    run.step('output complete')
  }
  return write(run, files, outputName(output, input.url), how, chunks()).catch(
    invalid('Invalid S3 input path'),
  )
}

/** Blank lines ask nothing and do not count. Spec D.7 [I]. */
async function* atMost(
  lines: AsyncIterable<string>,
  most: number,
  url: string,
): AsyncGenerator<string> {
  let count = 0
  for await (const line of lines) {
    if (!isBlank(line) && ++count > most)
      throw new JobFailure(`The input file ${url} has more than ${most} lines, which is the limit.`)
    yield line
  }
}
