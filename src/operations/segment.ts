import type { Context } from '../context.ts'
import { type AnswerPart, answeredLine } from '../data/answeredLine.ts'
import { InvalidLocation } from '../data/files.ts'
import { invalidInput, JobFailure, limitExceeded } from '../errors.ts'
import { limits } from '../limits.ts'
import { compare } from '../segments/comparison.ts'
import { modelDescription } from '../segments/modelDescription.ts'
import { fileName, outputFolder, outputName } from '../segments/outputs.ts'
import { question } from '../segments/question.ts'
import { rankOf, spreadOf } from '../segments/spread.ts'
import type { Resource } from '../store/resource.ts'
import type { ExplainSegmentRequest, PreviewUser, SegmentReference } from './extension.ts'
import { existing, requireActive } from './lookup.ts'
import type { Operation } from './operation.ts'
import { modelFolder, segmentSource } from './segmentSource.ts'

/** Answers one query at once, with the best users of a job's line and how all users are spread. */
export const previewSegment: Operation<'PreviewSegment'> = async (ctx, caller, input) => {
  const source = await ctx.db.kysely.transaction().execute((tx) => segmentSource(tx, caller, input))
  return ctx.models.use(modelFolder(ctx, source.version), async (opened, signal) => {
    const { model } = opened
    const request = await question(ctx, opened, source, JSON.stringify(input.segmentQuery))
    const { query, mask } = request
    const resultCount = Math.min(request.resultCount, limits.previewUsers)
    const run = { signal, progress: () => undefined }
    const [best] = await model.segment([{ query, mask, resultCount }], run)
    const { expected, expectedPerScore } = await model.expected(query, signal)
    const { horizonDays, foresees } = modelDescription(model.document)
    const users = Array.from(
      best!.users,
      (user): PreviewUser => ({
        userId: model.userId(user),
        ...numbersOf(expectedPerScore, expected[user]!),
      }),
    )
    const { userCount, histogram, liftCurve } = await spreadOf(expected, mask)
    return {
      users,
      histogram: histogram.map((bin) => ({
        ...bin,
        lower: rounded(bin.lower),
        upper: rounded(bin.upper),
      })),
      liftCurve: liftCurve.map((point) => ({
        ...point,
        expectedHits: rounded(point.expectedHits),
        lift: rounded(point.lift),
      })),
      userCount,
      horizonDays,
      foresees,
    }
  })
}

/** What a user is expected to do in the horizon, and how that was told. */
function numbersOf(expectedPerScore: number, expected: number) {
  const score = expected / expectedPerScore
  return {
    score: rounded(score),
    expected: rounded(expected),
    probability: rounded(-Math.expm1(-score)),
  }
}

/** Tells why a user stands where it stands in the segment of a job's line, or of a query. */
export const explainSegment: Operation<'ExplainSegment'> = async (ctx, caller, input) => {
  requireOneSource(input)
  const { job, source } = await ctx.db.kysely.transaction().execute(async (tx) => {
    const { batchSegmentJobArn: arn, solutionVersionArn = '', filterArn } = input
    const found = arn === undefined ? undefined : await existing(tx, caller, 'batchSegmentJob', arn)
    if (found) requireActive(found)
    if (found?.internal.foldIn) throw notExplained(found)
    const named = found?.doc ?? { solutionVersionArn, filterArn }
    return { job: found, source: await segmentSource(tx, caller, named) }
  })
  const text = input.segmentQuery
    ? JSON.stringify(input.segmentQuery)
    : await lineInput(ctx, job!, input.line!, input.inputFile)
  return ctx.models.use(modelFolder(ctx, source.version), async (opened, signal) => {
    const { model } = opened
    const { query, mask } = await question(ctx, opened, source, text)
    const user = model.userIndex(input.userId)
    if (user === undefined)
      throw invalidInput(
        `The user ${input.userId} had no interactions when the solution version was trained.`,
      )
    const { expected, expectedPerScore } = await model.expected(query, signal)
    const { rank, userCount } = await rankOf(expected, mask, user)
    const why = await model.explain(query, user, signal)
    return {
      ...numbersOf(expectedPerScore, expected[user]!),
      ...(rank !== undefined && { rank }),
      userCount,
      contributions: why.contributions.map(({ feature, value, contribution }) => ({
        feature,
        value: rounded(value),
        contribution: rounded(contribution),
      })),
      history: why.history.map(({ item, weight }) => ({
        itemId: model.itemId(item),
        weight: rounded(weight),
      })),
    }
  })
}

