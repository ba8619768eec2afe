import { join } from 'node:path'
import type { Caller, Context } from '../context.ts'
import {
  type Filter,
  filterSubject,
  parseFilter,
  usesInteractions,
} from '../data/filterExpression.ts'
import { invalidInput } from '../errors.ts'
import { limits } from '../limits.ts'
import { builtRecipe, type Recipe } from '../recipes/index.ts'
import type { Source } from '../segments/segmentAnswers.ts'
import type { Tx } from '../store/database.ts'
import type { Resource } from '../store/resource.ts'
import { referenced, requireActive } from './lookup.ts'
import { snapshotOf } from './snapshot.ts'

type Named = {
  solutionVersionArn: string
  filterArn?: string | undefined
  numResults?: number | undefined
}

/**
 * What a segment is made of: an ACTIVE version that segments users, a filter that fits it, and the data of this moment.
 * Spec D.2, D.8.
 */
export async function segmentSource(
  tx: Tx,
  caller: Caller,
  { solutionVersionArn, filterArn, numResults = limits.segmentResultsDefault }: Named,
): Promise<Source & { version: Resource<'solutionVersion'> }> {
  const version = await referenced(tx, caller, 'solutionVersion', solutionVersionArn)
  requireActive(version)
  const recipe = builtRecipe(version.doc.recipeArn)
  if (recipe.type !== 'USER_SEGMENTATION')
    throw invalidInput(
      `${version.arn} was trained with ${version.doc.recipeArn}, which does not segment users.`,
    )
  const snapshot = await snapshotOf(tx, caller, version.doc.datasetGroupArn)
  if (filterArn === undefined) return { version, recipe, filter: undefined, snapshot, numResults }
  const resource = await referenced(tx, caller, 'filter', filterArn)
  requireActive(resource)
  const filter = parseFilter(resource.doc.filterExpression)
  requireFitting(resource, filter, version, recipe)
  return { version, recipe, filter, snapshot, numResults }
}

/** The folder of an ACTIVE version's model. */
export const modelFolder = (ctx: Context, { internal }: Resource<'solutionVersion'>): string =>
  join(ctx.config.dataDir, internal.model!)

/** A segment's filter chooses users, from the version's own data. Spec D.8. */
function requireFitting(
  { arn, doc }: Resource<'filter'>,
  filter: Filter,
  version: Resource<'solutionVersion'>,
  recipe: Recipe,
): void {
  if (doc.datasetGroupArn !== version.doc.datasetGroupArn)
    throw invalidInput(
      `The filter ${arn} belongs to ${doc.datasetGroupArn}, the solution version to ` +
        `${version.doc.datasetGroupArn}.`,
    )
  if (filterSubject(filter) !== 'UserID')
    throw invalidInput(
      `The filter ${arn} chooses ${filterSubject(filter)}; a batch segment job needs ` +
        'a filter on UserID.',
    )
  if (recipe.query === 'itemAttributes' && usesInteractions(filter))
    throw invalidInput(
      `The filter ${arn} uses Interactions, which ${recipe.name} does not support.`,
    )
}
