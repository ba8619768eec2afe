/** What must stay true of solutions: spec C.3, C.5, C.6, C.8, C.9, G.3. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CreateSolutionRequest } from '@aws-sdk/client-personalize'
import { server } from './harness.ts'
import { emptyShop, quickConfig, smallShop, trained } from './smallShop.ts'

const s = await server({ after }, { OPENPERSONALIZE_QUOTA_SOLUTIONS_PER_GROUP: '3' })
const { personalize } = s
const { datasetGroupArn } = await emptyShop(s)
const recipeArn = 'arn:aws:personalize:::recipe/aws-item-affinity'
const arnOf = (name: string) => `arn:aws:personalize:us-east-1:123456789012:solution/${name}`

const create = (name: string, more: Partial<CreateSolutionRequest> = {}) =>
  personalize.createSolution({ name, datasetGroupArn, recipeArn, ...more })
const describeSolution = async (solutionArn: string) =>
  (await personalize.describeSolution({ solutionArn })).solution!

describe('shape', () => {
  test('a plain solution is ACTIVE at once, with its flags and without what was not given [O]', async () => {
    const { $metadata: _, ...answer } = await create('plain')
    deepEqual(answer, { solutionArn: arnOf('plain') })
    const { creationDateTime, lastUpdatedDateTime, ...rest } = await describeSolution(
      arnOf('plain'),
    )
    deepEqual(rest, {
      name: 'plain',
      solutionArn: arnOf('plain'),
      performHPO: false,
      performAutoML: false,
      performAutoTraining: true, // [M docs], spec L.1
      performIncrementalUpdate: false,
      solutionConfig: { autoTrainingConfig: { schedulingExpression: 'rate(7 days)' } }, // [M docs]
      recipeArn,
      datasetGroupArn,
      status: 'ACTIVE',
    })
    deepEqual(creationDateTime, lastUpdatedDateTime)
  })

  test('a solution without automatic training shows no schedule', async () => {
    await create('manual', { performAutoTraining: false })
    ok(!('solutionConfig' in (await describeSolution(arnOf('manual')))))
    await personalize.deleteSolution({ solutionArn: arnOf('manual') })
  })

  test('the configuration comes back as given', async () => {
    const solutionConfig = {
      eventValueThreshold: '3.5',
      algorithmHyperParameters: { hidden_dimension: '64' },
      trainingDataConfig: { excludedDatasetColumns: { ITEMS: ['PRICE'] } },
      autoTrainingConfig: { schedulingExpression: 'rate(14 days)' },
    }
    await create('full', { eventType: 'view', solutionConfig, performAutoTraining: false })
    const full = await describeSolution(arnOf('full'))
    deepEqual(full.solutionConfig, solutionConfig)
    equal(full.eventType, 'view')
    equal(full.performAutoTraining, false)
  })
})

describe('meaning', () => {
  const refused: [string, Partial<CreateSolutionRequest>, RegExp][] = [
    ['performAutoML', { performAutoML: true }, /performAutoML is not supported/],
    ['no recipe', { recipeArn: undefined }, /recipeArn is missing: name one/],
    [
      'a recipe not built yet',
      { recipeArn: 'arn:aws:personalize:::recipe/aws-sims' },
      /is not built yet\. Recipes that can be trained: aws-item-affinity, aws-item-attribute-affinity/,
    ],
    ['performHPO', { performHPO: true }, /performHPO must be false/],
  ]
  for (const [what, more, message] of refused)
    test(`CreateSolution refuses ${what}`, async () => {
      await rejects(create('refused', more), { name: 'InvalidInputException', message })
      await rejects(describeSolution(arnOf('refused')), { name: 'ResourceNotFoundException' })
    })

  test('names are taken across dataset groups [I]', async () => {
    const other = await personalize.createDatasetGroup({ name: 'other' })
    await rejects(create('plain', { datasetGroupArn: other.datasetGroupArn }), {
      name: 'ResourceAlreadyExistsException',
      message: `Another resource with Arn ${arnOf('plain')} already exists.`,
    })
  })

  test('one more solution of a group than the quota is refused', async () => {
    await create('third')
    await rejects(create('fourth'), {
      name: 'LimitExceededException',
      message: 'More than 3 resources in ACTIVE state. Please delete some and try again.',
    })
    await personalize.deleteSolution({ solutionArn: arnOf('third') })
  })
})

describe('strict mode', () => {
  test('what AWS gives to other recipes only is refused [D26]', async () => {
    const strict = await server({ after }, { OPENPERSONALIZE_STRICT: 'true' })
    const group = await emptyShop(strict)
    const plain = { name: 'plain', datasetGroupArn: group.datasetGroupArn, recipeArn }
    const eventsConfig = { eventParametersList: [{ eventType: 'view' }] }
    const events = {
      name: 'InvalidInputException',
      message: 'aws-item-affinity does not support solutionConfig.eventsConfig; leave it out.',
    }
    await rejects(
      strict.personalize.createSolution({ ...plain, solutionConfig: { eventsConfig } }),
      events,
    )
    const incremental = {
      name: 'InvalidInputException',
      message:
        'aws-item-affinity has no incremental updates: performIncrementalUpdate must be false.',
    }
    await rejects(
      strict.personalize.createSolution({ ...plain, performIncrementalUpdate: true }),
      incremental,
    )
    const { solutionArn } = await strict.personalize.createSolution(plain)
    const update = (more: object) => strict.personalize.updateSolution({ solutionArn, ...more })
    await rejects(update({ solutionUpdateConfig: { eventsConfig } }), events)
    await rejects(update({ performIncrementalUpdate: true }), incremental)
  })
})

describe('effect', () => {
  test('UpdateSolution changes how the solution trains and tells of the update', async () => {
    const solutionArn = arnOf('full')
    const autoTrainingConfig = { schedulingExpression: 'rate(1 day)' }
    await personalize.updateSolution({
      solutionArn,
      performAutoTraining: true,
      solutionUpdateConfig: { autoTrainingConfig },
    })
    const solution = await describeSolution(solutionArn)
    equal(solution.performAutoTraining, true)
    deepEqual(solution.solutionConfig?.autoTrainingConfig, autoTrainingConfig)
    equal(solution.solutionConfig?.eventValueThreshold, '3.5')
    const { creationDateTime, lastUpdatedDateTime, ...update } = solution.latestSolutionUpdate!
    deepEqual(update, {
      performAutoTraining: true,
      solutionUpdateConfig: { autoTrainingConfig },
      status: 'ACTIVE',
    })
    ok(creationDateTime && lastUpdatedDateTime)
    ok(solution.lastUpdatedDateTime! >= solution.creationDateTime!)
  })

  test('an update that says nothing or too much is refused', async () => {
    const solutionArn = arnOf('plain')
    await rejects(personalize.updateSolution({ solutionArn }), {
      name: 'InvalidInputException',
      message: /Nothing to update/,
    })
    const autoTrainingConfig = { schedulingExpression: 'rate(31 days)' }
    await rejects(
      personalize.updateSolution({ solutionArn, solutionUpdateConfig: { autoTrainingConfig } }),
      { name: 'InvalidInputException', message: /from 1 to 30 days/ },
    )
    ok(!('latestSolutionUpdate' in (await describeSolution(solutionArn))))
  })

  test('deleting a solution deletes its versions, and their models', async () => {
    const shop = await smallShop(s, 'deleted')
    const solutionVersionArn = await trained(s, shop, 'aws-item-affinity', 'gone')
    const { latestSolutionVersion } = await describeSolution(arnOf('gone'))
    equal(latestSolutionVersion?.solutionVersionArn, solutionVersionArn)
    equal(latestSolutionVersion?.status, 'ACTIVE')
    await personalize.deleteSolution({ solutionArn: arnOf('gone') })
    await rejects(personalize.describeSolutionVersion({ solutionVersionArn }), {
      name: 'ResourceNotFoundException',
    })
    await rejects(personalize.deleteSolution({ solutionArn: arnOf('gone') }), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${arnOf('gone')} does not exist.`,
    })
  })
})

describe('work', () => {
  test('a solution trains nothing by itself', async () => {
    await personalize.deleteSolution({ solutionArn: arnOf('full') })
    await create('idle', { solutionConfig: quickConfig })
    const { solutionVersions } = await personalize.listSolutionVersions({
      solutionArn: arnOf('idle'),
    })
    deepEqual(solutionVersions, [])
    ok(!('latestSolutionVersion' in (await describeSolution(arnOf('idle')))))
  })
})
