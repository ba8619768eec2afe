/** What must stay true of solution versions: spec C.1, C.3, C.5, E.8, H. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { CreateSolutionRequest } from '@aws-sdk/client-personalize'
import { call } from './extensionClient.ts'
import { server } from './harness.ts'
import {
  emptyShop,
  filesLeft,
  imported,
  quickConfig,
  schemaText,
  schemaTexts,
  smallShop,
  smallShopFiles,
  trained,
  versionEnded,
} from './smallShop.ts'

const s = await server({ after }, { OPENPERSONALIZE_QUOTA_PENDING_SOLUTION_VERSIONS: '4' })
const { personalize } = s
const shop = await smallShop(s)
const models = join(s.dataDir, 'models')

async function solution(name: string, more: Partial<CreateSolutionRequest> = {}) {
  const { solutionArn = '' } = await personalize.createSolution({
    name,
    datasetGroupArn: shop.datasetGroupArn,
    recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
    solutionConfig: quickConfig,
    ...more,
  })
  return solutionArn
}
const create = async (solutionArn: string, name?: string) =>
  (await personalize.createSolutionVersion({ solutionArn, name })).solutionVersionArn ?? ''
const describeVersion = async (solutionVersionArn: string) =>
  (await personalize.describeSolutionVersion({ solutionVersionArn })).solutionVersion!
const stop = (solutionVersionArn: string) =>
  personalize.stopSolutionVersionCreation({ solutionVersionArn })

/** The first of these versions that is seen in progress. */
async function begun(arns: string[]): Promise<string> {
  for (let tries = 0; tries < 1000; tries++)
    for (const arn of arns)
      if ((await describeVersion(arn)).status === 'CREATE IN_PROGRESS') return arn
  throw new Error('no version was seen in progress')
}

/** Why the training of a version of this solution fails. */
async function reasonOf(solutionArn: string): Promise<string> {
  const version = await versionEnded(s, await create(solutionArn))
  equal(version.status, 'CREATE FAILED')
  return version.failureReason ?? ''
}

const first = await trained(s, shop, 'aws-item-affinity', 'first')

describe('shape', () => {
  test('a version is its solution and eight hex digits, and describes itself as AWS does [O]', async () => {
    match(first, /^arn:aws:personalize:us-east-1:123456789012:solution\/first\/[0-9a-f]{8}$/)
    const { creationDateTime, lastUpdatedDateTime, trainingHours, ...rest } =
      await describeVersion(first)
    deepEqual(rest, {
      name: first.slice(first.indexOf('/') + 1),
      solutionVersionArn: first,
      solutionArn: first.slice(0, first.lastIndexOf('/')),
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
      datasetGroupArn: shop.datasetGroupArn,
      solutionConfig: quickConfig,
      performHPO: false,
      performAutoML: false,
      performIncrementalUpdate: false,
      trainingMode: 'FULL',
      trainingType: 'MANUAL',
      status: 'ACTIVE',
    })
    equal(trainingHours, Number(trainingHours?.toFixed(3)))
    ok(lastUpdatedDateTime! > creationDateTime!)
  })

  test('a name that is given ends the ARN [I]', async () => {
    const solutionArn = await solution('named')
    equal(await create(solutionArn, 'spring'), `${solutionArn}/spring`)
    const version = await versionEnded(s, `${solutionArn}/spring`)
    equal(version.name, 'named/spring')
    deepEqual(version.solutionConfig, quickConfig)
    await rejects(create(solutionArn, 'spring'), { name: 'ResourceAlreadyExistsException' })
  })

  test('GetSolutionMetrics has the three metrics of segments, with four decimals [O]', async () => {
    const { $metadata: _, ...answer } = await personalize.getSolutionMetrics({
      solutionVersionArn: first,
    })
    equal(answer.solutionVersionArn, first)
    const metrics = answer.metrics ?? {}
    deepEqual(Object.keys(metrics), ['coverage', 'hits_at_1_percent', 'recall_at_1_percent'])
    for (const value of Object.values(metrics)) {
      equal(value, Number(value.toFixed(4)))
      ok(value >= 0 && value <= 1) // of 60 users one percent is one user: hits are at most 1
    }
    ok(metrics.coverage! > 0)
  })
})

