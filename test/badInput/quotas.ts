import { schemaTexts } from '../smallShop.ts'
import { arn, type Case, recipe, right } from './shop.ts'

/**
 * Quotas that `prepare` fills to the brim, and others that a small file exceeds. A name that is
 * taken is told before a quota that is full: cases elsewhere in the table need that.
 */
export const tightQuotas = {
  OPENPERSONALIZE_QUOTA_SCHEMAS: '5',
  OPENPERSONALIZE_QUOTA_DATASET_GROUPS: '3',
  OPENPERSONALIZE_QUOTA_SOLUTIONS_PER_GROUP: '2',
  OPENPERSONALIZE_QUOTA_FILTERS_PER_GROUP: '4',
  OPENPERSONALIZE_QUOTA_FIELDS_PER_FILTER: '2',
  OPENPERSONALIZE_QUOTA_FIELDS_PER_GROUP: '4',
  OPENPERSONALIZE_QUOTA_FULL_IMPORT_BYTES: '100000',
  OPENPERSONALIZE_QUOTA_SEGMENT_INPUT_FILES: '2',
  OPENPERSONALIZE_QUOTA_SEGMENT_INPUT_BYTES: '100000',
  OPENPERSONALIZE_QUOTA_ITEM_AFFINITY_LINES: '50',
  OPENPERSONALIZE_QUOTA_ITEM_ATTRIBUTE_AFFINITY_LINES: '40',
}

const exceeded = 'LimitExceededException'
const tooMany = (most: number) =>
  `More than ${most} resources in ACTIVE state. Please delete some and try again.`

/** Requests that are right but for a quota. */
export const quotaCases: Case[] = [
  [
    'one schema too many',
    'CreateSchema',
    { name: 'right', schema: schemaTexts.Users },
    exceeded,
    tooMany(5),
  ],
  ['one group too many', 'CreateDatasetGroup', { name: 'right' }, exceeded, tooMany(3)],
  ['one solution of a group too many', 'CreateSolution', right.solution, exceeded, tooMany(2)],
  ['one filter of a group too many', 'CreateFilter', right.filter, exceeded, tooMany(4)],
  [
    'a filter with too many fields',
    'CreateFilter',
    {
      ...right.filter,
      filterExpression:
        'INCLUDE UserID WHERE Users.AGE > 3 AND Users.MEMBERSHIP IN ("gold") ' +
        '| EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")',
    },
    exceeded,
    /at most 2 dataset fields, this one uses 3/,
  ],
  [
    'one field too many in all filters of a group',
    'CreateFilter',
    { ...right.filter, filterExpression: 'INCLUDE ItemID WHERE Items.PRICE > 3' },
    exceeded,
    /may use 4 distinct fields in all; with this one it would be 5/,
  ],
]

const starved = arn('solution', 'starved/v1')

/** Requests about a version whose training failed, and about recipes that segment nobody. */
export const unfitCases: Case[] = [
  [
    'a version whose training failed',
    'CreateBatchSegmentJob',
    { ...right.segments, solutionVersionArn: starved },
    'ResourceInUseException',
    /starved\/v1 is CREATE FAILED; it must be ACTIVE/,
  ],
  [
    'a version whose training failed',
    'GetSolutionMetrics',
    { solutionVersionArn: starved },
    'ResourceInUseException',
    /starved\/v1 is CREATE FAILED; it must be ACTIVE/,
  ],
  [
    'a version whose training failed',
    'StopSolutionVersionCreation',
    { solutionVersionArn: starved },
    'ResourceInUseException',
    /is CREATE FAILED; only one that is CREATE PENDING or CREATE IN_PROGRESS can be stopped/,
  ],
  ...['aws-user-personalization', 'aws-sims', 'aws-personalized-ranking'].map(
    (name): Case => [
      `the recipe ${name}, which segments nobody`,
      'CreateSolution',
      { ...right.solution, recipeArn: recipe(name) },
      'InvalidInputException',
      `The recipe ${name} is not built yet. Recipes that can be trained: aws-item-affinity, ` +
        'aws-item-attribute-affinity.',
    ],
  ),
]

const describes = {
  Schema: 'schema/shop-Users',
  DatasetGroup: 'dataset-group/shop',
  Dataset: 'dataset/shop/USERS',
  DatasetImportJob: 'dataset-import-job/shop-Users',
  Solution: 'solution/items',
  SolutionVersion: 'solution/items/v1',
  Filter: 'filter/adults',
  BatchSegmentJob: 'batch-segment-job/done',
}
const member = (noun: string) => `${noun.charAt(0).toLowerCase()}${noun.slice(1)}Arn`
const ofAll = (what: string, change: (right: string, noun: string) => string): Case[] =>
  Object.entries(describes).map(([noun, path]) => {
    const [type = '', ...name] = path.split('/')
    const wrong = change(arn(type, name.join('/')), noun)
    const text = `Resource Arn ${wrong} does not exist.`
    return [what, `Describe${noun}`, { [member(noun)]: wrong }, 'ResourceNotFoundException', text]
  })

/** Each noun by an ARN that is somebody else's, or another noun's. */
export const arnCases: Case[] = [
  ...ofAll('the ARN of another account', (right) => right.replace('123456789012', '210987654321')),
  ...ofAll('the ARN of another region', (right) => right.replace('us-east-1', 'eu-west-1')),
  ...ofAll('the ARN of another partition', (right) => right.replace('arn:aws:', 'arn:aws-cn:')),
  ...ofAll('the ARN of another noun', (_right, noun) =>
    noun === 'Filter' ? arn('solution', 'items') : arn('filter', 'adults'),
  ),
  [
    'a schema for a group',
    'CreateDataset',
    { ...right.dataset, datasetGroupArn: arn('schema', 'shop-Users') },
    'ResourceNotFoundException',
    /The given dataset group does not exist: .*schema\/shop-Users/,
  ],
  [
    'a filter for a version',
    'CreateBatchSegmentJob',
    { ...right.segments, solutionVersionArn: arn('filter', 'adults') },
    'ResourceNotFoundException',
    /The given solution version does not exist: .*filter\/adults/,
  ],
  [
    'the filter of another account',
    'CreateBatchSegmentJob',
    {
      ...right.segments,
      filterArn: arn('filter', 'adults').replace('123456789012', '210987654321'),
    },
    'ResourceNotFoundException',
    /The given filter does not exist: .*210987654321:filter\/adults/,
  ],
]
