/** What must stay true of filters: spec F, C.5, C.6. What they do to segments: batchSegmentJob.test.ts. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { server } from './harness.ts'
import { emptyShop } from './smallShop.ts'

const s = await server(
  { after },
  { OPENPERSONALIZE_QUOTA_FIELDS_PER_FILTER: '2', OPENPERSONALIZE_QUOTA_FIELDS_PER_GROUP: '6' },
)
const { personalize } = s
const { datasetGroupArn } = await emptyShop(s)
const arnOf = (name: string) => `arn:aws:personalize:us-east-1:123456789012:filter/${name}`
const create = (name: string, filterExpression: string, group = datasetGroupArn) =>
  personalize.createFilter({ name, datasetGroupArn: group, filterExpression })
const gold = 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")'

describe('shape', () => {
  test('Describe echoes the expression verbatim, List leaves it out', async () => {
    const filterExpression = '  exclude UserId\n where users.membership in ("Japan購入", \'x\')  '
    const { $metadata: _, ...answer } = await create('verbatim', filterExpression)
    deepEqual(answer, { filterArn: arnOf('verbatim') })
    const { filter } = await personalize.describeFilter({ filterArn: arnOf('verbatim') })
    const { creationDateTime, lastUpdatedDateTime, ...rest } = filter!
    deepEqual(rest, {
      name: 'verbatim',
      filterArn: arnOf('verbatim'),
      datasetGroupArn,
      filterExpression,
      status: 'ACTIVE',
    })
    const { Filters } = await personalize.listFilters({ datasetGroupArn })
    deepEqual(Filters, [
      {
        name: 'verbatim',
        filterArn: arnOf('verbatim'),
        datasetGroupArn,
        status: 'ACTIVE',
        creationDateTime,
        lastUpdatedDateTime,
      },
    ])
  })
})

describe('meaning', () => {
  const legal = [
    'INCLUDE UserID WHERE Users.MEMBERSHIP IN ($MEMBERSHIP)',
    'EXCLUDE UserID WHERE Users.AGE < $AGE',
    'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click", "rating")',
    'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)',
    'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")',
    'INCLUDE UserID WHERE Users.AGE = ($VALUE)',
    'INCLUDE UserID WHERE Users.MEMBERSHIP NOT IN ("gold") AND Users.AGE != 3',
    'INCLUDE UserID WHERE Users.AGE >= 1 OR Users.AGE <= 0 | EXCLUDE UserID WHERE Users.AGE = 7',
    'INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE',
    'EXCLUDE ItemID WHERE Items.GENRES IN ($GENRE) IF CurrentUser.AGE > 18',
    'INCLUDE ItemID WHERE Items.GENRES IN ("tea") | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
  ]
  for (const [n, expression] of legal.entries())
    test(`accepted [D23][D26]: ${expression}`, async () => {
      const { filterArn } = await create(`legal${n}`, expression)
      await personalize.deleteFilter({ filterArn })
    })

  test('a placeholder with NOT IN is refused in AWS words [D26]', async () => {
    await rejects(create('notIn', 'EXCLUDE UserID WHERE Users.MEMBERSHIP NOT IN ($LEVEL)'), {
      name: 'InvalidInputException',
      message:
        /Invalid input symbol: \$LEVEL\. Placeholders are not allowed with NOT_IN operator\./,
    })
  })

  test('a name is taken across dataset groups [S]', async () => {
    const other = await emptyShop(s, 'other')
    await create('taken', gold)
    await rejects(create('taken', gold, other.datasetGroupArn), {
      name: 'ResourceAlreadyExistsException',
      message: `Another resource with Arn ${arnOf('taken')} already exists.`,
    })
    await personalize.deleteFilter({ filterArn: arnOf('taken') })
  })

  test('fields have a quota per filter and per group', async () => {
    const three =
      'INCLUDE ItemID WHERE Items.PRICE > 1 AND Items.GENRES IN ("tea") AND Items.CREATION_TIMESTAMP > 1'
    await rejects(create('wide', three), {
      name: 'LimitExceededException',
      message: /at most 2 dataset fields, this one uses 3: Items.CREATION_TIMESTAMP, /,
    })
    await create('a', 'INCLUDE ItemID WHERE Items.PRICE > 1 AND Items.GENRES IN ("tea")')
    await create('b', 'INCLUDE UserID WHERE Users.AGE > 1 AND Users.MEMBERSHIP IN ("gold")')
    await create('c', 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view")')
    await create('d', 'INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > 1')
    await create('e', 'INCLUDE ItemID WHERE Items.price > 2') // a field that is used already
    const { Filters = [] } = await personalize.listFilters({ datasetGroupArn })
    await rejects(create('f', 'INCLUDE ItemID WHERE Items.ITEM_ID IN ("i1")'), {
      name: 'LimitExceededException',
      message: /may use 6 distinct fields in all; with this one it would be 7/,
    })
    equal((await personalize.listFilters({ datasetGroupArn })).Filters?.length, Filters.length)
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await personalize.deleteFilter({ filterArn: arnOf(name) })
  })
})

describe('effect', () => {
  test('a deleted filter is gone, and its name is free', async () => {
    const { filterArn } = await create('gone', gold)
    await personalize.deleteFilter({ filterArn })
    for (const refused of [
      personalize.describeFilter({ filterArn }),
      personalize.deleteFilter({ filterArn }),
    ])
      await rejects(refused, {
        name: 'ResourceNotFoundException',
        message: `Resource Arn ${arnOf('gone')} does not exist.`,
      })
    await create('gone', gold)
  })

  test('an expression stays out of messages about it: it is sensitive [M]', async () => {
    const error = await create('long', `INCLUDE UserID WHERE ${'x'.repeat(2500)}`).catch((e) => e)
    match(error.message, /^1 validation error detected: Value at 'filterExpression' failed/)
  })
})

describe('work', () => {
  test('a filter has none: it is ACTIVE at the first Describe', async () => {
    const { filterArn } = await create('atOnce', gold)
    equal((await personalize.describeFilter({ filterArn })).filter?.status, 'ACTIVE')
  })
})