describe('meaning', () => {
  test('trainingMode must be FULL', async () => {
    const solutionArn = first.slice(0, first.lastIndexOf('/'))
    for (const trainingMode of ['UPDATE', 'AUTOTRAIN'] as const)
      await rejects(personalize.createSolutionVersion({ solutionArn, trainingMode }), {
        name: 'InvalidInputException',
        message: /it must be FULL/,
      })
    equal((await personalize.listSolutionVersions({ solutionArn })).solutionVersions?.length, 1)
  })

  test('a version at rest cannot be stopped', async () => {
    await rejects(stop(first), {
      name: 'ResourceInUseException',
      message: /is ACTIVE; only one that is CREATE PENDING or CREATE IN_PROGRESS can be stopped/,
    })
    equal((await describeVersion(first)).status, 'ACTIVE')
  })

  test('metrics of a version that failed are refused', async () => {
    const solutionArn = await solution('unknownEvent', { eventType: 'nobody did this' })
    await reasonOf(solutionArn)
    const { solutionVersions } = await personalize.listSolutionVersions({ solutionArn })
    const { solutionVersionArn, failureReason } = solutionVersions![0]!
    ok(failureReason)
    await rejects(personalize.getSolutionMetrics({ solutionVersionArn }), {
      name: 'ResourceInUseException',
      message: /is CREATE FAILED; it must be ACTIVE/,
    })
  })
})

describe('effect', () => {
  test('waiting versions stop at once, running ones soon; both leave no model', async () => {
    const solutionArn = await solution('stopped', {
      solutionConfig: { algorithmHyperParameters: { hidden_dimension: '64' } },
    })
    const arns: string[] = []
    for (let n = 0; n < 4; n++) arns.push(await create(solutionArn))
    const waiting = arns.at(-1)!
    await stop(waiting)
    equal((await describeVersion(waiting)).status, 'CREATE STOPPED')

    const solutionVersionArn = await begun(arns)
    await stop(solutionVersionArn)
    await rejects(personalize.deleteSolution({ solutionArn }), {
      name: 'ResourceInUseException',
      message: /wait until its work has ended/,
    })
    equal((await versionEnded(s, solutionVersionArn)).status, 'CREATE STOPPED')
    ok(!('failureReason' in (await describeVersion(solutionVersionArn))))
    await rejects(stop(solutionVersionArn), { name: 'ResourceInUseException' })
    for (const arn of arns) await versionEnded(s, arn)
    await personalize.deleteSolution({ solutionArn })
    await filesLeft(models, 2) // of `first` and `named`
  })

  test('a version reads the data of the moment when it was created', async () => {
    const other = await smallShop(s, 'moment')
    const { solutionArn = '' } = await personalize.createSolution({
      name: 'moment',
      datasetGroupArn: other.datasetGroupArn,
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
      solutionConfig: quickConfig,
    })
    const arn = await create(solutionArn)
    const one = 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu1,i1,1,view,1\n'
    await imported(s, 'one', other.datasets.Interactions, one)
    equal((await versionEnded(s, arn)).status, 'ACTIVE')
    match(await reasonOf(solutionArn), /fewer than 25 users/)
  })

  test('one more unfinished version than the quota is refused [M docs]', async () => {
    const solutionArn = await solution('many')
    const attempts = Array.from({ length: 12 }, () => create(solutionArn))
    const refusals = (await Promise.allSettled(attempts)).filter(
      ({ status }) => status === 'rejected',
    )
    ok(refusals.length > 0)
    for (const refusal of refusals)
      match(
        String((refusal as PromiseRejectedResult).reason),
        /LimitExceededException: More than 4 resources with PENDING or IN_PROGRESS status\./,
      )
    const { solutionVersions = [] } = await personalize.listSolutionVersions({ solutionArn })
    equal(solutionVersions.length, attempts.length - refusals.length)
    for (const { solutionVersionArn } of solutionVersions)
      await versionEnded(s, solutionVersionArn ?? '')
  })
})

