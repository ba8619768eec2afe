import { arn, type Case, right } from './shop.ts'

const invalid = 'InvalidInputException'
const notFound = 'ResourceNotFoundException'
const taken = 'ResourceAlreadyExistsException'

const filter = (filterExpression: string) => ({ ...right.filter, filterExpression })
const filters: Case[] = [
  ['no expression', 'CreateFilter', filter(''), invalid, /at 'filterExpression'/],
  ['no verb', 'CreateFilter', filter('Users.AGE > 3'), invalid, /INCLUDE/],
  [
    'half a condition',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Users.AGE >'),
    invalid,
    /position 33: found its end, expected/,
  ],
  [
    'an open list',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold"'),
    invalid,
    /position 49: found its end, expected "\)" or ","/,
  ],
  [
    'a subject of no kind',
    'CreateFilter',
    filter('INCLUDE Cat WHERE Users.AGE > 3'),
    invalid,
    /position 9: found "Cat", expected "ActionID", "ItemID" or "UserID"/,
  ],
  [
    'a column that is not there',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Users.SIZE > 3'),
    invalid,
    /SIZE/,
  ],
  [
    'a dataset that is not there',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Cats.SIZE > 3'),
    invalid,
    /Cats/i,
  ],
  [
    'a comparison of words',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Users.MEMBERSHIP > 3'),
    invalid,
    /MEMBERSHIP/,
  ],
  [
    'a word for a number',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Users.AGE = "old"'),
    invalid,
    /compare numbers\. For strings use IN/,
  ],
  [
    'items by what users are',
    'CreateFilter',
    filter('INCLUDE ItemID WHERE Users.AGE > 3'),
    invalid,
    /Users/,
  ],
  [
    'a placeholder with NOT IN',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Users.MEMBERSHIP NOT IN ($M)'),
    invalid,
    /\$M\. Placeholders are not allowed with NOT_IN/,
  ],
  [
    'a text column',
    'CreateFilter',
    filter('INCLUDE ItemID WHERE Items.DESCRIPTION IN ("tea")'),
    invalid,
    /DESCRIPTION/,
  ],
  [
    'a truth',
    'CreateFilter',
    filter('INCLUDE ItemID WHERE Items.ORGANIC = true'),
    invalid,
    'Invalid Expression: boolean fields cannot be used in a filter.',
  ],
  [
    'two datasets in one expression',
    'CreateFilter',
    filter('INCLUDE ItemID WHERE Items.GENRES IN ("a") AND Interactions.EVENT_TYPE IN ("b")'),
    invalid,
    /Items.*Interactions|Interactions.*Items/,
  ],
  [
    'the current user outside IF',
    'CreateFilter',
    filter('INCLUDE ItemID WHERE CurrentUser.AGE > 18'),
    invalid,
    /CurrentUser/,
  ],
  [
    'OR after IF',
    'CreateFilter',
    filter(
      'INCLUDE ItemID WHERE Items.GENRES IN ("a") IF CurrentUser.AGE = 1 OR CurrentUser.AGE = 2',
    ),
    invalid,
    'Conditions after IF can only be joined with AND.',
  ],
  [
    'a column of events but EVENT_TYPE',
    'CreateFilter',
    filter('INCLUDE UserID WHERE Interactions.EVENT_VALUE > 3'),
    invalid,
    /EVENT_TYPE/,
  ],
  [
    'an unknown group',
    'CreateFilter',
    { ...right.filter, datasetGroupArn: arn('dataset-group', 'nope') },
    notFound,
    /The given dataset group does not exist/,
  ],
  [
    'columns of a group without datasets',
    'CreateFilter',
    { ...right.filter, datasetGroupArn: arn('dataset-group', 'empty') },
    invalid,
    /Users/i,
  ],
  ['a name that is taken', 'CreateFilter', { ...right.filter, name: 'adults' }, taken, /adults/],
  ['an unknown one', 'DescribeFilter', { filterArn: arn('filter', 'no') }, notFound, /filter\/no /],
  ['an unknown one', 'DeleteFilter', { filterArn: arn('filter', 'no') }, notFound, /filter\/no /],
]

const segments = (more: object) => ({ ...right.segments, ...more })
const ofAttributes = { solutionVersionArn: arn('solution', 'attributes/v1') }
const jobs: Case[] = [
  ['only a name', 'CreateBatchSegmentJob', { jobName: 'x' }, invalid, /^4 validation errors/],
  ['no results', 'CreateBatchSegmentJob', segments({ numResults: 0 }), invalid, /numResults is 0/],
  [
    'too many results',
    'CreateBatchSegmentJob',
    segments({ numResults: 5_000_001 }),
    invalid,
    /numResults is 5000001; it must be from 1 to 5000000/,
  ],
  [
    'no S3 path',
    'CreateBatchSegmentJob',
    segments({ jobInput: { s3DataSource: { path: '/etc/passwd' } } }),
    invalid,
    /at 'jobInput\.s3DataSource\.path'/,
  ],
  [
    'no output',
    'CreateBatchSegmentJob',
    segments({ jobOutput: {} }),
    invalid,
    /Value null at 'jobOutput\.s3DataDestination'/,
  ],
  [
    'no key of KMS',
    'CreateBatchSegmentJob',
    segments({ jobInput: { s3DataSource: { path: 's3://queries/', kmsKeyArn: 'key' } } }),
    invalid,
    /'key' at 'jobInput\.s3DataSource\.kmsKeyArn'/,
  ],
  [
    'an unknown version',
    'CreateBatchSegmentJob',
    segments({ solutionVersionArn: arn('solution', 'items/v2') }),
    notFound,
    /The given solution version does not exist: .*items\/v2/,
  ],
  [
    'a solution for a version',
    'CreateBatchSegmentJob',
    segments({ solutionVersionArn: arn('solution', 'items') }),
    notFound,
    /The given solution version does not exist/,
  ],
  [
    'an unknown filter',
    'CreateBatchSegmentJob',
    segments({ filterArn: arn('filter', 'nope') }),
    notFound,
    /The given filter does not exist/,
  ],
  [
    'a filter on items',
    'CreateBatchSegmentJob',
    segments({ filterArn: arn('filter', 'teas') }),
    invalid,
    /filter\/teas chooses ItemID; a batch segment job needs a filter on UserID/,
  ],
  [
    'a filter on events for attributes',
    'CreateBatchSegmentJob',
    segments({ ...ofAttributes, filterArn: arn('filter', 'viewers') }),
    invalid,
    /uses Interactions, which aws-item-attribute-affinity does not support/,
  ],
  [
    'a name that is taken',
    'CreateBatchSegmentJob',
    segments({ jobName: 'done' }),
    taken,
    /batch-segment-job\/done already exists/,
  ],
  [
    '51 tags',
    'CreateBatchSegmentJob',
    segments({ tags: Array.from({ length: 51 }, (_, n) => ({ tagKey: `k${n}`, tagValue: '' })) }),
    'TooManyTagsException',
    /51 tags; at most 50/,
  ],
  [
    'an unknown job',
    'DescribeBatchSegmentJob',
    { batchSegmentJobArn: arn('batch-segment-job', 'nope') },
    notFound,
    /batch-segment-job\/nope does not exist/,
  ],
]

/** What is wrong with filters and batch segment jobs. */
export const segmentCases: Case[] = [...filters, ...jobs]
