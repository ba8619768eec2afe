/** Whatever comes through the HTTP door gets an answer that is no 500, and the server stays up. Spec J. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { operation as contractOf } from '../../src/contract.ts'
import { answerProblems } from '../contractCheck.ts'
import { roleArn, server } from '../harness.ts'
import { schemaTexts } from '../smallShop.ts'
import { type Body, send, signed } from '../wireServer.ts'
import { contractRequests, type Known } from './contractInputs.ts'
import { fuzz } from './fuzz.ts'
import { requestBytes, sendBytes } from './raw.ts'
import { operationOf, operations, wanted } from './requests.ts'

const { personalize, url, ctx } = await server({ after }, {}, false)
const port = Number(new URL(url).port)
const account = 'arn:aws:personalize:us-east-1:123456789012'

/** Something of each kind that needs no work. */
async function prepare(): Promise<Known> {
  const { datasetGroupArn = '' } = await personalize.createDatasetGroup({ name: 'shop' })
  const arns = [datasetGroupArn]
  for (const [name, schema] of Object.entries(schemaTexts)) {
    const { schemaArn = '' } = await personalize.createSchema({ name, schema })
    const { datasetArn = '' } = await personalize.createDataset({
      ...{ name, datasetGroupArn, schemaArn, datasetType: name },
    })
    arns.push(schemaArn, datasetArn)
  }
  const recipeArn = 'arn:aws:personalize:::recipe/aws-item-affinity'
  const { solutionArn = '' } = await personalize.createSolution({
    name: 's',
    datasetGroupArn,
    recipeArn,
  })
  const filterExpression = 'INCLUDE UserID WHERE Users.AGE > 30'
  const { filterArn = '' } = await personalize.createFilter({
    name: 'f',
    datasetGroupArn,
    filterExpression,
  })
  const { solutionVersionArn = '' } = await personalize.createSolutionVersion({
    solutionArn,
    name: 'v1',
  })
  arns.push(
    solutionArn,
    filterArn,
    solutionVersionArn,
    recipeArn,
    roleArn,
    `${account}:filter/none`,
  )
  const { nextToken = '' } = await personalize.listSchemas({ maxResults: 1 })
  const spare = ['dataset-group', 'schema', 'filter', 'solution'].map(
    (type) => `${account}:${type}/other`,
  )
  return {
    arns: [...arns, ...spare],
    spare,
    names: ['shop', 'other', 'f', 's', 'v1', 'Users', 'ITEMS', 'EVENT_TYPE', nextToken],
    texts: [
      ...Object.values(schemaTexts),
      filterExpression,
      'EXCLUDE UserID WHERE Users.NOPE IN ("a", $B)',
      's3://bucket/../key',
      'file:///etc/passwd',
      'openpersonalize:horizon-days',
      'openpersonalize:scores',
      '9'.repeat(20),
    ],
  }
}
const known = await prepare()

/** Of the front end, which no operation declares. */
const common = /^(Serialization|UnknownOperation|UnsupportedOperation|InvalidInput)Exception$/

test('inputs of the contract are answered as the contract says', async (t) => {
  const codes = new Map<string, number>()
  await fuzz(t, 'requests of the contract', {
    arbitrary: contractRequests(known),
    bytesOf: ([, input]) => JSON.stringify(input).length,
    async check([name, input]) {
      const answer = await send(url, wanted(operationOf(name), JSON.stringify(input)))
      const told = `${name} ${answer.status} ${answer.text}`
      const code = answer.code ?? 'ok'
      codes.set(code, (codes.get(code) ?? 0) + 1)
      if (answer.status === 200)
        deepEqual(answerProblems(name, JSON.parse(answer.text || '{}')), [], told)
      else {
        const isDeclared = contractOf(name).errors.includes(code)
        ok(isDeclared || common.test(code), told)
        const isBuilt = code !== 'UnsupportedOperationException'
        ok(isBuilt ? answer.status < 500 : answer.status === 501, told)
      }
    },
  })
  t.diagnostic([...codes].map(([code, count]) => `${code} ${count}`).join(', '))
})

