import { makeArn } from '../arn.ts'
import { invalidInput } from '../errors.ts'
import { describe, listOf } from './answers.ts'
import { insertNew, referenced, requireActive, requireRoomForJob } from './lookup.ts'
import type { Operation } from './operation.ts'

/** Records an import and queues its work. Spec E.7, C.5. */
export const createDatasetImportJob: Operation<'CreateDatasetImportJob'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    // Required in words only: the contract leaves it open.
    if (input.dataSource.dataLocation === undefined)
      throw invalidInput(
        'dataSource.dataLocation is missing: name an object, or a folder that ends in /.',
      )
    const dataset = await referenced(tx, caller, 'dataset', input.datasetArn)
    requireActive(dataset)
    const importMode = input.importMode ?? 'FULL'
    if (importMode === 'INCREMENTAL' && !dataset.internal.files?.length)
      throw invalidInput(
        `The dataset ${dataset.arn} has no bulk import yet, so the importMode must be FULL.`,
      )

    const { tags = [], ...doc } = input
    const datasetImportJobArn = makeArn(caller, 'datasetImportJob', input.jobName)
    await insertNew(ctx, tx, caller, {
      kind: 'datasetImportJob',
      arn: datasetImportJobArn,
      parent: dataset.arn,
      status: 'CREATE PENDING',
      doc: {
        ...doc,
        importMode,
        publishAttributionMetricsToS3: input.publishAttributionMetricsToS3 ?? false,
      },
      internal: {},
      tags,
    })
    await requireRoomForJob(ctx, tx, caller, 'datasetImportJob', 'pendingDatasetImportJobs')
    await ctx.queue.enqueue(tx, 'datasetImportJob', datasetImportJobArn)
    return { datasetImportJobArn }
  })

export const describeDatasetImportJob = describe<'DescribeDatasetImportJob'>('datasetImportJob')
export const listDatasetImportJobs = listOf(
  'ListDatasetImportJobs',
  'datasetImportJob',
  (input) => input.datasetArn,
)
