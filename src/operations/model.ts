import { modelDescription } from '../segments/modelDescription.ts'
import { refuse } from '../segments/models.ts'
import { existing, requireActive } from './lookup.ts'
import type { Operation } from './operation.ts'
import { modelFolder } from './segmentSource.ts'

/** What a trained version has learned. Ours, not AWS's. */
export const describeModel: Operation<'DescribeModel'> = async (
  ctx,
  caller,
  { solutionVersionArn },
) => {
  const version = await existing(ctx.db.kysely, caller, 'solutionVersion', solutionVersionArn)
  requireActive(version)
  const document = await ctx.engine.describe(modelFolder(ctx, version)).catch(refuse)
  const { recipeArn } = version.doc
  return { model: { solutionVersionArn, recipeArn, ...modelDescription(document) } }
}