const names = [
  'host',
  'x-amz-target',
  'x-amz-date',
  'authorization',
  'content-type',
  'expect',
  'x-amz-content-sha256',
  'x-amz-security-token',
  'transfer-encoding',
  'content-encoding',
  'x',
  '__proto__',
  'constructor',
  'upgrade',
]
const value = fc.oneof(
  fc.stringMatching(/^[ -~\u00a1-\u00ff]{0,60}$/),
  fc.constantFrom(
    'chunked',
    '100-continue',
    'websocket',
    'gzip',
    '20261128T000000Z',
    'constructor',
    '__proto__',
    'AWS4-HMAC-SHA256',
    'application/json; charset=é',
    'AmazonPersonalize.ListSchemas',
    'AmazonPersonalize.',
    'OpenPersonalize.DescribeModel',
    'AWS4-HMAC-SHA256 Credential=test/20261128/us-east-1/personalize/aws4_request, SignedHeaders=host, Signature=0',
  ),
  fc
    .array(
      fc.constantFrom(
        'AWS4-HMAC-SHA256',
        'Credential=',
        'test',
        '/',
        'SignedHeaders=',
        ';',
        ',',
        '=',
        'Signature=',
        ' ',
        'host',
        'aws4_request',
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join('')),
)
const path = fc.oneof(
  fc.constantFrom(
    '/',
    '/recommendations',
    '/events',
    '/items',
    '*',
    '//',
    '/%',
    '/?%ff',
    '/..%2f',
    '/constructor',
  ),
  fc.stringMatching(/^\/[!-~]{0,30}$/),
)

test('any headers, targets and paths are answered', async (t) => {
  const method = fc.constantFrom(
    'POST',
    'POST',
    'POST',
    'GET',
    'PUT',
    'HEAD',
    'OPTIONS',
    'PATCH',
    'TRACE',
    'DELETE',
  )
  const header = fc.tuple(
    fc.oneof(fc.constantFrom(...names), fc.stringMatching(/^[a-z-]{1,10}$/)),
    value,
  )
  await fuzz(t, 'headers and targets', {
    arbitrary: fc.record({
      method,
      path,
      headers: fc.array(header, { maxLength: 8 }),
      body: fc.string(),
    }),
    bytesOf: () => 1000,
    async check({ headers, ...request }) {
      const { status, text } = await sendBytes(
        port,
        requestBytes(request, [['host', 'x'], ...headers]),
      )
      ok((status >= 400 && status < 500) || status === 0, text)
    },
  })
})

const pieces = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  '"a"',
  'null',
  'true',
  '1e400',
  '-0',
  '1E-400',
  '"__proto__"',
  '"nextToken"',
  '"maxResults"',
  '"name"',
  '\ufeff',
  ' ',
  '\n',
  '0'.repeat(50),
  '9'.repeat(400),
  '{"a":'.repeat(30),
  '['.repeat(65),
]
const document: fc.Arbitrary<Body> = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 20 }).map((parts) => parts.join('')),
  fc.json({ maxDepth: 5 }),
  fc
    .dictionary(
      fc.constantFrom(
        'name',
        'nextToken',
        'maxResults',
        'tags',
        'schema',
        'solutionConfig',
        '__proto__',
      ),
      fc.jsonValue(),
    )
    .map((each) => JSON.stringify(each)),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => new Uint8Array(bytes)),
)

test('any body of a signed request is answered', async (t) => {
  const inJson = operations.filter(({ model }) => model.metadata.targetPrefix)
  const names = inJson.map(({ name }) => name)
  await fuzz(t, 'JSON documents', {
    arbitrary: fc.tuple(fc.constantFrom(...names), document),
    bytesOf: ([, body]) => body.length,
    async check([name, body]) {
      const request = wanted(operationOf(name), body)
      const headers = Object.entries(await signed(url, request))
      const said = await sendBytes(port, requestBytes({ method: 'POST', path: '/', body }, headers))
      const refused = said.status === 400 || said.code === 'UnsupportedOperationException'
      ok(said.status === 200 || refused, `${name} ${said.text}`)
    },
  })
})

/** A request as bytes with some of them changed, taken out, put in or doubled. */
const brokenBytes = (whole: Buffer) =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom('change', 'cut', 'put', 'double', 'end'),
        fc.nat(),
        fc.nat(255),
        fc.nat(40),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) =>
      edits.reduce((bytes, [edit, place, byte, length]) => {
        const at = place % Math.max(1, bytes.length)
        const [left, right] = [bytes.subarray(0, at), bytes.subarray(at)]
        if (edit === 'end') return left
        if (edit === 'cut') return Buffer.concat([left, right.subarray(length)])
        if (edit === 'double') return Buffer.concat([left, right.subarray(0, length), right])
        return Buffer.concat([left, Buffer.of(byte), right.subarray(edit === 'put' ? 0 : 1)])
      }, whole),
    )

test('any bytes are answered, or their connection is closed', async (t) => {
  const body = '{"maxResults": 3}'
  const headers = Object.entries(await signed(url, { target: 'ListSchemas', body }))
  const whole = requestBytes({ method: 'POST', path: '/', body }, headers)
  equal((await sendBytes(port, whole)).status, 200)
  await fuzz(t, 'bytes for the HTTP door', {
    arbitrary: fc.oneof(
      { weight: 6, arbitrary: brokenBytes(whole) },
      {
        weight: 1,
        arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      },
    ),
    bytesOf: (bytes) => bytes.length,
    async check(bytes) {
      const { status, text } = await sendBytes(port, bytes)
      ok(status < 500, text)
    },
  })
})

test('the server is up, and what was there is there', async () => {
  const { schemas = [] } = await personalize.listSchemas({})
  ok(schemas.length >= Object.keys(schemaTexts).length)
  await ctx.db.ping()
})
