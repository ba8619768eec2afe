/** What must stay true of datasets: spec C.1, C.5, C.6, E.1, E.2. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { server } from './harness.ts'
import {
  emptyShop,
  filesLeft,
  imported,
  schemaText,
  schemaTexts,
  smallShopFiles,
} from './smallShop.ts'

const s = await server({ after })
const { personalize } = s
const shop = await emptyShop(s)
const arnOf = (path: string) => `arn:aws:personalize:us-east-1:123456789012:dataset/${path}`
const schema = async (name: string, text: string) =>
  (await personalize.createSchema({ name, schema: text })).schemaArn

describe('shape', () => {
  test('the ARN ends in group and upper-case type, whatever name and case were given [O]', async () => {
    const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'cases' })
    const words = { iTeMs: 'Items', users: 'Users', Interactions: 'Interactions' } as const
    for (const [datasetType, word] of Object.entries(words)) {
      const { $metadata: _, ...answer } = await personalize.createDataset({
        name: 'any',
        datasetType,
        datasetGroupArn,
        schemaArn: shop.schemas[word],
      })
      deepEqual(answer, { datasetArn: arnOf(`cases/${word.toUpperCase()}`) })
    }
  })

  test('DescribeDataset shows what was given, the type in upper case', async () => {
    const { dataset } = await personalize.describeDataset({ datasetArn: shop.datasets.Users })
    const { creationDateTime, lastUpdatedDateTime, ...rest } = dataset!
    deepEqual(rest, {
      name: 'shop-Users',
      datasetArn: arnOf('shop/USERS'),
      datasetGroupArn: shop.datasetGroupArn,
      datasetType: 'USERS',
      schemaArn: shop.schemas.Users,
      status: 'ACTIVE',
    })
    deepEqual(creationDateTime, lastUpdatedDateTime)
  })
})

describe('meaning', () => {
  const attempt = (datasetType: string, schemaArn: string, group = shop.datasetGroupArn) =>
    personalize.createDataset({ name: 'x', datasetType, datasetGroupArn: group, schemaArn })

  test('a group has one dataset of each type', async () => {
    await rejects(attempt('ITEMS', shop.schemas.Items), {
      name: 'ResourceAlreadyExistsException',
      message: `Another resource with Arn ${arnOf('shop/ITEMS')} already exists.`,
    })
  })

  test('schema and type must agree [I]', async () => {
    const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'wrong' })
    await rejects(attempt('ITEMS', shop.schemas.Users, datasetGroupArn), {
      name: 'InvalidInputException',
      message: /describes USERS; a dataset of type ITEMS needs a schema for ITEMS/,
    })
    const { datasets } = await personalize.listDatasets({ datasetGroupArn })
    deepEqual(datasets, [])
  })

  test('domain group and schema must be of one domain', async () => {
    const { datasetGroupArn = '' } = await personalize.createDatasetGroup({
      name: 'video',
      domain: 'VIDEO_ON_DEMAND',
    })
    await rejects(attempt('USERS', shop.schemas.Users, datasetGroupArn), {
      name: 'InvalidInputException',
      message: /must be of that domain too/,
    })
    const { schemaArn = '' } = await personalize.createSchema({
      name: 'shopUsers',
      domain: 'ECOMMERCE',
      schema: schemaTexts.Users,
    })
    await rejects(attempt('USERS', schemaArn, datasetGroupArn), {
      name: 'InvalidInputException',
      message: /is of the domain ECOMMERCE/,
    })
    await rejects(attempt('ACTIONS', shop.schemas.Users, datasetGroupArn), {
      name: 'InvalidInputException',
      message: /domain dataset groups take no ACTIONS/,
    })
  })

  test('UpdateDataset takes more nullable columns and nothing else [D26]', async () => {
    const { datasetGroupArn } = await emptyShop(s, 'updated')
    const datasetArn = arnOf('updated/USERS')
    const fields = JSON.parse(schemaTexts.Users).fields as object[]
    const city = { name: 'CITY', type: ['null', 'string'], categorical: true }
    const more = await schema('more', schemaText('Users', [...fields, city]))
    await personalize.updateDataset({ datasetArn, schemaArn: more })
    const { dataset } = await personalize.describeDataset({ datasetArn })
    equal(dataset?.schemaArn, more)
    equal(dataset?.latestDatasetUpdate?.status, 'ACTIVE')
    equal(dataset?.latestDatasetUpdate?.schemaArn, more)
    deepEqual(dataset?.lastUpdatedDateTime, dataset?.latestDatasetUpdate?.lastUpdatedDateTime)

    const strict = schemaText('Users', [...fields, city, { name: 'X', type: 'int' }])
    const refused: [string, string, RegExp][] = [
      ['strict', strict, /X does not allow null/],
      ['fewer', schemaTexts.Users, /lacks the field CITY/],
      [
        'changed',
        schemaText('Users', [...fields, { ...city, categorical: false }]),
        /changes .*CITY/,
      ],
      ['items', schemaTexts.Items, /describes ITEMS/],
    ]
    for (const [name, text, message] of refused)
      await rejects(
        personalize.updateDataset({ datasetArn, schemaArn: await schema(name, text) }),
        { name: 'InvalidInputException', message },
      )
    await rejects(
      personalize.updateDataset({
        datasetArn: arnOf('updated/INTERACTIONS'),
        schemaArn: shop.schemas.Interactions,
      }),
      { name: 'InvalidInputException', message: /only USERS and ITEMS/ },
    )
    const { datasets } = await personalize.listDatasets({ datasetGroupArn })
    equal(datasets?.find(({ datasetType }) => datasetType === 'USERS')?.status, 'ACTIVE')
  })
})

describe('effect', () => {
  test('a filter of the group keeps its datasets [D26]', async () => {
    const { datasetGroupArn, datasets } = await emptyShop(s, 'kept')
    const { filterArn } = await personalize.createFilter({
      name: 'old',
      datasetGroupArn,
      filterExpression: 'INCLUDE UserID WHERE Users.AGE > 60',
    })
    for (const datasetArn of Object.values(datasets))
      await rejects(personalize.deleteDataset({ datasetArn }), {
        name: 'ResourceInUseException',
        message: /in use by the filter/,
      })
    await personalize.deleteFilter({ filterArn })
    await personalize.deleteDataset({ datasetArn: datasets.Users })
    await rejects(personalize.describeDataset({ datasetArn: datasets.Users }), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${datasets.Users} does not exist.`,
    })
  })

  test('a deleted dataset takes its files with it, and a new one begins empty', async () => {
    const { datasetGroupArn, datasets, schemas } = await emptyShop(s, 'swept')
    await imported(s, 'swept', datasets.Users, smallShopFiles().Users)
    const folder = join(s.dataDir, 'datasets', 'swept', 'USERS')
    equal((await readdir(folder)).length, 1)
    await personalize.deleteDataset({ datasetArn: datasets.Users })
    await filesLeft(folder, 0)
    await personalize.createDataset({
      name: 'again',
      datasetType: 'USERS',
      datasetGroupArn,
      schemaArn: schemas.Users,
    })
    const again = imported(s, 'again', datasets.Users, smallShopFiles().Users, 'INCREMENTAL')
    await rejects(again, { name: 'InvalidInputException', message: /must be FULL/ })
  })
})

describe('work', () => {
  test('a dataset has none: it is ACTIVE at the first Describe', async () => {
    const { datasets = [] } = await personalize.listDatasets({
      datasetGroupArn: shop.datasetGroupArn,
    })
    deepEqual(
      datasets.map(({ datasetType, status }) => [datasetType, status]),
      [
        ['USERS', 'ACTIVE'],
        ['ITEMS', 'ACTIVE'],
        ['INTERACTIONS', 'ACTIVE'],
      ],
    )
  })
})
