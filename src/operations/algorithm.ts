import { serviceArn } from '../arn.ts'
import { doesNotExist } from '../errors.ts'
import { catalog, recipesUpdated } from '../recipes/catalog.ts'
import { hyperParameters } from '../recipes/hyperParameters.ts'
import type { Operation } from './operation.ts'

/**
 * The algorithm behind a recipe, with its hyperparameters. Spec G.4.
 */
export const describeAlgorithm: Operation<'DescribeAlgorithm'> = async (
  _ctx,
  _caller,
  { algorithmArn },
) => {
  const recipe = catalog.find((entry) => serviceArn('algorithm', entry.algorithm) === algorithmArn)
  if (!recipe) throw doesNotExist(algorithmArn)
  const parameters = hyperParameters[recipe.algorithm]
  return {
    algorithm: {
      name: recipe.algorithm,
      algorithmArn,
      ...(parameters && {
        defaultHyperParameters: parameters.defaults,
        defaultHyperParameterRanges: {
          integerHyperParameterRanges: parameters.integers ?? [],
          continuousHyperParameterRanges: parameters.continuous ?? [],
          categoricalHyperParameterRanges: parameters.categories ?? [],
        },
      }),
      creationDateTime: new Date(recipe.created),
      lastUpdatedDateTime: recipesUpdated,
    },
  }
}
