/**
 * What AWS's recipes are called and what they are made of. Spec G.2, G.6;
 * dates as seen in ListRecipes [O].
 */
export type RecipeEntry = {
  name: string
  type: RecipeType
  algorithm: string
  featureTransformation?: string
  domain?: 'ECOMMERCE' | 'VIDEO_ON_DEMAND'
  description: string
  /** First day, ISO. */
  created: string
}

export type RecipeType =
  | 'USER_SEGMENTATION'
  | 'USER_PERSONALIZATION'
  | 'PERSONALIZED_RANKING'
  | 'RELATED_ITEMS'
  | 'POPULAR_ITEMS'
  | 'PERSONALIZED_ACTIONS'

/** When AWS last deployed its recipes, one date for all of them [O]. */
export const recipesUpdated = new Date('2024-06-19T16:47:19.191Z')

const oldest = '2019-06-10'

const custom: RecipeEntry[] = [
  {
    name: 'aws-item-affinity',
    type: 'USER_SEGMENTATION',
    algorithm: 'aws-item-affinity',
    featureTransformation: 'item-affinity',
    description: 'Finds the users who will most likely interact with an item.',
    created: '2021-07-15',
  },
  {
    name: 'aws-item-attribute-affinity',
    type: 'USER_SEGMENTATION',
    algorithm: 'aws-item-attribute-affinity',
    featureTransformation: 'item-attribute-affinity',
    description:
      'Finds the users who will most likely interact with items that have given attributes.',
    created: '2021-08-25',
  },
  {
    name: 'aws-next-best-action',
    type: 'PERSONALIZED_ACTIONS',
    algorithm: 'aws-next-best-action',
    description: 'Orders actions by how likely a user is to take them.',
    created: '2023-08-11',
  },
  {
    name: 'aws-personalized-ranking',
    type: 'PERSONALIZED_RANKING',
    algorithm: 'aws-personalized-ranking',
    featureTransformation: 'JSON-percentile-filtering',
    description: 'Orders a given list of items for a user.',
    created: oldest,
  },
  {
    name: 'aws-personalized-ranking-v2',
    type: 'PERSONALIZED_RANKING',
    algorithm: 'aws-personalized-ranking-v2',
    description: 'Orders a given list of items for a user, for large catalogs.',
    created: '2024-01-01',
  },
  {
    name: 'aws-popularity-count',
    type: 'USER_PERSONALIZATION',
    algorithm: 'aws-popularity-count',
    featureTransformation: 'sims',
    description: 'Recommends the items that most users interacted with.',
    created: oldest,
  },
  {
    name: 'aws-semantic-similarity',
    type: 'RELATED_ITEMS',
    algorithm: 'aws-semantic-similarity',
    featureTransformation: 'aws-semantic-similarity',
    description: 'Finds items whose title and description mean something similar.',
    created: '2024-01-01',
  },
  {
    name: 'aws-similar-items',
    type: 'RELATED_ITEMS',
    algorithm: 'aws-similar-items',
    description: 'Finds similar items from interactions and item metadata.',
    created: oldest,
  },
  {
    name: 'aws-sims',
    type: 'RELATED_ITEMS',
    algorithm: 'aws-sims',
    featureTransformation: 'sims',
    description: 'Finds items that the same users interacted with.',
    created: oldest,
  },
  {
    name: 'aws-trending-now',
    type: 'POPULAR_ITEMS',
    algorithm: 'aws-trending-now-custom',
    description: 'Recommends the items whose interactions grow fastest.',
    created: oldest,
  },
  {
    name: 'aws-user-personalization',
    type: 'USER_PERSONALIZATION',
    algorithm: 'aws-user-personalization',
    description: 'Predicts the items a user will interact with next, and explores new ones.',
    created: oldest,
  },
  {
    name: 'aws-user-personalization-v2',
    type: 'USER_PERSONALIZATION',
    algorithm: 'aws-user-personalization-v2',
    description: 'Predicts the items a user will interact with next, for large catalogs.',
    created: '2024-01-01',
  },
]

const domain = (
  of: NonNullable<RecipeEntry['domain']>,
  type: RecipeType,
  name: string,
  description: string,
): RecipeEntry => ({ name, type, algorithm: name, domain: of, description, created: oldest })

const domains: RecipeEntry[] = [
  domain(
    'ECOMMERCE',
    'RELATED_ITEMS',
    'aws-ecomm-customers-who-viewed-x-also-viewed',
    'Items that customers viewed who viewed this one.',
  ),
  domain(
    'ECOMMERCE',
    'RELATED_ITEMS',
    'aws-ecomm-frequently-bought-together',
    'Items that are often bought with this one.',
  ),
  domain(
    'ECOMMERCE',
    'POPULAR_ITEMS',
    'aws-ecomm-popular-items-by-purchases',
    'The items that are bought most.',
  ),
  domain(
    'ECOMMERCE',
    'POPULAR_ITEMS',
    'aws-ecomm-popular-items-by-views',
    'The items that are viewed most.',
  ),
  domain(
    'ECOMMERCE',
    'USER_PERSONALIZATION',
    'aws-ecomm-recommended-for-you',
    'Items for this user, without those already bought.',
  ),
  domain(
    'VIDEO_ON_DEMAND',
    'RELATED_ITEMS',
    'aws-vod-because-you-watched-x',
    'Videos for users who watched this one.',
  ),
  domain('VIDEO_ON_DEMAND', 'RELATED_ITEMS', 'aws-vod-more-like-x', 'Videos similar to this one.'),
  domain(
    'VIDEO_ON_DEMAND',
    'POPULAR_ITEMS',
    'aws-vod-most-popular',
    'The videos that are watched most.',
  ),
  domain(
    'VIDEO_ON_DEMAND',
    'USER_PERSONALIZATION',
    'aws-vod-top-picks',
    'Videos for this user, without those already watched.',
  ),
  domain(
    'VIDEO_ON_DEMAND',
    'POPULAR_ITEMS',
    'aws-vod-trending-now',
    'The videos whose audience grows fastest.',
  ),
]

/** All recipes, alphabetical by name, as ListRecipes shows them [O]. */
export const catalog: readonly RecipeEntry[] = [...custom, ...domains].sort((a, b) =>
  a.name < b.name ? -1 : 1,
)
