import { arn, type Case, recipe, right } from './shop.ts'

const invalid = 'InvalidInputException'
const notFound = 'ResourceNotFoundException'
const inUse = 'ResourceInUseException'
const taken = 'ResourceAlreadyExistsException'

const solution = (solutionConfig: object, more: object = {}) => ({
  ...right.solution,
  ...more,
  solutionConfig,
})
const parameters = (algorithmHyperParameters: object) => solution({ algorithmHyperParameters })
const events = (...eventParametersList: object[]) =>
  solution({ eventsConfig: { eventParametersList } })

const trainingData = (trainingDataConfig: object, more: object = {}) =>
  solution({ trainingDataConfig }, more)
const excluded = (excludedDatasetColumns: object) => trainingData({ excludedDatasetColumns })

const solutions: Case[] = [
  [
    'no recipe',
    'CreateSolution',
    { ...right.solution, recipeArn: undefined },
    invalid,
    /recipeArn is missing: name one/,
  ],
  [
    'AutoML',
    'CreateSolution',
    { ...right.solution, performAutoML: true },
    invalid,
    /performAutoML is not supported/,
  ],
  ['HPO', 'CreateSolution', { ...right.solution, performHPO: true }, invalid, /performHPO must be/],
  [
    'an unknown recipe',
    'CreateSolution',
    { ...right.solution, recipeArn: recipe('aws-nope') },
    notFound,
    'The given recipe does not exist: arn:aws:personalize:::recipe/aws-nope',
  ],
  [
    'a recipe that is not built',
    'CreateSolution',
    { ...right.solution, recipeArn: recipe('aws-popularity-count') },
    invalid,
    /aws-popularity-count is not built yet/,
  ],
  [
    'an unknown group',
    'CreateSolution',
    { ...right.solution, datasetGroupArn: arn('dataset-group', 'nope') },
    notFound,
    /The given dataset group does not exist/,
  ],
  [
    'a name that is taken',
    'CreateSolution',
    { ...right.solution, name: 'items' },
    taken,
    /solution\/items already exists/,
  ],
  [
    'too few factors',
    'CreateSolution',
    parameters({ hidden_dimension: '31' }),
    invalid,
    /hidden_dimension is '31'; it must be a whole number from 32 to 256/,
  ],
  ['too many factors', 'CreateSolution', parameters({ hidden_dimension: '257' }), invalid, /'257'/],
  ['half a factor', 'CreateSolution', parameters({ hidden_dimension: '64.5' }), invalid, /'64\.5'/],
  [
    'a hyperparameter of another recipe',
    'CreateSolution',
    parameters({ bptt: '32' }),
    invalid,
    /no hyperparameter bptt; it has hidden_dimension/,
  ],
  [
    'a threshold that is no number',
    'CreateSolution',
    solution({ eventValueThreshold: 'high' }),
    invalid,
    /eventValueThreshold is 'high'; it must be a number/,
  ],
  [
    'an event twice',
    'CreateSolution',
    events({ eventType: 'view' }, { eventType: 'view' }),
    invalid,
    /names an eventType twice/,
  ],
  [
    'an event without a type',
    'CreateSolution',
    events({ weight: 1 }),
    invalid,
    /needs an eventType/,
  ],
  [
    'no weight at all',
    'CreateSolution',
    events({ eventType: 'view', weight: 0 }),
    invalid,
    /every event the weight 0/,
  ],
  [
    'a weight above 1',
    'CreateSolution',
    events({ eventType: 'view', weight: 1.5 }),
    invalid,
    /1\.5' at .*weight.* value less than or equal to 1/,
  ],
  [
    'an event type beside eventsConfig',
    'CreateSolution',
    solution({ eventsConfig: { eventParametersList: [{ eventType: 'a' }] } }, { eventType: 'b' }),
    invalid,
    /not both/,
  ],
  [
    'a tuning of HPO',
    'CreateSolution',
    solution({ hpoConfig: {} }),
    invalid,
    /does not support solutionConfig\.hpoConfig/,
  ],
  [
    'an objective',
    'CreateSolution',
    solution({ optimizationObjective: { itemAttribute: 'PRICE' } }),
    invalid,
    /optimizationObjective/,
  ],
  [
    'columns of no dataset that trains',
    'CreateSolution',
    excluded({ ACTIONS: ['VALUE'] }),
    invalid,
    /excludedDatasetColumns has the key ACTIONS; it must be one of INTERACTIONS, ITEMS, USERS/,
  ],
  [
    'a column that is not there',
    'CreateSolution',
    trainingData({ includedDatasetColumns: { ITEMS: ['GENRES', 'COLOR'] } }),
    invalid,
    /includedDatasetColumns names COLOR, which the ITEMS dataset does not have; it has ITEM_ID, GENRES, PRICE/,
  ],
  [
    'a training without event types',
    'CreateSolution',
    excluded({ interactions: ['event_type'] }),
    invalid,
    /The column EVENT_TYPE of INTERACTIONS cannot be excluded from training/,
  ],
  [
    'a training without item ids, of a group without datasets',
    'CreateSolution',
    trainingData(
      { excludedDatasetColumns: { ITEMS: ['COLOR', 'ITEM_ID'] } },
      { datasetGroupArn: arn('dataset-group', 'empty') },
    ),
    invalid,
    /The column ITEM_ID of ITEMS cannot be excluded/,
  ],
  [
    'a column excluded and included',
    'CreateSolution',
    trainingData({
      excludedDatasetColumns: { ITEMS: ['PRICE'] },
      includedDatasetColumns: { Items: ['GENRES', 'Price'] },
    }),
    invalid,
    /The column PRICE of ITEMS is both excluded and included; leave it out of one/,
  ],
  [
    'a training every 31 days',
    'CreateSolution',
    solution({ autoTrainingConfig: { schedulingExpression: 'rate(31 days)' } }),
    invalid,
    /rate\(31 days\) is not allowed; the schedule must be from 1 to 30 days/,
  ],
  [
    'no schedule',
    'CreateSolution',
    solution({ autoTrainingConfig: { schedulingExpression: 'daily' } }),
    invalid,
    /'daily' at 'solutionConfig\.autoTrainingConfig\.schedulingExpression'/,
  ],
  [
    'nothing to update',
    'UpdateSolution',
    { solutionArn: arn('solution', 'items') },
    invalid,
    /Noth/,
  ],
  [
    'an unknown solution',
    'UpdateSolution',
    { solutionArn: arn('solution', 'nope'), performAutoTraining: false },
    notFound,
    /solution\/nope/,
  ],
  [
    'a training every 31 days',
    'UpdateSolution',
    {
      solutionArn: arn('solution', 'items'),
      solutionUpdateConfig: { autoTrainingConfig: { schedulingExpression: 'rate(31 days)' } },
    },
    invalid,
    /rate\(31 days\) is not allowed/,
  ],
  [
    'an unknown solution',
    'DescribeSolution',
    { solutionArn: arn('solution', 'nope') },
    notFound,
    /solution\/nope/,
  ],
  ['a version', 'DescribeSolution', { solutionArn: arn('solution', 'items/v1') }, notFound, /v1/],
  ['an unknown one', 'DeleteSolution', { solutionArn: arn('solution', 'no') }, notFound, /\/no /],
]