describe('work', () => {
  test('too few users with two interactions fail the training in AWS words [D23]', async () => {
    const few = await emptyShop(s, 'few')
    const rows = smallShopFiles().Interactions.split('\n')
    const events = rows.slice(1, -1).map((row, n) => row.replace(/^u\d+/, `u${n % 24}`))
    const text = [rows[0], ...events, 'x,i00,1700000000,view,1', ''].join('\n')
    await imported(s, 'few', few.datasets.Interactions, text)
    const solutionArn = await solution('few', { datasetGroupArn: few.datasetGroupArn })
    equal(
      await reasonOf(solutionArn),
      'Dataset has fewer than 25 users with at least 2 interactions each.',
    )
  })

  test('a selection of events that leaves too few fails the training', async () => {
    match(
      await reasonOf(await solution('purchases', { eventType: 'purchase' })),
      /fewer than 1000 interactions/,
    )
  })

  test('an empty group, or one without attributes, fails the training', async () => {
    const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'empty' })
    match(await reasonOf(await solution('empty', { datasetGroupArn })), /no Interactions dataset/)

    const plain = await solution('plain', {
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-attribute-affinity',
      solutionConfig: {
        trainingDataConfig: { excludedDatasetColumns: { items: ['Genres'], ITEMS: ['price'] } },
      },
    })
    match(
      await reasonOf(plain),
      /needs an Items dataset with at least one categorical or numerical/,
    )
  })

  test('a new column of items trains solutions that come after it, null until it is imported [D26]', async () => {
    const more = await smallShop(s, 'more')
    const { datasetGroupArn } = more
    const attributes = {
      datasetGroupArn,
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-attribute-affinity',
    }
    const before = await solution('before', attributes)
    const { schemaArn } = await personalize.createSchema({
      name: 'more-columns',
      schema: schemaText('Items', [
        ...JSON.parse(schemaTexts.Items).fields,
        { name: 'COLOR', type: ['null', 'string'], categorical: true },
        { name: 'WEIGHT', type: ['double', 'null'] },
      ]),
    })
    await personalize.updateDataset({ datasetArn: more.datasets.Items, schemaArn })
    const after = await solution('after', attributes)

    const attributesOf = async (solutionArn: string) => {
      const solutionVersionArn = await create(solutionArn)
      equal((await versionEnded(s, solutionVersionArn)).failureReason, undefined)
      const { model } = await call(s, 'DescribeModel', { solutionVersionArn })
      return model.attributes.map(({ name }) => name)
    }
    deepEqual(await attributesOf(before), ['GENRES', 'PRICE'])
    deepEqual(await attributesOf(after), ['GENRES', 'PRICE', 'COLOR', 'WEIGHT'])

    const [header, ...rows] = smallShopFiles().Items.trimEnd().split('\n')
    const items = [`${header},COLOR,WEIGHT`, ...rows.map((row) => `${row},red,1.5`)].join('\n')
    await imported(s, 'more-items', more.datasets.Items, items)
    deepEqual(await attributesOf(before), ['GENRES', 'PRICE'])
  })

  test('INCREMENTAL imports do not train segments [D26]', async () => {
    const mixed = await emptyShop(s, 'mixed')
    const { Interactions } = smallShopFiles()
    const head = Interactions.split('\n').slice(0, 10).join('\n')
    await imported(s, 'mixedFull', mixed.datasets.Interactions, `${head}\n`)
    await imported(s, 'mixedMore', mixed.datasets.Interactions, Interactions, 'INCREMENTAL')
    match(
      await reasonOf(await solution('mixed', { datasetGroupArn: mixed.datasetGroupArn })),
      /fewer than 25 users/,
    )
  })
})
