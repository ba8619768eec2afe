/** What must stay true of batch segment jobs whose tags ask for more than AWS gives, and of users who came later. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { call } from './extensionClient.ts'
import { server } from './harness.ts'
import { segmentJobs } from './segmentJobs.ts'
import { imported, itemId, smallShop, trained, userCount } from './smallShop.ts'

const s = await server({ after })
const shop = await smallShop(s)
const byItem = await trained(s, shop, 'aws-item-affinity')
const { answered, arnOf, create, reasonOf } = segmentJobs(s, byItem)
const filterArn = (
  await s.personalize.createFilter({
    name: 'gold',
    datasetGroupArn: shop.datasetGroupArn,
    filterExpression: 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")',
  })
).filterArn

const tag = (name: string, tagValue: string) => ({
  tags: [{ tagKey: `openpersonalize:${name}`, tagValue }],
})
const usersOf = (line: string): string[] => JSON.parse(line).output.usersList
const rows = async (name: string) => {
  const path = join(s.dataDir, `s3/segments/${name}/out/in.json.scores.parquet`)
  const connection = await (await DuckDBInstance.create()).connect()
  return (await connection.runAndReadAll('SELECT * FROM read_parquet($path)', { path })).getRows()
}

test('scores=parquet writes the numbers beside the same answers', async () => {
  const lines = [
    '{"itemId": "i00"}',
    '{"itemId": "none"}',
    '',
    '{"itemId": "i05", "numResults": 7}',
  ]
  const text = lines.join('\n')
  const out = await answered('scored', text, { numResults: 20, ...tag('scores', 'parquet') })
  equal(out, await answered('plain', text, { numResults: 20 }))
  ok(!(await s.exists('s3://segments/plain/out/in.json.scores.parquet')))

  const asking = lines.map((line) => line.replace('}', ', "scores": true}')).join('\n')
  const shown = (await answered('shown', asking, { numResults: 20 })).trimEnd().split('\n')
  const wanted = shown.flatMap((line, n) => {
    const { output } = JSON.parse(line)
    const users: string[] = output?.usersList ?? []
    return users.map((user, k) => [
      n + 1,
      user,
      ...['scores', 'expected', 'probabilities'].map((name) => output[name][k]),
    ])
  })
  const found = (await rows('scored')).map(([line, user, ...numbers]) => [
    line,
    user,
    ...numbers.map((value) => Number(Number(value).toPrecision(6))),
  ])
  equal(found.length, 27)
  for (const [n, row] of found.entries()) {
    deepEqual(row.slice(0, 2), wanted[n]!.slice(0, 2))
    for (let k = 2; k < 5; k++)
      ok(Math.abs(Number(row[k]) / Number(wanted[n]![k]) - 1) < 1e-5, `${row} ${wanted[n]}`)
  }
})

test('users of whom the model knows nothing come last, and fold-in knows them', async () => {
  const header = 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE'
  const events = Array.from(
    { length: 9 },
    (_, n) => `a-late,${itemId(4 * n + 1)},${1_600_090_000 + n},view,1`,
  )
  const late = [header, ...events, ''].join('\n')
  await imported(s, 'late', shop.datasets.Interactions, late, 'INCREMENTAL')
  const users = 'USER_ID,AGE,MEMBERSHIP\nb-quiet,30,gold\n"c ""odd""",31,silver\nd-quiet,30,gold\n'
  await imported(s, 'quiet', shop.datasets.Users, users, 'INCREMENTAL')
  const ask = '{"itemId": "i01", "scores": true}\n{"userIds": ["u01"], "scores": true}'
  const many = { numResults: 100 }

  const [byItem = '', alike = ''] = (await answered('late', ask, many)).split('\n')
  const list = usersOf(byItem)
  equal(list.length, userCount + 4)
  deepEqual(list.slice(userCount), ['a-late', 'b-quiet', 'c "odd"', 'd-quiet'])
  equal(usersOf(alike).length, userCount - 1)
  const { scores } = JSON.parse(byItem).output
  equal(scores.length, list.length)
  ok(scores.every((score: number, n: number) => n === 0 || score <= scores[n - 1]))
  ok(scores.at(-1) > 0)

  const gold = await answered('gold', ask, { ...many, filterArn })
  deepEqual(usersOf(gold.split('\n')[0]!).slice(-2), ['b-quiet', 'd-quiet'])

  const both = { ...many, tags: [...tag('fold-in', 'true').tags, ...tag('scores', 'parquet').tags] }
  const [folded = ''] = (await answered('folded', ask, both)).split('\n')
  const place = usersOf(folded).indexOf('a-late')
  ok(place >= 0 && place <= userCount / 4, `a-late is at ${place}`)
  deepEqual(usersOf(folded).slice(-3), ['b-quiet', 'c "odd"', 'd-quiet'])
  deepEqual(
    (await rows('folded')).filter(([line]) => line === 1).map(([, user]) => user),
    usersOf(folded),
  )
  const asked = { batchSegmentJobArn: arnOf('folded'), line: 1, userId: 'u01' }
  await rejects(call(s, 'ExplainSegment', asked), {
    name: 'InvalidInputException',
    message: /ranked users by interactions since the training too .*, which no model keeps/,
  })
})

test('a tag with another value is refused', async () => {
  const refused = (name: string, value: string, right: string) =>
    rejects(create('wrong', 's3://segments/wrong.json', tag(name, value)), {
      name: 'InvalidInputException',
      message: `The tag openpersonalize:${name} is '${value}'; it must be ${right}.`,
    })
  await refused('scores', 'csv', "'parquet'")
  await refused('fold-in', 'yes', "'true' or 'false'")
})

test('of datasets that are gone nobody comes, and fold-in finds nothing', async () => {
  await s.personalize.deleteFilter({ filterArn })
  await s.personalize.deleteDataset({ datasetArn: shop.datasets.Interactions })
  await s.personalize.deleteDataset({ datasetArn: shop.datasets.Users })
  const line = '{"itemId": "i01"}'
  equal(usersOf(await answered('gone', line, { numResults: 100 })).length, userCount)
  await s.put('s3://segments/nothing.json', line)
  equal(
    await reasonOf('nothing', 's3://segments/nothing.json', tag('fold-in', 'true')),
    'The dataset group has no interactions to train on.',
  )
})
