import { makeArn } from '../arn.ts'
import type { Caller } from '../context.ts'
import { parseSchema } from '../data/schema.ts'
import { invalidInput } from '../errors.ts'
import { builtRecipe, checkSolutionConfig } from '../recipes/index.ts'
import { checkTrainingData } from '../recipes/trainingData.ts'
import type { Tx } from '../store/database.ts'
import { list, patch, type Resource, remove } from '../store/resource.ts'
import { describe, document, listOf } from './answers.ts'
import {
  existing,
  insertNew,
  referenced,
  requireActive,
  requireAtRest,
  requireRoom,
  requireUnused,
} from './lookup.ts'
import type { Operation } from './operation.ts'
import { snapshotOf } from './snapshot.ts'

/**
 * Records what is to be trained and how; ACTIVE at once, as seen in AWS's own runs. Spec C.3, C.5.
 */
export const createSolution: Operation<'CreateSolution'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    if (input.performAutoML)
      throw invalidInput(
        'performAutoML is not supported: name a recipeArn and leave performAutoML out, ' +
          'as AWS advises.',
      )
    if (input.recipeArn === undefined)
      throw invalidInput('The recipeArn is missing: name one, such as aws-item-affinity.')
    const recipe = builtRecipe(input.recipeArn)
    checkSolutionConfig(recipe, input, ctx.config.strict)
    const group = await referenced(tx, caller, 'datasetGroup', input.datasetGroupArn)
    requireActive(group)
    const columns = await columnsOf(tx, caller, group.arn)
    checkTrainingData(input, columns)

    const { tags = [], ...doc } = input
    const solutionArn = makeArn(caller, 'solution', input.name)
    await insertNew(ctx, tx, caller, {
      kind: 'solution',
      arn: solutionArn,
      parent: group.arn,
      status: 'ACTIVE',
      doc: {
        ...doc,
        performHPO: input.performHPO ?? false,
        performAutoML: false,
        performAutoTraining: input.performAutoTraining ?? true,
        performIncrementalUpdate: input.performIncrementalUpdate ?? false,
      },
      internal: { ...(columns.items && { itemColumns: columns.items }) },
      tags,
    })
    await requireRoom(ctx, tx, caller, 'solution', 'solutionsPerGroup', group.arn)
    return { solutionArn }
  })

/** The columns of the group's datasets, by lower-case type. */
async function columnsOf(
  tx: Tx,
  caller: Caller,
  datasetGroupArn: string,
): Promise<Record<string, string[]>> {
  const { schemas } = await snapshotOf(tx, caller, datasetGroupArn)
  return Object.fromEntries(
    Object.entries(schemas).map(([type, text]) => [
      type,
      parseSchema(text).fields.map(({ name }) => name),
    ]),
  )
}

export const describeSolution =
  describe<'DescribeSolution'>('solution', async (ctx, caller, solution) => {
    const where = { parent: solution.arn, limit: 1 }
    const [latest] = await list(ctx.db.kysely, caller, 'solutionVersion', where)
    const { performAutoTraining, solutionConfig } = (solution as Resource<'solution'>).doc
    return {
      ...(latest && { latestSolutionVersion: document(latest) }),
      ...(performAutoTraining && { solutionConfig: { ...weekly, ...solutionConfig } }),
    }
  })

/** When automatic training takes place where nothing else was said. Spec L.1. */
const weekly = { autoTrainingConfig: { schedulingExpression: 'rate(7 days)' } }

export const listSolutions = listOf('ListSolutions', 'solution', (input) => input.datasetGroupArn)

/** Changes how a solution trains from now on; its versions stay as they are. Spec C.9. */
export const updateSolution: Operation<'UpdateSolution'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const solution = await existing(tx, caller, 'solution', input.solutionArn)
    requireActive(solution)
    const { solutionArn, ...changes } = input
    if (Object.keys(changes).length === 0)
      throw invalidInput(
        'Nothing to update: give performAutoTraining, performIncrementalUpdate or ' +
          'solutionUpdateConfig.',
      )
    const { solutionUpdateConfig, ...flags } = changes
    const doc = {
      ...solution.doc,
      ...flags,
      ...(solutionUpdateConfig && {
        solutionConfig: { ...solution.doc.solutionConfig, ...solutionUpdateConfig },
      }),
    }
    checkSolutionConfig(builtRecipe(doc.recipeArn!), doc, ctx.config.strict)
    const now = ctx.clock()
    const latestSolutionUpdate = {
      ...changes,
      status: 'ACTIVE',
      creationDateTime: now,
      lastUpdatedDateTime: now,
    }
    await patch<'solution'>(tx, solution, { doc: { ...doc, latestSolutionUpdate } }, now)
    return { solutionArn }
  })

/**
 * Deletes a solution and its versions; refused while one of them is
 * being trained or used. Spec C.6.
 */
export const deleteSolution: Operation<'DeleteSolution'> = (ctx, caller, { solutionArn }) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const solution = await existing(tx, caller, 'solution', solutionArn)
    requireAtRest(solution)
    const versions = await list(tx, caller, 'solutionVersion', { parent: solutionArn })
    for (const version of versions) {
      requireAtRest(version)
      requireUnused(solution, await list(tx, caller, 'batchSegmentJob', { parent: version.arn }))
    }
    await remove(tx, [...versions.map((version) => version.arn), solutionArn])
    await ctx.queue.enqueue(tx, 'sweep', solutionArn)
    return {}
  })
