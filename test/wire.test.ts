import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Personalize } from '@aws-sdk/client-personalize'
import { PersonalizeEvents } from '@aws-sdk/client-personalize-events'
import { PersonalizeRuntime } from '@aws-sdk/client-personalize-runtime'
import { type OperationContract, operation, operationNames, shape } from '../src/contract.ts'
import { alreadyExists, resourceInUse, resourceNotFound } from '../src/errors.ts'
import { wireLimits } from '../src/limits.ts'
import { operations } from '../src/operations/index.ts'
import { exchange, send, signed, wireServer, withOperation } from './wireServer.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const arn = 'arn:aws:personalize:us-east-1:123456789012:batch-segment-job/coffee'

test('an operation gets caller and decoded input, and dates go out as epoch seconds', async (t) => {
  const { client, url } = await wireServer(t)
  const asked: unknown[] = []
  withOperation(t, 'DescribeBatchSegmentJob', async (_ctx, caller, input) => {
    asked.push(caller, input)
    return {
      batchSegmentJob: { jobName: 'coffee', creationDateTime: new Date(1698435170123), tags: [] },
    }
  })
  const output = await new Personalize(client).describeBatchSegmentJob({ batchSegmentJobArn: arn })

  deepEqual(asked, [
    { account: '123456789012', region: 'us-east-1', accessKeyId: 'test', name: 'test' },
    { batchSegmentJobArn: arn },
  ])
  deepEqual(output.batchSegmentJob, {
    jobName: 'coffee',
    creationDateTime: new Date(1698435170123),
  })
  match(output.$metadata.requestId ?? '', uuid)

  const raw = await send(url, {
    target: 'DescribeBatchSegmentJob',
    body: JSON.stringify({ batchSegmentJobArn: arn }),
  })
  equal(raw.text, '{"batchSegmentJob":{"jobName":"coffee","creationDateTime":1698435170.123}}')
  equal(raw.headers.get('content-type'), 'application/x-amz-json-1.1')
})

test('the SDKs of all three services reach their operations, and empty outputs pass', async (t) => {
  const { client, url } = await wireServer(t)
  const asked: unknown[] = []
  withOperation(t, 'DeleteSchema', async () => ({}))
  withOperation(t, 'PutEvents', async (_ctx, _caller, input) => {
    asked.push(input)
    return {}
  })
  withOperation(t, 'GetRecommendations', async () => ({ itemList: [{ itemId: '1', score: 0.5 }] }))

  await new Personalize(client).deleteSchema({
    schemaArn: 'arn:aws:personalize:us-east-1:1:schema/x',
  })
  const sentAt = new Date(1577836800500)
  const event = { eventType: 'click', sentAt, properties: '{"a":1}' }
  await new PersonalizeEvents(client).putEvents({
    trackingId: 't',
    sessionId: 's',
    eventList: [event],
  })
  deepEqual(asked, [{ trackingId: 't', sessionId: 's', eventList: [event] }])
  const { itemList } = await new PersonalizeRuntime(client).getRecommendations({ userId: '1' })
  deepEqual(itemList, [{ itemId: '1', score: 0.5 }])

  const emptyJson = await send(url, {
    target: 'DeleteSchema',
    body: '{"schemaArn":"arn:aws:personalize:us-east-1:1:schema/x"}',
  })
  equal(emptyJson.text, '{}')
  const emptyRest = await send(url, {
    path: '/events',
    body: '{"trackingId":"t","sessionId":"s","eventList":[{"eventType":"c","sentAt":1}]}',
  })
  equal(emptyRest.text, '')
  equal(emptyRest.headers.get('content-length'), '0')
})

