import { arn, type Case, recipe } from './shop.ts'

const invalid = 'InvalidInputException'
const badToken = 'InvalidNextTokenException'
const notFound = 'ResourceNotFoundException'
const group = arn('dataset-group', 'shop')

/** A token that is made by hand: nobody has the secret. */
const token = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url')

const lists: Case[] = [
  ['no number', 'ListSchemas', { maxResults: 'ten' }, 'SerializationException', /Integer/],
  ['half a resource', 'ListSolutions', { maxResults: 1.5 }, 'SerializationException', /Integer/],
  ['none', 'ListDatasets', { maxResults: 0 }, invalid, /'0' at 'maxResults' .*or equal to 1/],
  ['too many', 'ListFilters', { maxResults: 101 }, invalid, /'101' at 'maxResults' .*equal to 100/],
  ['no token', 'ListSchemas', { nextToken: 'abc' }, badToken, /nextToken is not valid/],
  [
    'a token made by hand',
    'ListSchemas',
    { nextToken: token('ListSchemas', null, 3) },
    badToken,
    /earlier answer of ListSchemas/,
  ],
  [
    'a longer token made by hand',
    'ListDatasets',
    { datasetGroupArn: group, nextToken: token('ListDatasets', group, 'x'.repeat(99)) },
    badToken,
    /with the same input/,
  ],
  [
    'a name for a token',
    'ListRecipes',
    { nextToken: 'aws-item-affinity' },
    badToken,
    /earlier answer of ListRecipes/,
  ],
  ['signs that tokens lack', 'ListFilters', { nextToken: 'x*=' }, badToken, /not valid/],
  ['a token too long', 'ListSolutions', { nextToken: 'x'.repeat(1501) }, invalid, /1500/],
  ['no ARN', 'ListSolutionVersions', { solutionArn: 'items' }, invalid, /'items' at 'solutionArn'/],
]

const tags: Case[] = [
  [
    'an unknown resource',
    'TagResource',
    { resourceArn: arn('filter', 'nope'), tags: [] },
    notFound,
    /filter\/nope does not exist/,
  ],
  [
    'a schema',
    'TagResource',
    { resourceArn: arn('schema', 'shop-Users'), tags: [] },
    invalid,
    /schemas take no tags/,
  ],
  ['no tags', 'TagResource', { resourceArn: group }, invalid, /Value null at 'tags'/],
  [
    'a tag without a value',
    'TagResource',
    { resourceArn: group, tags: [{ tagKey: 'k' }] },
    invalid,
    /Value at 'tags\.1\.member\.tagValue' .* must not be null/,
  ],
  [
    'a tag key too long',
    'TagResource',
    { resourceArn: group, tags: [{ tagKey: 'k'.repeat(129), tagValue: '' }] },
    invalid,
    /'tags\.1\.member\.tagKey' .*equal to 128/,
  ],
  [
    'a tag key with a bad sign',
    'TagResource',
    { resourceArn: group, tags: [{ tagKey: 'a*b', tagValue: '' }] },
    invalid,
    /regular expression/,
  ],
  ['no keys', 'UntagResource', { resourceArn: group }, invalid, /Value null at 'tagKeys'/],
  [
    'an unknown resource',
    'ListTagsForResource',
    { resourceArn: arn('solution', 'nope') },
    notFound,
    /solution\/nope/,
  ],
]

const catalogue: Case[] = [
  [
    'an unknown recipe',
    'DescribeRecipe',
    { recipeArn: recipe('aws-nope') },
    notFound,
    /recipe\/aws-nope does not exist/,
  ],
  ['no ARN', 'DescribeRecipe', { recipeArn: 'aws-sims' }, invalid, /'aws-sims' at 'recipeArn'/],
  [
    'an unknown algorithm',
    'DescribeAlgorithm',
    { algorithmArn: 'arn:aws:personalize:::algorithm/aws-nope' },
    notFound,
    /algorithm\/aws-nope/,
  ],
  [
    'an unknown feature transformation',
    'DescribeFeatureTransformation',
    { featureTransformationArn: 'arn:aws:personalize:::feature-transformation/nope' },
    notFound,
    /feature-transformation\/nope/,
  ],
  ['no provider of AWS', 'ListRecipes', { recipeProvider: 'ME' }, invalid, /\[SERVICE\]/],
  ['no domain of AWS', 'ListRecipes', { domain: 'BOOKS' }, invalid, /'BOOKS' at 'domain'/],
]

const serialization = 'SerializationException'
const types: Case[] = [
  ['a number for text', 'CreateDatasetGroup', { name: 5 }, serialization, /String/],
  [
    'a list for a structure',
    'CreateSolution',
    { solutionConfig: [] },
    serialization,
    /^Start of list found/,
  ],
  ['text for a truth', 'CreateSolution', { performHPO: 'yes' }, serialization, /Boolean/],
  ['a structure for text', 'CreateSchema', { name: {} }, serialization, /^Start of structure/],
  [
    'tags that are no list',
    'CreateFilter',
    { tags: { a: 1 } },
    serialization,
    /structure or map found/,
  ],
  ['a number too large', 'ListSchemas', { maxResults: 2 ** 31 }, serialization, /Integer/],
  ['a NUL in a name', 'CreateDatasetGroup', { name: 'a\0' }, invalid, /at 'name'/],
  ['half a sign', 'CreateSchema', { name: 'x', schema: '\ud800' }, invalid, /at 'schema'/],
]

const notBuilt: Case[] = [
  'CreateCampaign',
  'CreateRecommender',
  'CreateEventTracker',
  'CreateBatchInferenceJob',
  'CreateDatasetExportJob',
].map((operation): Case => {
  const arnOf = { solutionVersionArn: arn('solution', 'items/v1'), datasetGroupArn: group }
  const input = {
    ...{ name: 'x', jobName: 'x', ...arnOf, recipeArn: recipe('aws-sims') },
    roleArn: 'arn:aws:iam::123456789012:role/x',
    datasetArn: arn('dataset', 'shop/USERS'),
    jobInput: { s3DataSource: { path: 's3://a/b' } },
    jobOutput: { s3DataDestination: { path: 's3://a/b' } },
  }
  const text = `The operation ${operation} is not built yet.`
  return ['right, but not built', operation, input, 'UnsupportedOperationException', text]
})

/** What is wrong with pages, tags, AWS's own catalogue, JSON types; and what is not built. */
export const everywhereCases: Case[] = [...lists, ...tags, ...catalogue, ...types, ...notBuilt]