/** Compares segments that jobs have written, each with each. */
export const compareSegments: Operation<'CompareSegments'> = async (ctx, caller, input) => {
  const ids = new Map<string, number>()
  const read: (SegmentReference & { inputFile: string; input: string; users: Uint32Array })[] = []
  let room: number = limits.comparedUsers
  for (const reference of input.segments) {
    const job = await existing(
      ctx.db.kysely,
      caller,
      'batchSegmentJob',
      reference.batchSegmentJobArn,
    )
    requireActive(job)
    const { file, url } = answerFile(job, reference.inputFile)
    const parts = answerParts(ctx, job, url, reference.line)
    const { input: asked, users } = await segmentOf(parts, url, reference.line, ids, room)
    room -= users.length
    read.push({ ...reference, inputFile: file, input: asked, users })
  }
  const pairs = []
  for (const [first, { users }] of read.entries())
    for (const [second, other] of read.entries()) {
      if (second <= first) continue
      const { overlap, ...shares } = await compare(users, other.users, ids.size)
      pairs.push({
        first: first + 1,
        second: second + 1,
        overlap,
        jaccard: rounded(shares.jaccard),
        overlapShare: rounded(shares.overlapShare),
        rankBiasedOverlap: rounded(shares.rankBiasedOverlap),
      })
    }
  return {
    segments: read.map(({ users, ...segment }) => ({ ...segment, userCount: users.length })),
    pairs,
  }
}

/** Factors are float32: more digits than these would be noise. */
const rounded = (value: number) => Number(value.toPrecision(7))

function requireOneSource(input: ExplainSegmentRequest): void {
  const {
    batchSegmentJobArn,
    solutionVersionArn,
    filterArn,
    line,
    inputFile,
    segmentQuery: query,
  } = input
  if ((batchSegmentJobArn === undefined) === (solutionVersionArn === undefined))
    throw invalidInput('Give either batchSegmentJobArn or solutionVersionArn.')
  if (solutionVersionArn !== undefined) {
    if (query === undefined || line !== undefined || inputFile !== undefined)
      throw invalidInput(
        'With solutionVersionArn give segmentQuery, and neither line nor inputFile.',
      )
  } else if (filterArn !== undefined)
    throw invalidInput('With batchSegmentJobArn leave out filterArn: the filter of the job counts.')
  else if ((line === undefined) === (query === undefined))
    throw invalidInput('With batchSegmentJobArn give either line or segmentQuery.')
  else if (inputFile !== undefined && line === undefined)
    throw invalidInput('Give inputFile only with line.')
}

/** The input file of that name, or the only one, and the URL of its answers. */
function answerFile(
  job: Resource<'batchSegmentJob'>,
  name: string | undefined,
): { file: string; url: string } {
  const files = (job.internal.inputs ?? []).map(({ url }) => fileName(url))
  const file = name === undefined && files.length === 1 ? files[0] : name
  const some = files.slice(0, 10).join(', ') + (files.length > 10 ? ', ...' : '')
  if (file === undefined)
    throw invalidInput(
      `The job ${job.arn} had ${files.length} input files, give inputFile: ${some}`,
    )
  if (!files.includes(file))
    throw invalidInput(`The job ${job.arn} had no input file ${file}; it had ${some}`)
  return { file, url: outputName(outputFolder(job), file) }
}

/** What a line of a job asked, as JSON text. */
async function lineInput(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
  line: number,
  inputFile: string | undefined,
): Promise<string> {
  const { url } = answerFile(job, inputFile)
  for await (const part of answerParts(ctx, job, url, line)) if ('input' in part) return part.input
  throw noSuchLine(url, line)
}

/** The users of a line as numbers, which `ids` has for each id and gets for new ones. */
async function segmentOf(
  parts: AsyncIterable<AnswerPart>,
  url: string,
  line: number,
  ids: Map<string, number>,
  room: number,
): Promise<{ input: string; users: Uint32Array }> {
  let input: string | undefined
  const users: number[] = []
  for await (const part of parts) {
    if ('input' in part) input = part.input
    else if ('error' in part)
      throw invalidInput(`Line ${line} of ${url} has an error instead of users: ${part.error}`)
    else
      for (const id of part.users) {
        const number = ids.get(id) ?? ids.size
        ids.set(id, number)
        users.push(number)
      }
    if (users.length > room)
      throw limitExceeded(
        `The segments hold more than ${limits.comparedUsers} users together, which is the limit.`,
      )
  }
  if (input === undefined) throw noSuchLine(url, line)
  return { input, users: Uint32Array.from(users) }
}

async function* answerParts(
  ctx: Context,
  { arn: jobArn, doc: { roleArn } }: Resource<'batchSegmentJob'>,
  url: string,
  line: number,
): AsyncGenerator<AnswerPart> {
  try {
    yield* answeredLine(ctx.files.as({ jobArn, roleArn }).bytes(url), line)
  } catch (error) {
    const isTheirs = error instanceof InvalidLocation || error instanceof JobFailure
    throw isTheirs ? invalidInput(error.message) : error
  }
}

const notExplained = ({ arn, doc }: Resource<'batchSegmentJob'>) =>
  invalidInput(
    `The job ${arn} ranked users by interactions since the training too (openpersonalize:fold-in), ` +
      `which no model keeps. With the solutionVersionArn ${doc.solutionVersionArn} and segmentQuery the trained model explains.`,
  )

const noSuchLine = (url: string, line: number) => invalidInput(`${url} has no line ${line}.`)