test('the SDK sees the error its service models, with status and request id', async (t) => {
  const { client } = await wireServer(t)
  withOperation(t, 'CreateSchema', async () => {
    throw alreadyExists('arn:aws:personalize:us-east-1:123456789012:schema/x')
  })
  withOperation(t, 'GetRecommendations', async () => {
    throw resourceNotFound('There is no such campaign.')
  })
  withOperation(t, 'PutUsers', async () => {
    throw resourceInUse('The dataset is being made.')
  })
  const caught = await new Personalize(client)
    .createSchema({ name: 'x', schema: '{}' })
    .catch((error) => error)
  equal(caught.name, 'ResourceAlreadyExistsException')
  equal(
    caught.message,
    'Another resource with Arn arn:aws:personalize:us-east-1:123456789012:schema/x already exists.',
  )
  equal(caught.$fault, 'client')
  equal(caught.$metadata.httpStatusCode, 400)
  match(caught.$metadata.requestId, uuid)

  const notFound = await new PersonalizeRuntime(client)
    .getRecommendations({ userId: '1' })
    .catch((error) => error)
  deepEqual([notFound.name, notFound.$metadata.httpStatusCode], ['ResourceNotFoundException', 404])
  const inUse = await new PersonalizeEvents(client)
    .putUsers({
      datasetArn: 'arn:aws:personalize:us-east-1:1:dataset/g/USERS',
      users: [{ userId: '1' }],
    })
    .catch((error) => error)
  deepEqual([inUse.name, inUse.$metadata.httpStatusCode], ['ResourceInUseException', 409])
})

test('anything but a ServiceError is an InternalFailure, logged with the request id', async (t) => {
  const { url, logged } = await wireServer(t)
  withOperation(t, 'ListRecipes', async () => {
    throw new Error('the disk is on fire')
  })
  const { status, code, headers, text } = await send(url, { target: 'ListRecipes' })
  equal(status, 500)
  equal(code, 'InternalFailure')
  equal(headers.get('x-amzn-errortype'), 'InternalFailure')
  ok(!text.includes('fire'))
  ok(
    logged.some(
      (line) => line.includes('on fire') && line.includes(headers.get('x-amzn-requestid')!),
    ),
  )
})

test('what the contract has and nobody built answers 501 naming itself', async (t) => {
  const { url } = await wireServer(t)
  const missing = operationNames.filter((name) => !operations[name])
  t.diagnostic(`${missing.length} of ${operationNames.length} are not built: ${missing.join(' ')}`)
  equal(operationNames.length, 79 + 4)
  for (const name of Object.keys(operations)) ok(operationNames.includes(name), name)
  for (const name of missing) {
    const { service, protocol, path, input } = operation(name)
    const { status, code, message, headers } = await send(url, {
      ...(protocol === 'awsJson' ? { target: name } : { path }),
      body: JSON.stringify(legal(service, input!)),
    })
    equal(status, 501, `${name}: ${message}`)
    equal(code, 'UnsupportedOperationException')
    equal(headers.get('x-amzn-errortype'), 'UnsupportedOperationException')
    match(message ?? '', new RegExp(`\\b${name}\\b`))
  }
})

test('unknown operations and paths are refused, 400 in awsJson and 404 elsewhere', async (t) => {
  const { url } = await wireServer(t)
  const asked = [
    [{ target: 'CreateCoffee' }, 400],
    [{ target: 'constructor' }, 400],
    [{}, 400],
    [{ target: 'PutEvents' }, 400],
    [{ path: '/coffee' }, 404],
    [{ path: '/%zz' }, 404],
    [{ path: '/events', method: 'GET' }, 404],
    [{ path: '/', method: 'GET' }, 404],
  ] as const
  for (const [wanted, expected] of asked) {
    const { status, code, headers } = await send(url, wanted)
    equal(status, expected, JSON.stringify(wanted))
    equal(code, 'UnknownOperationException')
    match(headers.get('x-amzn-requestid') ?? '', uuid)
  }
})

