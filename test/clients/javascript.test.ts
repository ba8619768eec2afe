import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type Personalize,
  paginateListDatasets,
  ResourceNotFoundException,
} from '@aws-sdk/client-personalize'
import { ended, roleArn, server } from '../harness.ts'
import { airlineSchemas } from './airline.ts'
import { checkedClient } from './checkedClient.ts'
import { unpackRealData } from './realData.ts'

const queries = [
  { itemAttributes: 'ITEMS.DSTCity = "Tokyo"' },
  { itemAttributes: 'ITEMS.Season = "April" AND ITEMS.Promotion = "No"' },
  // Prefix and column in any case, a number, and the trap of `0` as a value. Spec D.5 [I].
  { itemAttributes: 'items.dstcity = "London"' },
  { itemAttributes: 'ITEMS.DiscountForMember = 0' },
  { itemAttributes: 'ITEMS.DSTCity = "Atlantis"' },
  { itemAttributes: 'ITEMS.Galaxy = "Andromeda"' },
]

// The second recipe and the third client: attributes, dates as Date, errors as classes, paginators.
test('the AWS SDK for JavaScript segments airline by attributes', {
  timeout: 600_000,
}, async (t) => {
  const { dataDir, url, put, read } = await server(t)
  const data = join(dataDir, 's3', 'airline', 'data')
  if (!(await unpackRealData(t, 'airline', data))) return
  const personalize = checkedClient(url)
  t.after(() => personalize.destroy())

  const datasetGroupArn = await importAirline(personalize)
  const solutionVersionArn = await train(personalize, datasetGroupArn)
  await put(
    's3://airline/queries/attributes.jsonl',
    queries.map((query) => JSON.stringify(query)).join('\n'),
  )
  const { batchSegmentJobArn } = await personalize.createBatchSegmentJob({
    jobName: 'cities',
    solutionVersionArn,
    numResults: 200,
    jobInput: { s3DataSource: { path: 's3://airline/queries/' } },
    jobOutput: { s3DataDestination: { path: 's3://airline/out/' } },
    roleArn,
  })
  const job = await ended(async () => {
    const { batchSegmentJob } = await personalize.describeBatchSegmentJob({ batchSegmentJobArn })
    return batchSegmentJob
  })

  await t.test('the job is described with its dates as Date', () => {
    equal(job.status, 'ACTIVE', job.failureReason)
    ok(job.creationDateTime instanceof Date && job.lastUpdatedDateTime instanceof Date)
    ok(job.lastUpdatedDateTime >= job.creationDateTime)
    ok(Math.abs(job.creationDateTime.getTime() - Date.now()) < 600_000)
  })

  await t.test('lines come in order, and unknown values and columns fail alone', async () => {
    const out = await read('s3://airline/out/attributes.jsonl.out')
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    deepEqual(
      answers.map(({ input }) => input),
      queries,
    )
    for (const { input, output, error } of answers.slice(0, 4)) {
      equal(error, null, input.itemAttributes)
      equal(new Set(output.usersList).size, 200)
    }
    for (const { output, error } of answers.slice(4)) {
      equal(output, null)
      equal(typeof error, 'string')
    }
  })

  await t.test('the segment of a city holds far more of its visitors than chance', async () => {
    const [tokyo] = (await read('s3://airline/out/attributes.jsonl.out')).split('\n')
    const { usersList } = JSON.parse(tokyo!).output
    const { visitors, users } = await visitorsOf('Tokyo', data)
    const among = usersList.filter((user: string) => visitors.has(user)).length
    const atRandom = (usersList.length * visitors.size) / users
    ok(among > 2 * atRandom, `${among} of ${usersList.length} flew to Tokyo, ${atRandom} by chance`)
  })

  await t.test('paginators walk newest first; errors are classes with a request id', async () => {
    const types = []
    const pages = paginateListDatasets({ client: personalize, pageSize: 1 }, { datasetGroupArn })
    for await (const { datasets } of pages) types.push(...datasets!.map((each) => each.datasetType))
    deepEqual(types, ['USERS', 'ITEMS', 'INTERACTIONS'])
    const nope = batchSegmentJobArn!.replace('cities', 'nope')
    await rejects(personalize.describeBatchSegmentJob({ batchSegmentJobArn: nope }), (error) => {
      ok(error instanceof ResourceNotFoundException)
      equal(error.$fault, 'client')
      equal(error.$metadata.httpStatusCode, 400)
      ok(error.$metadata.requestId)
      ok(error.message.includes(nope))
      return true
    })
  })
})

async function importAirline(personalize: Personalize): Promise<string> {
  const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'airline' })
  await ended(async () => {
    const { datasetGroup } = await personalize.describeDatasetGroup({ datasetGroupArn })
    return datasetGroup
  })
  for (const [name, schema] of Object.entries(airlineSchemas)) {
    const { schemaArn } = await personalize.createSchema({ name: `airline-${name}`, schema })
    const { datasetArn } = await personalize.createDataset({
      name: `airline-${name}`,
      datasetGroupArn,
      datasetType: name,
      schemaArn,
    })
    await ended(async () => (await personalize.describeDataset({ datasetArn })).dataset)
    const { datasetImportJobArn } = await personalize.createDatasetImportJob({
      jobName: `airline-${name}`,
      datasetArn,
      dataSource: { dataLocation: `s3://airline/data/${name.toLowerCase()}.csv` },
      roleArn,
    })
    const job = await ended(async () => {
      const described = await personalize.describeDatasetImportJob({ datasetImportJobArn })
      return described.datasetImportJob
    })
    equal(job.status, 'ACTIVE', job.failureReason)
  }
  return datasetGroupArn!
}

async function train(personalize: Personalize, datasetGroupArn: string): Promise<string> {
  const { solutionArn } = await personalize.createSolution({
    name: 'cities',
    datasetGroupArn,
    recipeArn: 'arn:aws:personalize:::recipe/aws-item-attribute-affinity',
    performAutoTraining: false,
    solutionConfig: { algorithmHyperParameters: { hidden_dimension: '32' } },
  })
  const { solutionVersionArn } = await personalize.createSolutionVersion({ solutionArn })
  const version = await ended(async () => {
    const described = await personalize.describeSolutionVersion({ solutionVersionArn })
    return described.solutionVersion
  }, 400_000)
  equal(version.status, 'ACTIVE', version.failureReason)
  const { metrics } = await personalize.getSolutionMetrics({ solutionVersionArn })
  ok(metrics!.recall_at_1_percent! > 0.01, 'better than chance')
  return solutionVersionArn!
}

/** Who flew to a city, and how many users flew at all, counted from the files. */
async function visitorsOf(city: string, folder: string) {
  const rows = async (table: string) =>
    (await readFile(join(folder, `${table}.csv`), 'utf8'))
      .split('\n')
      .map((line) => line.split(','))
  const places = new Map((await rows('items')).map(([id, place]) => [id, place]))
  const flights = (await rows('interactions')).slice(1).filter((row) => row.length > 1)
  const visitors = new Set(
    flights.filter(([item]) => places.get(item!) === city).map(([, user]) => user!),
  )
  return { visitors, users: new Set(flights.map(([, user]) => user)).size }
}