const version = arn('solution', 'items/v1')
const versions: Case[] = [
  [
    'an unknown solution',
    'CreateSolutionVersion',
    { solutionArn: arn('solution', 'nope') },
    notFound,
    /The given solution does not exist/,
  ],
  [
    'a training mode of another recipe',
    'CreateSolutionVersion',
    { solutionArn: arn('solution', 'items'), trainingMode: 'UPDATE' },
    invalid,
    /trainingMode UPDATE does not fit .*aws-item-affinity; it must be FULL/,
  ],
  [
    'no training mode of AWS',
    'CreateSolutionVersion',
    { solutionArn: arn('solution', 'items'), trainingMode: 'QUICK' },
    invalid,
    /'QUICK' at 'trainingMode'/,
  ],
  [
    'a name that is taken',
    'CreateSolutionVersion',
    { solutionArn: arn('solution', 'items'), name: 'v1' },
    taken,
    /solution\/items\/v1 already exists/,
  ],
  [
    'an unknown solution',
    'ListSolutionVersions',
    { solutionArn: arn('solution', 'nope') },
    notFound,
    /The given solution does not exist: .*solution\/nope/,
  ],
  [
    'an unknown version',
    'DescribeSolutionVersion',
    { solutionVersionArn: arn('solution', 'items/v2') },
    notFound,
    /items\/v2 does not exist/,
  ],
  [
    'a version that has ended',
    'StopSolutionVersionCreation',
    { solutionVersionArn: version },
    inUse,
    /is ACTIVE; only one that is CREATE PENDING or CREATE IN_PROGRESS can be stopped/,
  ],
  [
    'an unknown version',
    'StopSolutionVersionCreation',
    { solutionVersionArn: arn('solution', 'items/v2') },
    notFound,
    /items\/v2/,
  ],
  [
    'an unknown version',
    'GetSolutionMetrics',
    { solutionVersionArn: arn('solution', 'items/v2') },
    notFound,
    /items\/v2/,
  ],
  ['no version', 'GetSolutionMetrics', {}, invalid, /Value null at 'solutionVersionArn'/],
]

/** What is wrong with solutions and their versions. */
export const solutionCases: Case[] = [...solutions, ...versions]