test('a body that is not a JSON object is a SerializationException', async (t) => {
  const { url } = await wireServer(t)
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  const bodies = [
    '{',
    '[]',
    'null',
    '"x"',
    '{"nextToken":"\u0001"}',
    new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    '['.repeat(20_000),
    `{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
    '{"a":'.repeat(20_000),
  ]
  for (const body of bodies) {
    const { status, code } = await send(url, { target: 'ListRecipes', body })
    equal(status, 400)
    equal(code, 'SerializationException', String(body).slice(0, 20))
  }
  for (const body of ['', '{}', '{"nextToken":"[[[[{{{{\\""}', '{"maxResults":null,"more":[[{}]]}'])
    equal((await send(url, { target: 'ListRecipes', body })).status, 200, body)
})

test('__proto__ in a body changes no prototype', async (t) => {
  const { url } = await wireServer(t)
  const asked: Record<string, unknown>[] = []
  withOperation(t, 'GetRecommendations', async (_ctx, _caller, input) => {
    asked.push(input)
    return {}
  })
  const body = '{"__proto__":{"userId":"evil"},"context":{"__proto__":"evil","a":"b"}}'
  equal((await send(url, { path: '/recommendations', body })).status, 200)
  const [input] = asked
  equal(Object.getPrototypeOf(input), Object.prototype)
  equal(input!.userId, undefined)
  deepEqual(Object.keys(input!.context as object), ['__proto__', 'a'])
  equal(Object.getPrototypeOf(input!.context), Object.prototype)
})

test('a body that is too large answers 413 and the server goes on', async (t) => {
  const { url, port } = await wireServer(t)
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  const body = `{"x":"${'x'.repeat(wireLimits.requestBytesMax)}"}`
  const { status, code } = await send(url, { target: 'ListRecipes', body })
  equal(status, 413)
  equal(code, 'RequestEntityTooLargeException')

  const headers = Object.entries(await signed(url, { target: 'ListRecipes' }))
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const said = await exchange(
    port,
    `POST / HTTP/1.1\r\n${lines}Content-Length: 99999999999999\r\n\r\n{`,
    (text) => text.includes('}'),
  )
  match(said, /^HTTP\/1.1 413/)
  equal((await send(url, { target: 'ListRecipes' })).text, '{"recipes":[]}')
})

test('a connection goes on after an error, pipelined requests keep their order', async (t) => {
  const { url, port } = await wireServer(t)
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  const bytes = async (target: string, body: string) => {
    const headers = await signed(url, { target, body })
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    return `POST / HTTP/1.1\r\n${lines.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  }
  const said = await exchange(
    port,
    (await bytes('Nonsense', '{}')) +
      (await bytes('ListRecipes', '{')) +
      (await bytes('ListRecipes', '{}')),
    (text) => text.includes('{"recipes":[]}'),
  )
  deepEqual(
    [...said.matchAll(/"__type":"(\w+)"|"recipes"/g)].map(([, code]) => code),
    ['UnknownOperationException', 'SerializationException', undefined],
  )
})

test('headers that are too many end the request, not the server', async (t) => {
  const { url, port } = await wireServer(t)
  const said = await exchange(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\nx-a: ${'a'.repeat(wireLimits.headerBytesMax)}\r\n\r\n`,
    () => false,
  )
  match(said, /^HTTP\/1.1 431/)
  equal((await send(url, { target: 'Nonsense' })).status, 400)
})

test('overload answers 503, one long pause of the event loop does not', async (t) => {
  const loaded = await wireServer(t, { heapBytesMax: 1, pressureSampleMs: 20 })
  const free = await wireServer(t, { pressureSampleMs: 2000 })
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  const end = Date.now() + 1200
  while (Date.now() < end);
  await new Promise((resolve) => setTimeout(resolve, 1000))

  const refused = await send(loaded.url, { target: 'ListRecipes' })
  equal(refused.status, 503)
  equal(refused.code, 'ServiceUnavailable')
  match(refused.headers.get('x-amzn-requestid') ?? '', uuid)
  equal((await send(free.url, { target: 'ListRecipes' })).status, 200)
})

/** The least input that an operation's contract takes: required members only, each with a legal value. */
function legal(service: OperationContract['service'], name: string): unknown {
  const { type, members = {}, required = [], member, min = 0, ...rules } = shape(service, name)
  if (type === 'structure')
    return Object.fromEntries(required.map((each) => [each, legal(service, members[each]!.shape)]))
  if (type === 'list')
    return Array.from({ length: Math.max(min, 1) }, () => legal(service, member!.shape))
  if (type === 'map') return {}
  if (type === 'boolean') return true
  if (type === 'integer' || type === 'double' || type === 'timestamp') return Math.max(min, 1)
  if (rules.enum) return rules.enum[0]
  const samples = [
    'a',
    arn,
    's3://bucket/key',
    'rate(7 days)',
    'arn:aws:iam::123456789012:role/r',
    'arn:aws:kms:us-east-1:123456789012:key/1',
  ]
  const { pattern } = rules
  return samples.find((each) => !pattern || new RegExp(`^(?:${pattern})$`, 'u').test(each))
}
