/** A wrong request gets AWS's exception and text, and changes nothing. Spec J. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { wireLimits } from '../src/limits.ts'
import { datasetCases } from './badInput/datasets.ts'
import { everywhereCases } from './badInput/everywhere.ts'
import { attributeLines, itemLines, type LineCase } from './badInput/lines.ts'
import { arnCases, quotaCases, tightQuotas, unfitCases } from './badInput/quotas.ts'
import { schemaCases } from './badInput/schemas.ts'
import { segmentCases } from './badInput/segments.ts'
import { arn, prepare, right } from './badInput/shop.ts'
import { solutionCases } from './badInput/solutions.ts'
import { csvCases, importInput, jobCases, jobInput, locationCases } from './badInput/work.ts'
import { ended, server } from './harness.ts'
import { segmentJobs } from './segmentJobs.ts'
import { scratchLeft } from './smallShop.ts'
import { send, type Wanted } from './wireServer.ts'

const unfinishedWork = sql<object>`SELECT name, data FROM pgboss.job WHERE state < 'completed'`

const s = await server({ after }, tightQuotas)
const { personalize } = s
await prepare(s)
await atRest()

/** All that the server keeps: resources, tags, queued work, and files but the database's own. */
async function kept() {
  const { kysely } = s.ctx.db
  const folders = (await readdir(s.dataDir)).filter((name) => name !== 'postgres').sort()
  return {
    resources: await kysely.selectFrom('resource').selectAll().orderBy('seq').execute(),
    tags: await kysely.selectFrom('tag').selectAll().orderBy('key').execute(),
    queued: (await unfinishedWork.execute(kysely)).rows,
    files: (await Promise.all(folders.map(sizes))).flat(),
  }
}

/** What lies in a folder of the data directory, and how many bytes it has. */
async function sizes(folder: string): Promise<[path: string, bytes: number][]> {
  const root = join(s.dataDir, folder)
  const names = (await stat(root)).isFile() ? [''] : await readdir(root, { recursive: true })
  const paths = names.sort().map((name) => join(folder, name))
  return Promise.all(
    paths.map(async (path) => [path, (await stat(join(s.dataDir, path))).size] as const),
  )
}

/** Resolves once no work is queued and no scratch file is left: sweeping follows an answer. */
async function atRest() {
  const busy = async () => (await unfinishedWork.execute(s.ctx.db.kysely)).rows.length > 0
  for (let tries = 0; await busy(); tries++) {
    ok(tries < 200, 'the work has ended within 20 seconds')
    await sleep(100)
  }
  await scratchLeft(s.dataDir)
}

const cases = [
  ...[...schemaCases, ...datasetCases, ...solutionCases, ...segmentCases, ...everywhereCases],
  ...[...quotaCases, ...unfitCases, ...arnCases],
]
const before = await kept()

for (const [what, operation, input, exception, text] of cases)
  test(`${operation} refuses ${what}`, async () => {
    const answer = await send(s.url, { target: operation, body: JSON.stringify(input) })
    equal(answer.code, exception, answer.message)
    equal(answer.status, exception === 'UnsupportedOperationException' ? 501 : 400)
    equal(answer.headers.get('x-amzn-errortype'), exception)
    if (typeof text === 'string') equal(answer.message, text)
    else match(answer.message!, text)
    deepEqual(await kept(), before)
  })

const json = 'SerializationException'
const notKnown = 'UnknownOperationException'
const large = `{"name": "${'x'.repeat(wireLimits.requestBytesMax)}"}`
const requests: [what: string, wanted: Wanted, exception: string, status: number, text: RegExp][] =
  [
    ['half a JSON document', { body: '{"name": "x"' }, json, 400, /not valid JSON/],
    ['no JSON', { body: 'name=x' }, json, 400, /not valid JSON/],
    ['a list', { body: '[]' }, json, 400, /not a JSON object/],
    ['null', { body: 'null' }, json, 400, /not a JSON object/],
    ['a deep nest', { body: '['.repeat(50_000) }, json, 400, /deeper than 64 levels/],
    ['a deep nest of structures', { body: '{"a":'.repeat(50_000) }, json, 400, /deeper than 64/],
    ['no UTF-8', { body: new Uint8Array([0x7b, 0xff, 0x7d]) }, json, 400, /not valid UTF-8/],
    [
      'too large',
      { body: large },
      'RequestEntityTooLargeException',
      413,
      /larger than 4194304 bytes/,
    ],
    ['for no operation of AWS', { target: 'CreateCoffee' }, notKnown, 400, /CreateCoffee/],
    ['for an operation in lower case', { target: 'createSchema' }, notKnown, 400, /createSchema/],
    ['for no path of AWS', { path: '/coffee' }, notKnown, 404, /POST \/coffee/],
    ['a GET', { path: '/events', method: 'GET' }, notKnown, 404, /GET \/events/],
    [
      'an event without a session',
      { path: '/events', body: '{"trackingId": "t"}' },
      'InvalidInputException',
      400,
      /^2 validation errors detected: .*'sessionId'.*'eventList'/,
    ],
    [
      'an empty list of items',
      { path: '/items', body: `{"datasetArn": "${arn('dataset', 'shop/ITEMS')}", "items": []}` },
      'InvalidInputException',
      400,
      /at 'items' .*length greater than or equal to 1/,
    ],
    [
      'of a key that nobody has',
      { accessKeyId: 'nobody' },
      'UnrecognizedClientException',
      400,
      /security token .* is invalid/,
    ],
    [
      'signed with another secret',
      { secretAccessKey: 'guess' },
      'InvalidSignatureException',
      400,
      /signature we calculated does not match/,
    ],
    [
      'signed for another region',
      { region: 'eu-west-1' },
      'InvalidSignatureException',
      400,
      /valid Region, not 'eu-west-1'/,
    ],
  ]
