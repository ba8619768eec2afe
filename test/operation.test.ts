// Rules: each request and each phase of a job is told once, in the log, in the metrics and as a span;
// labels are words of ours; secrets are told nowhere.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { startProcess } from './crash/serverProcess.ts'
import { call } from './extensionClient.ts'
import { type ClientSide, client } from './harness.ts'
import { type OtlpSpan, startReceiver } from './otlpReceiver.ts'
import { segmentJobs } from './segmentJobs.ts'
import { imported, smallShop, smallShopFiles, trained } from './smallShop.ts'

const secret = 'tell-nobody'
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))
const receiver = await startReceiver({ after })
Object.assign(process.env, {
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret}`,
  OTEL_BSP_SCHEDULE_DELAY: '100',
})
const credentials = join(folder, 'keys.yaml')
await writeFile(
  credentials,
  `accessKeys:
  - { accessKeyId: ${secret}, secretAccessKey: ${secret}, name: anna }
  - { accessKeyId: test, secretAccessKey: test, name: bert }
`,
)

const dataDir = join(folder, 'data')
const server = startProcess(dataDir, undefined, [
  ...['--admin-port', '0', '--log-level', 'info', '--credentials', credentials],
])
const url = await server.url
const admin = /^Health: (\S+)\/health\/ready$/m.exec(server.stdout())![1]!
const personalize = client(url, 'us-east-1', secret)
const path = (s3Url: string) => join(dataDir, 's3', s3Url.slice('s3://'.length))
const s: ClientSide = {
  personalize,
  async put(s3Url, text) {
    await mkdir(dirname(path(s3Url)), { recursive: true })
    await writeFile(path(s3Url), text)
  },
  read: async () => '',
}

// What happens here is looked at below.
const shop = await smallShop(s)
const broken = await imported(s, 'broken', shop.datasets.Users, 'USER_ID\n')
const version = await trained(s, shop, 'aws-item-affinity')
await mkdir(path('s3://segments/'), { recursive: true })
const { create, jobEnded, arnOf } = segmentJobs(s, version)
await s.put('s3://segments/in.json', '{"itemId": "i00"}\n{"itemId": "i01"}')
const asClient = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
await create('coffee', 's3://segments/in.json')
equal((await jobEnded('coffee')).status, 'ACTIVE')
for (const userId of ['u02', 'u03'])
  await call({ url }, 'ExplainSegment', { batchSegmentJobArn: arnOf('coffee'), userId, line: 1 })
await personalize.describeFilter({ filterArn: arnOf('none') }).catch(() => undefined)
for (const target of ['AmazonPersonalize.Nonsense', `x${secret.length}`])
  await fetch(url, { method: 'POST', headers: { 'x-amz-target': target, ...asClient } })
await fetch(`${url}/nothing?X-Amz-Signature=${secret}`)

const metrics = await (await fetch(`${admin}/metrics`)).text()
personalize.destroy()
server.child.kill('SIGTERM')
const { code, log } = await server.ended
const lines = log
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

/** The value of a series; undefined where there is none. */
function series(name: string): number | undefined {
  const line = metrics.split('\n').find((each) => each.startsWith(`openpersonalize_${name} `))
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

test('the server ends well', () => equal(code, 0, log))

test('a request is one line: who asked what about which resource, and how it ended', () => {
  const answered = lines.filter(({ msg }) => msg === 'answered')
  const made = answered.filter(({ operation }) => operation === 'CreateBatchSegmentJob')
  equal(made.length, 1)
  const { requestId, ms, ...rest } = made[0]
  match(requestId, /^[0-9a-f-]{36}$/)
  ok(Number.isInteger(ms) && ms >= 0)
  const caller = 'arn:aws:iam::123456789012:user/anna'
  const { operation, arn, status, code } = rest
  deepEqual(
    [operation, rest.caller, arn, status, code],
    ['CreateBatchSegmentJob', caller, arnOf('coffee'), 200, 'OK'],
  )
  equal(new Set(answered.map((line) => line.requestId)).size, answered.length)
  const missing = answered.find(({ operation }) => operation === 'DescribeFilter')
  deepEqual([missing.status, missing.code], [400, 'ResourceNotFoundException'])
  const unknown = answered.filter((line) => line.operation === undefined)
  deepEqual(
    unknown.map(({ target, code }) => [target, code]),
    ['AmazonPersonalize.Nonsense', 'x11', '/nothing'].map((target) => [
      target,
      'UnknownOperationException',
    ]),
  )
})

test('a job is a line for each phase and one for its end', () => {
  const of = (name: string) => lines.filter(({ job }) => job?.endsWith(name))
  deepEqual(
    of('/coffee').map(({ msg, kind, run, phase, status }) => [msg, kind, run, phase ?? status]),
    [
      ['phase ended', 'batchSegmentJob', 1, 'begin'],
      ['phase ended', 'batchSegmentJob', 1, 'segment'],
      ['job ended', 'batchSegmentJob', 1, 'ACTIVE'],
    ],
  )
  const training = of(version).map(({ phase, status }) => phase ?? status)
  deepEqual(
    [training[0], training[1], training.at(-2), training.at(-1)],
    ['begin', 'prepare', 'write', 'ACTIVE'],
  )
  const failed = of('/broken').at(-1)
  deepEqual([failed.status, failed.reason], ['CREATE FAILED', broken.failureReason])
  const whole = of('/coffee').at(-1).ms
  ok(Math.abs(of('/coffee')[0].ms + of('/coffee')[1].ms - whole) <= 2)
})

test('metrics count requests, jobs, rows, bytes and models', () => {
  equal(series('requests_total{operation="CreateBatchSegmentJob",code="OK"}'), 1)
  equal(series('requests_total{operation="DescribeFilter",code="ResourceNotFoundException"}'), 1)
  equal(series('requests_total{operation="unknown",code="UnknownOperationException"}'), 3)
  equal(series('request_duration_seconds_count{operation="ExplainSegment"}'), 2)
  ok(series('request_bytes_total{direction="sent"}')! > 1000)
  equal(series('job_duration_seconds_count{kind="datasetImportJob",status="ACTIVE"}'), 3)
  equal(series('job_duration_seconds_count{kind="datasetImportJob",status="CREATE FAILED"}'), 1)
  equal(series('job_phase_duration_seconds_count{kind="batchSegmentJob",phase="segment"}'), 1)
  equal(series('job_rows_total{kind="datasetImportJob"}'), 1600)
  equal(series('job_rows_total{kind="batchSegmentJob"}'), 2)
  const bytes = Object.values(smallShopFiles()).join('').length
  equal(series('job_bytes_total{kind="datasetImportJob",direction="received"}'), bytes)
  ok(series('job_bytes_total{kind="batchSegmentJob",direction="sent"}')! > 400)
  equal(series('queue_age_seconds'), 0)
  equal(series('models_open'), 1)
  equal(series('model_uses_total{result="found"}'), 1)
  equal(series('model_uses_total{result="read"}'), 1)
  match(metrics, /^process_resident_memory_bytes \d+$/m)
  match(metrics, /^nodejs_eventloop_lag_p99_seconds /m)
  const wanted = /^(operation|code|direction|reason|kind|status|phase|result|le)$/
  for (const [, name] of metrics.matchAll(/^openpersonalize_\w+\{(\w+)=/gm)) match(name!, wanted)
})

test('a request is a span, of the client where it says so; a job is one with its phases', () => {
  const named = (name: string) => receiver.spans.filter((span) => span.name === name)
  const [made] = named('CreateBatchSegmentJob')
  deepEqual(attributes(made!, 'openpersonalize.arn', 'openpersonalize.code'), [
    arnOf('coffee'),
    'OK',
  ])
  const [first] = named('unknown').filter(({ parentSpanId }) => parentSpanId)
  deepEqual(
    [first!.traceId, first!.parentSpanId],
    ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'],
  )
  const [job] = named('batchSegmentJob')
  deepEqual(attributes(job!, 'openpersonalize.arn', 'openpersonalize.status'), [
    arnOf('coffee'),
    'ACTIVE',
  ])
  const phases = receiver.spans.filter(({ parentSpanId }) => parentSpanId === job!.spanId)
  deepEqual(
    phases.map(({ name }) => name),
    ['begin', 'segment'],
  )
  const failed = named('datasetImportJob').filter(({ status }) => status.code === 2)
  equal(failed.length, 1)
  deepEqual(receiver.services, ['openpersonalize'])
})

test('a collector that is away is told in the log, and holds up neither requests nor the end', async () => {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:1'
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '500'
  const lonely = startProcess(join(folder, 'lonely'))
  const shops = client(await lonely.url)
  for (const name of ['one', 'two']) await shops.createDatasetGroup({ name })
  await lonely.logged('Traces could not be sent: ')
  shops.destroy()
  const asked = performance.now()
  lonely.child.kill('SIGTERM')
  equal((await lonely.ended).code, 0)
  ok(performance.now() - asked < 5000)
})

test('secrets are told nowhere', () => {
  deepEqual(receiver.authorizations, [secret], 'the receiver itself is told its own')
  for (const text of [log, metrics, JSON.stringify(receiver.spans), server.stdout()])
    ok(!text.includes(secret))
})

const attributes = (span: OtlpSpan, ...keys: string[]) =>
  keys.map((wanted) => span.attributes.find(({ key }) => key === wanted)?.value.stringValue)
