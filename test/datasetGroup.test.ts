/** What must stay true of dataset groups: spec C.1 to C.6. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { server } from './harness.ts'
import { emptyShop } from './smallShop.ts'

const s = await server({ after }, { OPENPERSONALIZE_QUOTA_DATASET_GROUPS: '6' })
const { personalize } = s
const arnOf = (name: string) => `arn:aws:personalize:us-east-1:123456789012:dataset-group/${name}`

describe('shape', () => {
  test('CreateDatasetGroup answers the ARN, and the domain where one was given', async () => {
    const { $metadata: _, ...plain } = await personalize.createDatasetGroup({ name: 'plain' })
    deepEqual(plain, { datasetGroupArn: arnOf('plain') })
    const { $metadata: __, ...shop } = await personalize.createDatasetGroup({
      name: 'shop',
      domain: 'ECOMMERCE',
    })
    deepEqual(shop, { datasetGroupArn: arnOf('shop'), domain: 'ECOMMERCE' })
  })

  test('DescribeDatasetGroup echoes roleArn and kmsKeyArn, never tags', async () => {
    const input = {
      name: 'full',
      roleArn: 'arn:aws:iam::123456789012:role/Kms',
      kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/k',
    }
    const tags = [{ tagKey: 'team', tagValue: 'audience' }]
    const { datasetGroupArn } = await personalize.createDatasetGroup({ ...input, tags })
    const { datasetGroup } = await personalize.describeDatasetGroup({ datasetGroupArn })
    const { creationDateTime, lastUpdatedDateTime, ...rest } = datasetGroup!
    deepEqual(rest, { ...input, datasetGroupArn, status: 'ACTIVE' })
    deepEqual(creationDateTime, lastUpdatedDateTime)
    deepEqual((await personalize.listTagsForResource({ resourceArn: datasetGroupArn })).tags, tags)
  })
})

describe('meaning', () => {
  test('a second group of a name is refused and changes nothing', async () => {
    const before = await personalize.describeDatasetGroup({ datasetGroupArn: arnOf('shop') })
    await rejects(personalize.createDatasetGroup({ name: 'shop', domain: 'VIDEO_ON_DEMAND' }), {
      name: 'ResourceAlreadyExistsException',
      message: `Another resource with Arn ${arnOf('shop')} already exists.`, // [O]
    })
    const now = await personalize.describeDatasetGroup({ datasetGroupArn: arnOf('shop') })
    deepEqual(now.datasetGroup, before.datasetGroup)
  })

  test('one more than the quota is refused, and room comes back by deleting', async () => {
    for (const name of ['four', 'five', 'six']) await personalize.createDatasetGroup({ name })
    await rejects(personalize.createDatasetGroup({ name: 'seven' }), {
      name: 'LimitExceededException',
      message: 'More than 6 resources in ACTIVE state. Please delete some and try again.', // [D23]
    })
    for (const name of ['four', 'five', 'six'])
      await personalize.deleteDatasetGroup({ datasetGroupArn: arnOf(name) })
    await personalize.createDatasetGroup({ name: 'seven' })
  })
})

describe('effect', () => {
  test('a group with datasets or solutions cannot be deleted; an empty one can, once', async () => {
    const { datasetGroupArn, datasets } = await emptyShop(s, 'busy')
    await rejects(personalize.deleteDatasetGroup({ datasetGroupArn }), {
      name: 'ResourceInUseException',
      message: /in use by the dataset /,
    })
    const { solutionArn } = await personalize.createSolution({
      name: 'solution',
      datasetGroupArn,
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
    })
    await rejects(personalize.deleteDatasetGroup({ datasetGroupArn }), {
      name: 'ResourceInUseException',
      message: /in use by the solution .*Delete that first/,
    })
    await personalize.deleteSolution({ solutionArn })
    for (const datasetArn of Object.values(datasets))
      await personalize.deleteDataset({ datasetArn })
    await personalize.deleteDatasetGroup({ datasetGroupArn })
    await rejects(personalize.deleteDatasetGroup({ datasetGroupArn }), {
      name: 'ResourceNotFoundException',
      message: `The given dataset group does not exist: ${datasetGroupArn}`, // [O]
    })
    await rejects(personalize.describeDatasetGroup({ datasetGroupArn }), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${datasetGroupArn} does not exist.`,
    })
    const { datasetGroups = [] } = await personalize.listDatasetGroups({})
    ok(!datasetGroups.some(({ name }) => name === 'busy'))
  })

  test('its filters keep its datasets, and so the group', async () => {
    const { datasetGroupArn, datasets } = await emptyShop(s, 'filtered')
    const { filterArn } = await personalize.createFilter({
      name: 'gold',
      datasetGroupArn,
      filterExpression: 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")',
    })
    await rejects(personalize.deleteDataset({ datasetArn: datasets.Users }), {
      name: 'ResourceInUseException',
    })
    await personalize.deleteFilter({ filterArn })
    for (const datasetArn of Object.values(datasets))
      await personalize.deleteDataset({ datasetArn })
    await personalize.deleteDatasetGroup({ datasetGroupArn })
    equal((await personalize.listFilters({})).Filters?.length, 0)
  })
})

describe('work', () => {
  test('a group has none: it is ACTIVE at the first Describe', async () => {
    const { datasetGroup } = await personalize.describeDatasetGroup({
      datasetGroupArn: arnOf('shop'),
    })
    equal(datasetGroup?.status, 'ACTIVE')
    ok(!('failureReason' in datasetGroup!))
  })
})