for (const [what, wanted, exception, status, text] of requests)
  test(`a request that is ${what} is refused`, async () => {
    const target = wanted.path ? {} : { target: 'CreateDatasetGroup' }
    const answer = await send(s.url, { ...target, ...wanted })
    equal(answer.code, exception, answer.message)
    equal(answer.status, status)
    match(answer.message!, text)
    deepEqual(await kept(), before)
  })

test('a member that AWS does not know is ignored', async () => {
  const body = '{"maxResults": 1, "MaxResults": 0, "__proto__": {"maxResults": 0}}'
  equal((await send(s.url, { target: 'ListSchemas', body })).status, 200)
  deepEqual(await kept(), before)
})

/** Without the jobs themselves, and what the tests and the jobs put into buckets. */
const data = async () => {
  const { resources, files, ...rest } = await kept()
  return {
    ...rest,
    resources: resources.filter(({ kind }) => !kind.endsWith('Job')),
    files: files.filter(([path]) => !path.startsWith('s3/')),
  }
}
const dataBefore = await data()

const imports = [
  ...csvCases.map(([what, dataset, text, reason], n) => {
    return { what, name: `csv${n}`, dataset, url: `s3://imports/csv${n}.csv`, text, reason }
  }),
  ...locationCases.map(([url, reason], n) => {
    return { what: url, name: `location${n}`, dataset: 'Users', url, text: undefined, reason }
  }),
]
for (const { what, name, dataset, url, text, reason } of imports)
  test(`an import of ${what} fails and leaves the data as they were`, async () => {
    if (text !== undefined) await s.put(url, text)
    const { datasetImportJobArn } = await personalize.createDatasetImportJob(
      importInput(name, dataset, url),
    )
    const job = await ended(
      async () =>
        (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
    )
    equal(job.status, 'CREATE FAILED')
    match(job.failureReason!, reason)
    await atRest()
    deepEqual(await data(), dataBefore)
  })

for (const [n, wanted] of jobCases.entries())
  test(`a segment job over ${wanted.what} fails and leaves nothing half-made`, async () => {
    for (const [key, text] of Object.entries(wanted.objects ?? {}))
      await s.put(`s3://queries/${key}`, text)
    const name = `wrong${n}`
    const { batchSegmentJobArn } = await personalize.createBatchSegmentJob(jobInput(name, wanted))
    const job = await ended(
      async () =>
        (await personalize.describeBatchSegmentJob({ batchSegmentJobArn })).batchSegmentJob,
    )
    equal(job.status, 'CREATE FAILED')
    match(job.failureReason!, wanted.reason)
    await atRest()
    deepEqual(await data(), dataBefore)
    const { files } = await kept()
    const found = files.flatMap(([path]) => (path.includes(`${name}/`) ? [basename(path)] : []))
    const { answers = [] } = wanted
    deepEqual(
      found.filter((name) => name !== '_CHECK'),
      answers,
    )
  })

const jobs = segmentJobs(s, arn('solution', 'items/v1'))
const lineJobs: [string, string, LineCase[], string, object][] = [
  [
    'items',
    'items/v1',
    itemLines,
    '{"itemId": "i00", "filterValues": {"PLAN": "\\"gold\\"", "AGE": "18"}}',
    { filterArn: arn('filter', 'asked') },
  ],
  ['attributes', 'attributes/v1', attributeLines, '{"itemAttributes": "ITEMS.PRICE < 9"}', {}],
]
for (const [name, version, lines, good, more] of lineJobs)
  test(`wrong lines about ${name} have errors, a right one among them its answer`, async () => {
    const text = [...lines.map(([line]) => line), good].join('\n')
    const solutionVersionArn = arn('solution', version)
    await s.put('s3://segments/.keep', '')
    const out = await jobs.answered(name, text, { solutionVersionArn, ...more })
    const answers = out.trimEnd().split('\n')
    equal(answers.length, lines.length + 1)
    for (const [n, [line, error]] of lines.entries()) {
      const answer = JSON.parse(answers[n]!)
      match(String(answer.error), error, line)
      equal(answer.output, null)
    }
    match(answers.at(-1)!, /"output": \{"usersList": \["u\d\d"(,"u\d\d")*\]\}, "error": null\}$/)
    await atRest()
    deepEqual(await data(), dataBefore)
  })

test('there are many cases, over all operations that are built', async () => {
  const operations = new Set(cases.map(([, operation]) => operation))
  ok(cases.length >= 200, String(cases.length))
  ok(operations.size >= 35, `${operations.size}: ${[...operations].sort()}`)
})

test('the server is up, and the same requests put right are taken', async () => {
  await personalize.createDataset(right.dataset)
  await personalize.deleteFilter({ filterArn: arn('filter', 'teas') })
  await personalize.createFilter(right.filter)
  const { batchSegmentJobArn } = await personalize.createBatchSegmentJob(right.segments)
  const { datasetImportJobArn } = await personalize.createDatasetImportJob(right.import)
  const segments = await ended(
    async () => (await personalize.describeBatchSegmentJob({ batchSegmentJobArn })).batchSegmentJob,
  )
  equal(segments.status, 'ACTIVE', segments.failureReason)
  const imported = await ended(
    async () =>
      (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
  )
  equal(imported.status, 'ACTIVE', imported.failureReason)
})
