/** What must stay true of recipes, algorithms and feature transformations: spec G. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { server } from './harness.ts'

const { personalize } = await server({ after })
const arnOf = (kind: string, name: string) => `arn:aws:personalize:::${kind}/${name}`

describe('shape', () => {
  test('DescribeRecipe leads on to algorithm and feature transformation [D23]', async () => {
    const { recipe } = await personalize.describeRecipe({
      recipeArn: arnOf('recipe', 'aws-item-affinity'),
    })
    const { description, lastUpdatedDateTime, ...rest } = recipe!
    deepEqual(rest, {
      name: 'aws-item-affinity',
      recipeArn: arnOf('recipe', 'aws-item-affinity'),
      algorithmArn: arnOf('algorithm', 'aws-item-affinity'),
      featureTransformationArn: arnOf('feature-transformation', 'item-affinity'),
      status: 'ACTIVE',
      recipeType: 'USER_SEGMENTATION',
      creationDateTime: new Date('2021-07-15'), // [O]
    })
    ok(description && lastUpdatedDateTime)
    const { algorithmArn, featureTransformationArn } = rest
    const { algorithm } = await personalize.describeAlgorithm({ algorithmArn })
    deepEqual(algorithm?.defaultHyperParameters, { hidden_dimension: '149' })
    deepEqual(algorithm?.defaultHyperParameterRanges?.integerHyperParameterRanges, [
      { name: 'hidden_dimension', minValue: 32, maxValue: 256, isTunable: false },
    ])
    const { featureTransformation } = await personalize.describeFeatureTransformation({
      featureTransformationArn,
    })
    equal(featureTransformation?.name, 'item-affinity')
    equal(featureTransformation?.status, 'ACTIVE')
  })

  test('DescribeAlgorithm shows the hyperparameters of recipes that are not built too [D23]', async () => {
    const { algorithm } = await personalize.describeAlgorithm({
      algorithmArn: arnOf('algorithm', 'aws-sims'),
    })
    deepEqual(algorithm?.defaultHyperParameters, {
      popularity_discount_factor: '0.5',
      min_cointeraction_count: '3',
    })
    deepEqual(algorithm?.defaultHyperParameterRanges, {
      integerHyperParameterRanges: [
        { name: 'min_cointeraction_count', minValue: 0, maxValue: 10, isTunable: true },
      ],
      continuousHyperParameterRanges: [
        { name: 'popularity_discount_factor', minValue: 0, maxValue: 1, isTunable: true },
      ],
      categoricalHyperParameterRanges: [],
    })
  })

  test('every recipe in the list can be described, and so can its algorithm', async () => {
    const { recipes = [] } = await personalize.listRecipes({})
    for (const { recipeArn, domain } of recipes) {
      const { recipe } = await personalize.describeRecipe({ recipeArn })
      equal(recipe?.recipeArn, recipeArn)
      ok(!('domain' in recipe!) || domain)
      const { algorithm } = await personalize.describeAlgorithm({
        algorithmArn: recipe?.algorithmArn,
      })
      equal(algorithm?.algorithmArn, recipe?.algorithmArn)
    }
  })
})

describe('meaning', () => {
  test('what AWS does not have is not found', async () => {
    for (const refused of [
      personalize.describeRecipe({ recipeArn: arnOf('recipe', 'aws-nope') }),
      personalize.describeRecipe({ recipeArn: arnOf('algorithm', 'aws-item-affinity') }),
      personalize.describeAlgorithm({ algorithmArn: arnOf('algorithm', 'nope') }),
      personalize.describeFeatureTransformation({
        featureTransformationArn: arnOf('feature-transformation', 'nope'),
      }),
    ])
      await rejects(refused, {
        name: 'ResourceNotFoundException',
        message: /^Resource Arn arn:aws:personalize:::.* does not exist\.$/,
      })
  })
})

describe('effect', () => {
  test('ListRecipes is alphabetical, with domain recipes among the others [O]', async () => {
    const { recipes = [] } = await personalize.listRecipes({ recipeProvider: 'SERVICE' })
    const names = recipes.map(({ name }) => name ?? '')
    deepEqual(names, names.toSorted())
    const custom = recipes.filter(({ domain }) => !domain).map(({ name }) => name)
    for (const name of ['aws-item-affinity', 'aws-item-attribute-affinity', 'aws-sims'])
      ok(custom.includes(name), name)
    ok(!names.some((name) => name.startsWith('aws-hrnn'))) // no longer listed [D23]
  })

  test('with a domain it has that domain’s five use cases only [O]', async () => {
    for (const domain of ['ECOMMERCE', 'VIDEO_ON_DEMAND'] as const) {
      const { recipes = [] } = await personalize.listRecipes({ domain })
      equal(recipes.length, 5)
      for (const recipe of recipes) {
        equal(recipe.domain, domain)
        match(recipe.name ?? '', domain === 'ECOMMERCE' ? /^aws-ecomm-/ : /^aws-vod-/)
      }
    }
  })

  test('pages of it join to the whole', async () => {
    const { recipes: all = [] } = await personalize.listRecipes({})
    const paged: typeof all = []
    let nextToken: string | undefined
    do {
      const page = await personalize.listRecipes({ maxResults: 4, nextToken })
      paged.push(...(page.recipes ?? []))
      nextToken = page.nextToken
    } while (nextToken)
    deepEqual(paged, all)
  })
})

describe('work', () => {
  test('recipes have none', async () => {
    const { recipes = [] } = await personalize.listRecipes({})
    ok(recipes.every(({ status }) => status === 'ACTIVE'))
  })
})
