import { serviceArn } from '../arn.ts'
import { doesNotExist } from '../errors.ts'
import { catalog, recipesUpdated } from '../recipes/catalog.ts'
import type { Operation } from './operation.ts'

/** The feature transformation that a recipe names. Spec G.1. */
export const describeFeatureTransformation: Operation<'DescribeFeatureTransformation'> = async (
  _ctx,
  _caller,
  { featureTransformationArn },
) => {
  const recipe = catalog.find(
    ({ featureTransformation: name }) =>
      name !== undefined && serviceArn('featureTransformation', name) === featureTransformationArn,
  )
  if (!recipe) throw doesNotExist(featureTransformationArn)
  return {
    featureTransformation: {
      name: recipe.featureTransformation!,
      featureTransformationArn,
      defaultParameters: {},
      creationDateTime: new Date(recipe.created),
      lastUpdatedDateTime: recipesUpdated,
      status: 'ACTIVE',
    },
  }
}
