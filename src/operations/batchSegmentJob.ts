import { makeArn } from '../arn.ts'
import { invalidInput } from '../errors.ts'
import { limits } from '../limits.ts'
import { describe, listOf } from './answers.ts'
import { insertNew, requireRoomForJob } from './lookup.ts'
import type { Operation } from './operation.ts'
import { ownTag } from './ownTags.ts'
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
    const { strict } = ctx.config
    const batchSegmentJobArn = makeArn(caller, 'batchSegmentJob', input.jobName)
    await insertNew(ctx, tx, caller, {
      kind: 'batchSegmentJob',
      arn: batchSegmentJobArn,
      parent: version.arn,
      status: 'CREATE PENDING',
      doc: { ...doc, numResults },
      internal: {
        snapshot,
        ...(!strict && ownTag(tags, 'openpersonalize:fold-in') === 'true' && { foldIn: true }),
        ...(!strict && ownTag(tags, 'openpersonalize:scores') === 'parquet' && { scores: true }),
      },
      tags,
    })
    await requireRoomForJob(ctx, tx, caller, 'batchSegmentJob', 'pendingBatchSegmentJobs')
    await ctx.queue.enqueue(tx, 'batchSegmentJob', batchSegmentJobArn)
    return { batchSegmentJobArn }
  })

export const describeBatchSegmentJob = describe<'DescribeBatchSegmentJob'>('batchSegmentJob')
export const listBatchSegmentJobs = listOf(
  'ListBatchSegmentJobs',
  'batchSegmentJob',
  (input) => input.solutionVersionArn,
)
