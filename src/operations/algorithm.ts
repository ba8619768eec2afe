import { serviceArn } from '../arn.ts'
import { doesNotExist } from '../errors.ts'
import { catalog, recipesUpdated } from '../recipes/catalog.ts'
import { hiddenDimension } from '../recipes/userSegmentation.ts'
import type { Operation } from './operation.ts'

/**
 * The algorithm behind a recipe, with its hyperparameters where the recipe is built here. Spec G.4.
 */
export const describeAlgorithm: Operation<'DescribeAlgorithm'> = async (
  _ctx,
  _caller,
  { algorithmArn },
) => {
  const recipe = catalog.find((entry) => serviceArn('algorithm', entry.algorithm) === algorithmArn)
  if (!recipe) throw doesNotExist(algorithmArn)
  const { name, min, max } = hiddenDimension
  return {
    algorithm: {
      name: recipe.algorithm,
      algorithmArn,
      ...(recipe.type === 'USER_SEGMENTATION' && {
        defaultHyperParameters: { [name]: String(hiddenDimension.default) },
        defaultHyperParameterRanges: {
          integerHyperParameterRanges: [{ name, minValue: min, maxValue: max, isTunable: false }],
          continuousHyperParameterRanges: [],
          categoricalHyperParameterRanges: [],
        },
      }),
      creationDateTime: new Date(recipe.created),
      lastUpdatedDateTime: recipesUpdated,
    },
  }
}
