/** What must stay true of all lists: spec A.7, N.7, N.8; clients.md 5 and 6. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  type Personalize,
  paginateListDatasetGroups,
  paginateListSchemas,
} from '@aws-sdk/client-personalize'
import { server } from './harness.ts'
import { schemaTexts } from './smallShop.ts'

const { personalize } = await server({ after })
const names = Array.from({ length: 7 }, (_, n) => `g${n}`)
for (const name of names) await personalize.createDatasetGroup({ name })
const newestFirst = names.toReversed()

const lists: Record<string, (input: object) => Promise<Record<string, unknown>>> = {}
for (const name of [
  'listBatchSegmentJobs',
  'listDatasetGroups',
  'listDatasetImportJobs',
  'listDatasets',
  'listFilters',
  'listRecipes',
  'listSchemas',
  'listSolutionVersions',
  'listSolutions',
] as const)
  lists[name] = (input) =>
    (personalize[name] as (input: object) => Promise<object>).call(
      personalize as Personalize,
      input,
    ) as Promise<Record<string, unknown>>

const page = async (input: object) => {
  const { datasetGroups = [], nextToken } = await personalize.listDatasetGroups(input)
  return { names: datasetGroups.map(({ name }) => name), nextToken }
}

for (const [name, list] of Object.entries(lists))
  test(`${name} carries its list member, also when empty, and nothing else but a token`, async () => {
    const { $metadata: _, nextToken, ...rest } = await list({})
    equal(Object.keys(rest).length, 1)
    ok(Array.isArray(Object.values(rest)[0]))
    equal(nextToken, undefined)
  })

test('lists are newest first [I], in pages that join to the whole', async () => {
  deepEqual((await page({})).names, newestFirst)
  const first = await page({ maxResults: 3 })
  const second = await page({ maxResults: 3, nextToken: first.nextToken })
  const third = await page({ maxResults: 3, nextToken: second.nextToken })
  deepEqual([...first.names, ...second.names, ...third.names], newestFirst)
  equal(third.nextToken, undefined)
  const exact = await page({ maxResults: 7 })
  equal(exact.nextToken, undefined)
})

test('the paginators of the SDK see each resource once', async () => {
  const seen: unknown[] = []
  for await (const { datasetGroups = [] } of paginateListDatasetGroups(
    { client: personalize, pageSize: 2 },
    {},
  ))
    seen.push(...datasetGroups.map(({ name }) => name))
  deepEqual(seen, newestFirst)
})

test('a page is 100 long where nothing else is asked', async () => {
  for (let n = 0; n < 101; n++)
    await personalize.createSchema({ name: `s${n}`, schema: schemaTexts.Users })
  const { schemas = [], nextToken } = await personalize.listSchemas({})
  equal(schemas.length, 100)
  ok(nextToken)
  const rest = await personalize.listSchemas({ nextToken })
  deepEqual(
    rest.schemas?.map(({ name }) => name),
    ['s0'],
  )
  let count = 0
  for await (const { schemas = [] } of paginateListSchemas({ client: personalize }, {}))
    count += schemas.length
  equal(count, 101)
})

test('a token names the same page again, whatever came or went meanwhile', async () => {
  const { nextToken } = await page({ maxResults: 3 })
  const before = await page({ maxResults: 2, nextToken })
  await personalize.createDatasetGroup({ name: 'newer' })
  const { datasetGroups = [] } = await personalize.listDatasetGroups({ maxResults: 2 })
  await personalize.deleteDatasetGroup({ datasetGroupArn: datasetGroups[1]?.datasetGroupArn })
  deepEqual(await page({ maxResults: 2, nextToken }), before)
  await personalize.deleteDatasetGroup({ datasetGroupArn: datasetGroups[0]?.datasetGroupArn })
})

test('a token is ASCII of at most 1500 characters, and only of its own list', async () => {
  const { nextToken = '' } = await page({ maxResults: 1 })
  match(nextToken, /^[\x20-\x7e]{1,1500}$/)
  for (const [name, list] of Object.entries(lists)) {
    if (name === 'listDatasetGroups') continue
    await rejects(list({ nextToken }), {
      name: 'InvalidNextTokenException',
      message: /The nextToken is not valid\. Give the nextToken of an earlier answer of List/,
    })
  }
  const group = (n: number) => `arn:aws:personalize:us-east-1:123456789012:dataset-group/g${n}`
  for (const name of ['f1', 'f2'])
    await personalize.createSolution({
      name,
      datasetGroupArn: group(0),
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
    })
  const own = await personalize.listSolutions({ datasetGroupArn: group(0), maxResults: 1 })
  await rejects(
    personalize.listSolutions({ datasetGroupArn: group(1), nextToken: own.nextToken }),
    { name: 'InvalidNextTokenException' },
  )
})

test('a token that was changed in any place is refused, and so is one of another server', async (t) => {
  const { nextToken = '' } = await page({ maxResults: 1 })
  ok(!Buffer.from(nextToken, 'base64url').toString().includes('List'))
  const changed = [...nextToken].flatMap((sign, n) => [
    nextToken.slice(0, n) + (sign === 'A' ? 'B' : 'A') + nextToken.slice(n + 1),
    nextToken.slice(0, n),
    `${nextToken.slice(0, n)}A${nextToken.slice(n)}`,
  ])
  const more = [`${nextToken}=`, ` ${nextToken}`, `${nextToken}\n`, nextToken + nextToken]
  for (const token of [...changed, ...more].filter((each) => each !== ''))
    await rejects(page({ nextToken: token }), { name: 'InvalidNextTokenException' }, token)
  const { names: two } = await page({ maxResults: 2 })
  deepEqual((await page({ nextToken, maxResults: 1 })).names, [two[1]])
  const other = await server(t, {}, false)
  await rejects(other.personalize.listDatasetGroups({ nextToken }), {
    name: 'InvalidNextTokenException',
  })
})

test('recipes have tokens too, bound to their domain', async () => {
  const { recipes = [], nextToken } = await personalize.listRecipes({ maxResults: 2 })
  const next = await personalize.listRecipes({ nextToken, maxResults: 1 })
  ok(next.recipes![0]!.name! > recipes[1]!.name!)
  await rejects(personalize.listRecipes({ nextToken, domain: 'ECOMMERCE' }), {
    name: 'InvalidNextTokenException',
  })
})

test('lists are of one parent or of all', async () => {
  const group = 'arn:aws:personalize:us-east-1:123456789012:dataset-group/g0'
  const all = await personalize.listSolutions({})
  const own = await personalize.listSolutions({ datasetGroupArn: group })
  deepEqual(own.solutions, all.solutions)
  const none = await personalize.listSolutions({ datasetGroupArn: `${group}x` })
  deepEqual(none.solutions, [])
})
