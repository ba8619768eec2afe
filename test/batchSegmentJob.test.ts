/** What must stay true of batch segment jobs: spec D, L.3, L.4. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { roleArn, server } from './harness.ts'
import { type More, segmentJobs } from './segmentJobs.ts'
import {
  emptyShop,
  imported,
  itemId,
  smallShop,
  smallShopFiles,
  tasteOf,
  trained,
  userCount,
} from './smallShop.ts'

const s = await server({ after })
const { personalize } = s
const shop = await smallShop(s)
const byItem = await trained(s, shop, 'aws-item-affinity')
const byAttribute = await trained(s, shop, 'aws-item-attribute-affinity')
const { arnOf, create, jobEnded, answered } = segmentJobs(s, byItem)

type Line = {
  input: Record<string, unknown>
  output: { usersList: string[] }
  error: string | null
}
const parsed = (out: string): Line[] =>
  out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

const filter = async (name: string, filterExpression: string) =>
  (
    await personalize.createFilter({
      name,
      datasetGroupArn: shop.datasetGroupArn,
      filterExpression,
    })
  ).filterArn

describe('shape', () => {
  test('Create answers the ARN alone; Describe echoes the request exactly', async () => {
    const filterArn = await filter('everyone', 'INCLUDE UserID WHERE Users.AGE > 0')
    const kmsKeyArn = 'arn:aws:kms:us-east-1:123456789012:key/k'
    const input = {
      jobName: 'echo',
      solutionVersionArn: byItem,
      filterArn,
      numResults: 7,
      jobInput: { s3DataSource: { path: 's3://segments/echo.json', kmsKeyArn } },
      jobOutput: { s3DataDestination: { path: 's3://segments/echo/', kmsKeyArn } },
      roleArn,
    }
    await s.put('s3://segments/echo.json', '{"itemId": "i00"}')
    const { $metadata: _, ...answer } = await personalize.createBatchSegmentJob({
      ...input,
      tags: [{ tagKey: 'a', tagValue: 'b' }],
    })
    deepEqual(answer, { batchSegmentJobArn: arnOf('echo') })
    const { creationDateTime, lastUpdatedDateTime, ...rest } = await jobEnded('echo')
    deepEqual(rest, { ...input, batchSegmentJobArn: arnOf('echo'), status: 'ACTIVE' })
    ok(lastUpdatedDateTime! >= creationDateTime!)
  })

  test('numResults is 25 where none was given, and shown so [I]', async () => {
    const [line] = parsed(await answered('defaults', '{"itemId": "i00"}'))
    equal(line?.output.usersList.length, 25)
    equal((await jobEnded('defaults')).numResults, 25)
  })

  test('the list has summaries, of one version or of all; an unknown version has none [I]', async () => {
    await answered('listed', '{"itemAttributes": "ITEMS.GENRES = \\"tea\\""}', {
      solutionVersionArn: byAttribute,
    })
    const { batchSegmentJobs: jobs } = await personalize.listBatchSegmentJobs({
      solutionVersionArn: byAttribute,
    })
    deepEqual(
      jobs?.map((job) => Object.keys(job).sort()),
      [
        [
          'batchSegmentJobArn',
          'creationDateTime',
          'jobName',
          'lastUpdatedDateTime',
          'solutionVersionArn',
          'status',
        ],
      ],
    )
    const all = await personalize.listBatchSegmentJobs({})
    deepEqual(
      all.batchSegmentJobs?.map(({ jobName }) => jobName),
      ['listed', 'defaults', 'echo'],
    )
    const none = await personalize.listBatchSegmentJobs({ solutionVersionArn: `${byItem}x` })
    deepEqual(none.batchSegmentJobs, [])
  })
})

describe('meaning', () => {
  test('a job name is taken for good', async () => {
    await rejects(create('echo', 's3://segments/echo.json'), {
      name: 'ResourceAlreadyExistsException',
      message: `Another resource with Arn ${arnOf('echo')} already exists.`,
    })
  })

  test('numResults is from 1 to 5,000,000 [D26][I]', async () => {
    for (const numResults of [0, -1, 5_000_001])
      await rejects(create('many', 's3://segments/echo.json', { numResults }), {
        name: 'InvalidInputException',
        message: `numResults is ${numResults}; it must be from 1 to 5000000.`,
      })
  })

  test('the filter must choose users, of the same group, and fit the recipe [D26]', async () => {
    const refuse = (filterArn: string | undefined, message: RegExp, more: More = {}) =>
      rejects(create('unfit', 's3://segments/echo.json', { filterArn, ...more }), {
        name: 'InvalidInputException',
        message,
      })
    const items = await filter('items', 'INCLUDE ItemID WHERE Items.PRICE > 1')
    await refuse(items, /chooses ItemID; a batch segment job needs a filter on UserID/)
    const viewers = await filter(
      'viewers',
      'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")',
    )
    await refuse(viewers, /uses Interactions, which aws-item-attribute-affinity does not support/, {
      solutionVersionArn: byAttribute,
    })
    const other = await emptyShop(s, 'other')
    const { filterArn } = await personalize.createFilter({
      name: 'others',
      datasetGroupArn: other.datasetGroupArn,
      filterExpression: 'INCLUDE UserID WHERE Users.AGE > 1',
    })
    await refuse(filterArn, /belongs to .*dataset-group\/other/)
  })

  test('the version must be ACTIVE', async () => {
    const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'empty' })
    const { solutionArn } = await personalize.createSolution({
      name: 'empty',
      datasetGroupArn,
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
    })
    const { solutionVersionArn } = await personalize.createSolutionVersion({ solutionArn })
    await rejects(create('early', 's3://segments/echo.json', { solutionVersionArn }), {
      name: 'ResourceInUseException',
      message: /it must be ACTIVE/,
    })
  })
})

describe('effect', () => {
  test('a filter and a solution in use by an unfinished job cannot be deleted', async () => {
    const filterArn = await filter('used', 'EXCLUDE UserID WHERE Users.AGE < 18')
    await s.put('s3://segments/used.json', '{"itemId": "i01"}\n'.repeat(20_000))
    await create('used', 's3://segments/used.json', { filterArn, numResults: 60 })
    const solutionArn = byItem.slice(0, byItem.lastIndexOf('/'))
    for (const remove of [
      () => personalize.deleteFilter({ filterArn }),
      () => personalize.deleteSolution({ solutionArn }),
      () => personalize.deleteDataset({ datasetArn: shop.datasets.Interactions }),
    ])
      await rejects(remove, { name: 'ResourceInUseException', message: /in use by / })
    equal((await jobEnded('used')).status, 'ACTIVE')
    await personalize.deleteFilter({ filterArn })
    equal((await jobEnded('used')).filterArn, filterArn)
  })

  test('one more unfinished job than the quota of AWS is refused [D26]', async (t) => {
    const few = await server(t, { OPENPERSONALIZE_QUOTAS: 'aws' })
    const solutionVersionArn = await trained(few, await smallShop(few), 'aws-item-affinity')
    await few.put('s3://segments/in.json', '{"itemId": "i00"}\n'.repeat(500))
    const attempts = Array.from({ length: 20 }, (_, n) =>
      create(`job${n}`, 's3://segments/in.json', { solutionVersionArn }, few),
    )
    const results = await Promise.allSettled(attempts)
    const refused = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    ok(refused.length > 0)
    for (const reason of refused) {
      equal(reason.name, 'LimitExceededException')
      equal(reason.message, 'More than 5 resources with PENDING or IN_PROGRESS status.')
    }
    const { batchSegmentJobs = [] } = await few.personalize.listBatchSegmentJobs({})
    equal(batchSegmentJobs.length, 20 - refused.length)
    for (const { jobName = '' } of batchSegmentJobs)
      equal((await jobEnded(jobName, few)).status, 'ACTIVE')

    await few.put('s3://segments/long.json', '{"itemId": "i00"}\n'.repeat(501))
    await create('long', 's3://segments/long.json', { solutionVersionArn }, few)
    match((await jobEnded('long', few)).failureReason ?? '', /long\.json has more than 500 lines/)
    equal(await few.exists('s3://segments/long/out/long.json.out'), false)
  })
})

describe('work', () => {
  test('an .out line is byte for byte what AWS writes [O]', async () => {
    const out = await answered('bytes', '{"itemId":"i00"}\n{ "itemId" : "i05" }', {
      numResults: 10,
    })
    const [first, second] = parsed(out)
    const line = (item: string, users: string[]) =>
      `{"input": {"itemId": "${item}"}, "output": {"usersList": [${users.map((user) => `"${user}"`)}]}, "error": null}\n`
    equal(out, line('i00', first!.output.usersList) + line('i05', second!.output.usersList))
    equal(await s.read('s3://segments/bytes/out/_CHECK'), '')
    deepEqual((await readdir(join(s.dataDir, 's3/segments/bytes/out'))).sort(), [
      '_CHECK',
      'in.json.out',
    ])
  })

  test('the best users for an item are those of its taste', async () => {
    const lines = Array.from({ length: 40 }, (_, n) => `{"itemId": "${itemId(n)}"}`)
    const segments = parsed(await answered('tastes', lines.join('\n'), { numResults: 10 }))
    equal(segments.length, 40)
    const right = segments.map(({ input, output }) => {
      equal(new Set(output.usersList).size, 10)
      return output.usersList.filter((id) => tasteOf(id) === tasteOf(String(input.itemId))).length
    })
    ok(right.reduce((sum, count) => sum + count) > 380, `${right}`)
  })

  test('attributes name items, a category of several being each of them', async () => {
    const queries = [
      'ITEMS.genres = "tea"',
      "items.GENRES = 'wine' AND ITEMS.GENRES = 'drink'",
      'ITEMS.PRICE = 3.5',
      'ITEMS.PRICE < 1',
    ]
    const lines = queries.map((itemAttributes) => JSON.stringify({ itemAttributes }))
    const out = await answered('attributes', lines.join('\n'), {
      solutionVersionArn: byAttribute,
      numResults: 5,
    })
    const segments = parsed(out)
    deepEqual(
      segments.map(({ input }) => input.itemAttributes),
      queries,
    )
    for (const [n, taste] of ['tea', 'wine', 'water', 'tea'].entries())
      deepEqual(segments[n]?.output.usersList.map(tasteOf), Array(5).fill(taste))
  })

  test('what is wrong with a line is its own error, and the job is ACTIVE [I]', async () => {
    const out = await answered(
      'errors',
      [
        '{"itemId": "i00"}',
        '{"itemId": "i99"}',
        '{"itemId": "i01"',
        '{"itemid": "i01"}',
        '{"itemAttributes": "ITEMS.GENRES = \\"tea\\""}',
        '["i01"]',
        '',
        '{"itemId": "i02"}',
      ].join('\r\n'),
    )
    const found = out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line).error as string | null)
    deepEqual([found[0], found[6]], [null, null])
    match(found[1]!, /i99 had no interactions/)
    match(found[2]!, /not valid JSON/)
    match(found[3]!, /"itemid" must be written "itemId"/)
    match(found[4]!, /needs "itemId", "items" or "userIds", not "itemAttributes"/)
    match(found[5]!, /not a JSON object/)
    equal(found.length, 7)
    match(out, /\n\{"input": \{"itemId": "i99"\}, "output": null, "error": "/)
    match(out, /\n\{"input": "\{\\"itemId\\": \\"i01\\"", "output": null, "error": "/)
  })

  test('of expressions, each error names its place, column or value', async () => {
    const queries: [string, RegExp][] = [
      ['ITEMS.GENRES = "lemonade"', /No item of the training data has ITEMS.GENRES = "lemonade"/],
      ['ITEMS.COLOUR = "red"', /COLOUR is not a column .*trained with ITEMS.GENRES, ITEMS.PRICE/],
      ['ITEMS.DESCRIPTION = "x"', /DESCRIPTION is not a column/],
      ['ITEMS.GENRES "tea"', /position/],
      ['ITEMS.PRICE = "cheap"', /holds numbers/],
      ["ITEMS.GENRES = 'tea'; DROP TABLE resource", /position/],
    ]
    const out = await answered(
      'expressions',
      queries.map(([itemAttributes]) => JSON.stringify({ itemAttributes })).join('\n'),
      { solutionVersionArn: byAttribute },
    )
    for (const [n, line] of parsed(out).entries()) match(line.error ?? '', queries[n]![1])
  })

  test('numResults beyond the users gives all of them, best first, each once [I]', async () => {
    const out = await answered('all', '{"itemId": "i00"}', { numResults: 5_000_000 })
    const users = parsed(out)[0]!.output.usersList
    equal(users.length, userCount)
    equal(new Set(users).size, userCount)
    const ten = parsed(await answered('ten', '{"itemId": "i00"}', { numResults: 10 }))
    deepEqual(ten[0]?.output.usersList, users.slice(0, 10))
  })

  test('a filter takes users away before the cut', async () => {
    const filterArn = await filter('gold', 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")')
    const [line] = parsed(
      await answered('gold', '{"itemId": "i00"}', { filterArn, numResults: 20 }),
    )
    equal(line?.output.usersList.length, 20)
    ok(line?.output.usersList.every((id) => Number(id.slice(1)) % 3 === 0))
  })

  test('filterValues fill the placeholders of each line and are echoed', async () => {
    const filterArn = await filter(
      'placeholders',
      'INCLUDE UserID WHERE Users.MEMBERSHIP IN ($LEVEL) | EXCLUDE UserID WHERE Users.AGE > $AGE',
    )
    const lines = [
      '{"itemId":"i00","filterValues":{"LEVEL":"\\"gold\\"","AGE":"49"}}',
      '{"itemId":"i00","filterValues":{"LEVEL":"\\"gold\\",\\"silver\\""}}',
      '{"itemId":"i00","filterValues":{"AGE":"30"}}',
      '{"itemId":"i00"}',
      '{"itemId":"i00","filterValues":{"LEVEL":"\\"none\\""}}',
    ]
    const out = await answered('values', lines.join('\n'), { filterArn, numResults: 60 })
    const found = parsed(out)
    equal(found[0]?.output.usersList.length, 10) // gold ones among u00 to u29
    equal(found[1]?.output.usersList.length, 60) // EXCLUDE without its value is left out [D23]
    match(found[2]?.error ?? '', /needs a value for \$LEVEL/)
    match(found[3]?.error ?? '', /needs a value for \$LEVEL/)
    deepEqual(found[4]?.output.usersList, [])
    match(
      out,
      /^\{"input": \{"itemId": "i00", "filterValues": \{"LEVEL": "\\"gold\\"", "AGE": "49"\}\}, /,
    )
  })

  test('ids of 64 bits may be bare numbers and keep their digits [O]', async () => {
    const big = await emptyShop(s, 'big')
    const id = '-2996180203100007228'
    const files = smallShopFiles()
    await imported(s, 'big', big.datasets.Interactions, files.Interactions.replaceAll('i00', id))
    const solutionVersionArn = await trained(s, big, 'aws-item-affinity', 'big')
    const out = await answered('big', `{"itemId": ${id}}`, { solutionVersionArn, numResults: 1 })
    match(
      out,
      /^\{"input": \{"itemId": -2996180203100007228\}, "output": \{"usersList": \["u\d\d"\]\}, /,
    )
  })
})
