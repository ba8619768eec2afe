import { serviceArn } from '../arn.ts'
import { doesNotExist } from '../errors.ts'
import { limits } from '../limits.ts'
import { catalog, type RecipeEntry, recipesUpdated } from '../recipes/catalog.ts'
import type { Operation } from './operation.ts'
import { makeToken, readToken } from './pageToken.ts'

const summary = (recipe: RecipeEntry) => ({
  name: recipe.name,
  recipeArn: serviceArn('recipe', recipe.name),
  status: 'ACTIVE',
  creationDateTime: new Date(recipe.created),
  lastUpdatedDateTime: recipesUpdated,
  ...(recipe.domain && { domain: recipe.domain }),
})

/** AWS's recipes, whether they are built here or not. Spec G.2. */
export const describeRecipe: Operation<'DescribeRecipe'> = async (_ctx, _caller, { recipeArn }) => {
  const found = catalog.find((recipe) => serviceArn('recipe', recipe.name) === recipeArn)
  if (!found) throw doesNotExist(recipeArn)
  const { featureTransformation, description, type: recipeType } = found
  return {
    recipe: {
      ...summary(found),
      algorithmArn: serviceArn('algorithm', found.algorithm),
      ...(featureTransformation && {
        featureTransformationArn: serviceArn('featureTransformation', featureTransformation),
      }),
      description,
      recipeType,
    },
  }
}

/** Alphabetical by name; with a domain only that domain's use cases. Spec G.1 [O]. */
export const listRecipes: Operation<'ListRecipes'> = async (ctx, caller, input) => {
  const { domain, nextToken, maxResults = limits.pageSize } = input
  const list = { name: 'ListRecipes', caller, input }
  const after = nextToken === undefined ? '' : readToken<string>(ctx, list, nextToken)
  const rest = catalog
    .filter((recipe) => domain === undefined || recipe.domain === domain)
    .filter((recipe) => recipe.name > after)
  const page = rest.slice(0, maxResults)
  return {
    recipes: page.map(summary),
    ...(rest.length > maxResults && {
      nextToken: makeToken(ctx, list, page.at(-1)!.name),
    }),
  }
}
