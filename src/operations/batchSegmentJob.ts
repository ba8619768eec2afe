import { makeArn } from '../arn.ts'
import { invalidInput } from '../errors.ts'
import { limits } from '../limits.ts'
import { describe, listOf } from './answers.ts'
import { insertNew, requireRoomForJob } from './lookup.ts'
import type { Operation } from './operation.ts'
import { segmentSource } from './segmentSource.ts'

/** Records a batch segment job and queues its work. Spec D.2, C.5. */
export const createBatchSegmentJob: Operation<'CreateBatchSegmentJob'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const { version, snapshot } = await segmentSource(tx, caller, input)
    const numResults = input.numResults ?? limits.segmentResultsDefault
    if (numResults < 1 || numResults > limits.segmentResultsMax)
      throw invalidInput(
        `numResults is ${numResults}; it must be from 1 to ${limits.segmentResultsMax}.`,
      )

    const { tags = [], ...doc } = input
    const batchSegmentJobArn = makeArn(caller, 'batchSegmentJob', input.jobName)
    await insertNew(ctx, tx, caller, {
      kind: 'batchSegmentJob',
      arn: batchSegmentJobArn,
      parent: version.arn,
      status: 'CREATE PENDING',
      doc: { ...doc, numResults },
      internal: { snapshot, ...(!ctx.config.strict && wishesOf(tags)) },
      tags,
    })
    await requireRoomForJob(ctx, tx, caller, 'batchSegmentJob', 'pendingBatchSegmentJobs')
    await ctx.queue.enqueue(tx, 'batchSegmentJob', batchSegmentJobArn)
    return { batchSegmentJobArn }
  })

/** What tags of ours ask for. */
function wishesOf(tags: readonly { tagKey: string; tagValue: string }[]): {
  foldIn?: true
  scores?: true
} {
  const asks = (key: string, yes: string, no?: string): boolean => {
    const tag = tags.findLast(({ tagKey }) => tagKey === key)
    if (tag === undefined || tag.tagValue === no) return false
    if (tag.tagValue === yes) return true
    const right = no === undefined ? `'${yes}'` : `'${yes}' or '${no}'`
    throw invalidInput(`The tag ${key} is '${tag.tagValue}'; it must be ${right}.`)
  }
  return {
    ...(asks('openpersonalize:fold-in', 'true', 'false') && { foldIn: true }),
    ...(asks('openpersonalize:scores', 'parquet') && { scores: true }),
  }
}

export const describeBatchSegmentJob = describe<'DescribeBatchSegmentJob'>('batchSegmentJob')
export const listBatchSegmentJobs = listOf(
  'ListBatchSegmentJobs',
  'batchSegmentJob',
  (input) => input.solutionVersionArn,
)
