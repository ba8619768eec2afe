import { makeArn } from '../arn.ts'
import { filterSubject, parseFilter, usesInteractions } from '../data/filterExpression.ts'
import { invalidInput } from '../errors.ts'
import { limits } from '../limits.ts'
import { builtRecipe, type Recipe } from '../recipes/index.ts'
import type { Resource } from '../store/resource.ts'
import { describe, listOf } from './answers.ts'
import { insertNew, referenced, requireActive, requireRoomForJob } from './lookup.ts'
import type { Operation } from './operation.ts'
import { snapshotOf } from './snapshot.ts'

/** Records a batch segment job and queues its work. Spec D.2, C.5. */
export const createBatchSegmentJob: Operation<'CreateBatchSegmentJob'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const version = await referenced(tx, caller, 'solutionVersion', input.solutionVersionArn)
    requireActive(version)
    const recipe = builtRecipe(version.doc.recipeArn)
    if (recipe.type !== 'USER_SEGMENTATION')
      throw invalidInput(
        `${version.arn} was trained with ${version.doc.recipeArn}, which does not segment users.`,
      )
    if (input.filterArn !== undefined) {
      const filter = await referenced(tx, caller, 'filter', input.filterArn)
      requireActive(filter)
      requireFitting(filter, version, recipe)
    }
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
      internal: { snapshot: await snapshotOf(tx, caller, version.doc.datasetGroupArn) },
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

/** A segment's filter chooses users, from the version's own data. Spec D.8. */
function requireFitting(
  filter: Resource<'filter'>,
  version: Resource<'solutionVersion'>,
  recipe: Recipe,
): void {
  const { datasetGroupArn, filterExpression } = filter.doc
  if (datasetGroupArn !== version.doc.datasetGroupArn)
    throw invalidInput(
      `The filter ${filter.arn} belongs to ${datasetGroupArn}, the solution version to ` +
        `${version.doc.datasetGroupArn}.`,
    )
  const expression = parseFilter(filterExpression)
  if (filterSubject(expression) !== 'UserID')
    throw invalidInput(
      `The filter ${filter.arn} chooses ${filterSubject(expression)}; a batch segment job needs ` +
        'a filter on UserID.',
    )
  if (recipe.query === 'itemAttributes' && usesInteractions(expression))
    throw invalidInput(
      `The filter ${filter.arn} uses Interactions, which ${recipe.name} does not support.`,
    )
}
