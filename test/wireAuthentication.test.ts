import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Personalize } from '@aws-sdk/client-personalize'
import { requestBytes, sendBytes } from './fuzz/raw.ts'
import { type Body, send, signed, type Wanted, wireServer, withOperation } from './wireServer.ts'

const now = new Date('2026-11-23T10:30:00Z')
const target = 'ListRecipes'
const mismatch = /^The request signature we calculated does not match the signature you provided\./

test('a signature with few headers and no body hash passes, as boto3 signs', async (t) => {
  const { url } = await wireServer(t)
  withOperation(t, target, async () => ({ recipes: [] }))
  const { status } = await send(url, { target }, ({ headers }) => {
    equal(headers['x-amz-content-sha256'], undefined)
    match(headers.authorization ?? '', /SignedHeaders=content-type;host;x-amz-date;x-amz-target,/)
  })
  equal(status, 200)
})

test('a header that is sent twice is signed as its values with a comma between them', async (t) => {
  const { url, port } = await wireServer(t)
  withOperation(t, target, async () => ({ recipes: [] }))
  const headers = await signed(url, { target, headers: { 'x-more': 'b,a' } })
  const lines = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value.split(name === 'x-more' ? ',' : '\n').map((each) => [name, each]),
  )
  const request = { method: 'POST', path: '/', body: '{}' }
  equal((await sendBytes(port, requestBytes(request, lines))).status, 200)
  const swapped = lines.toSorted(([a, b], [c, d]) => (a === c ? b.localeCompare(d) : 0))
  equal((await sendBytes(port, requestBytes(request, swapped))).code, 'InvalidSignatureException')
})

test('whatever the content type is, the body is read', async (t) => {
  const { url } = await wireServer(t)
  withOperation(t, target, async () => ({ recipes: [] }))
  withOperation(t, 'GetRecommendations', async () => ({}))
  for (const type of ['x', 'application', 'text/plain; charset', ' ', '/', 'a/b, c/d'])
    for (const wanted of [{ target }, { path: '/recommendations' }])
      equal((await send(url, { ...wanted, headers: { 'content-type': type } })).status, 200, type)
})

test('a body hash that is sent must be the hash of the body, signed or not', async (t) => {
  const { url } = await wireServer(t)
  withOperation(t, target, async () => ({ recipes: [] }))
  const right = createHash('sha256').update('{}').digest('hex')
  const wrong = createHash('sha256').update('[]').digest('hex')
  for (const [hash, status] of [
    [right, 200],
    [wrong, 400],
    ['UNSIGNED-PAYLOAD', 400],
  ] as const) {
    const headers = { 'x-amz-content-sha256': hash }
    equal((await send(url, { target, headers })).status, status, hash)
    const unsigned = await send(url, { target }, (request) =>
      Object.assign(request.headers, headers),
    )
    equal(unsigned.status, status, hash)
  }
})

test('what is not proven is refused with the code and text of AWS', async (t) => {
  const { url } = await wireServer(t, { now: () => now })
  withOperation(t, target, async () => ({ recipes: [] }))
  const header = (name: string, value: string | undefined) => (request: Tampered) => {
    if (value === undefined) delete request.headers[name]
    else request.headers[name] = value
  }
  const authorization = (from: RegExp, to: string) => (request: Tampered) => {
    request.headers.authorization = request.headers.authorization!.replace(from, to)
  }
  const at = (text: string): Wanted => ({ signingDate: new Date(text) })
  const cases: [string, RegExp, Wanted, ((request: Tampered) => void)?][] = [
    ['MissingAuthenticationToken', /^Missing Auth/, {}, header('authorization', undefined)],
    ['MissingAuthenticationToken', /^Missing Auth/, {}, header('authorization', 'Bearer x')],
    ['IncompleteSignature', /AWS4-HMAC-SHA256/, {}, authorization(/SHA256/, 'MD5')],
    [
      'IncompleteSignature',
      /requires 'Credential' parameter/,
      {},
      authorization(/Credential=[^,]*, /, ''),
    ],
    [
      'IncompleteSignature',
      /requires 'SignedHeaders' p/,
      {},
      authorization(/SignedHeaders=[^,]*, /, ''),
    ],
    [
      'IncompleteSignature',
      /requires 'Signature' parameter/,
      {},
      authorization(/, Signature=.*/, ''),
    ],
    [
      'IncompleteSignature',
      /not a valid key=value pair/,
      {},
      authorization(/Signature=/, 'Signature'),
    ],
    ['IncompleteSignature', /exactly 5 slash-delimited/, {}, authorization(/\/aws4_request/, '')],
    ['IncompleteSignature', /'X-Amz-Date'/, {}, header('x-amz-date', undefined)],
    ['IncompleteSignature', /ISO-8601/, {}, header('x-amz-date', '20261399T103000Z')],
    ['IncompleteSignature', /ISO-8601/, {}, header('x-amz-date', '20260230T103000Z')],
    ['IncompleteSignature', /ISO-8601/, {}, header('x-amz-date', '20261122T240000Z')],
    [
      'UnrecognizedClient',
      /^The security token included in the request is inv/,
      { accessKeyId: 'who' },
    ],
    ['UnrecognizedClient', /^The security token/, { accessKeyId: '__proto__' }],
    ['InvalidSignature', mismatch, { secretAccessKey: 'tset' }],
    [
      'InvalidSignature',
      /^Credential should be scoped to a valid Region, not 'xx'\. $/,
      { region: 'xx' },
    ],
    [
      'InvalidSignature',
      /^Credential should be scoped to correct service: 'personalize'\. $/,
      { service: 's3' },
    ],
    [
      'InvalidSignature',
      /valid terminator: 'aws4_request', not 'x'/,
      {},
      authorization(/aws4_request/, 'x'),
    ],
    [
      'InvalidSignature',
      /^Date in Credential scope does not match/,
      {},
      authorization(/test\/2026/, 'test/2025'),
    ],
    [
      'InvalidSignature',
      /^Date in Credential scope does not match YYYYMMDD .*: '2026' != '20261123'/,
      {},
      authorization(/test\/20261123/, 'test/2026'),
    ],
    [
      'InvalidSignature',
      /^Signature expired: 20261123T101459Z is now earlier than 20261123T101500Z \(20261123T103000Z - 15 min\.\)$/,
      at('2026-11-23T10:14:59Z'),
    ],
    [
      'InvalidSignature',
      /^Signature not yet current: 20261123T104501Z is still later than 20261123T104500Z \(20261123T103000Z \+ 15 min\.\)$/,
      at('2026-11-23T10:45:01Z'),
    ],
    ['InvalidSignature', mismatch, {}, (request) => Object.assign(request, { body: '{ }' })],
    ['InvalidSignature', mismatch, {}, header('content-type', 'text/plain')],
    ['InvalidSignature', mismatch, {}, header('x-amz-target', 'AmazonPersonalize.ListSchemas')],
    ['InvalidSignature', mismatch, {}, authorization(/Signature=.*/, 'Signature=00')],
    [
      'InvalidSignature',
      /'x-amz-target' must be a 'SignedHeader'/,
      {},
      authorization(/;x-amz-target/, ''),
    ],
    ['InvalidSignature', /'host' must be a 'SignedHeader'/, {}, authorization(/host;/, '')],
    [
      'InvalidSignature',
      /^The 'SignedHeader' 'x-none' is not among the headers\.$/,
      {},
      authorization(/x-amz-target/, 'x-amz-target;x-none'),
    ],
  ]
  for (const [code, message, wanted, tamper] of cases) {
    const json = await send(url, { target, signingDate: now, ...wanted }, tamper)
    equal(json.code, `${code}Exception`, `${message} ${json.message}`)
    equal(json.status, 400)
    equal(json.headers.get('x-amzn-errortype'), json.code)
    match(json.message ?? '', message)
  }
  for (const edge of ['2026-11-23T10:15:00Z', '2026-11-23T10:45:00Z'])
    equal((await send(url, { target, ...at(edge) })).status, 200, edge)
})
type Tampered = { headers: Record<string, string>; body: Body }

test('REST services answer 403 to what is not proven, and sign as personalize too', async (t) => {
  const { url } = await wireServer(t)
  withOperation(t, 'GetRecommendations', async () => ({}))
  const path = '/recommendations'
  equal((await send(url, { path })).status, 200)
  const refused = await send(url, { path, secretAccessKey: 'tset' })
  deepEqual([refused.status, refused.code], [403, 'InvalidSignatureException'])
  const service = await send(url, { path, service: 'personalize-runtime' })
  match(service.message ?? '', /correct service: 'personalize'/)
})

test('a presigned query is refused plainly', async (t) => {
  const { url } = await wireServer(t)
  const path = '/recommendations?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00'
  const { code, message, status } = await send(url, { path }, ({ headers }) => {
    delete headers.authorization
  })
  deepEqual([status, code], [403, 'MissingAuthenticationTokenException'])
  match(message ?? '', /not the query/)
})

test('a query that is sent is part of what is signed', async (t) => {
  const { url } = await wireServer(t)
  withOperation(t, 'GetRecommendations', async () => ({}))
  const path = '/recommendations?b=2&a=%C3%A9%20x'
  equal((await send(url, { path })).status, 200)
  equal((await send(`${url}/recommendations?a=1`, { path })).status, 403)
})

test('what is added to a signed request is refused: a signature in the query, another Authorization', async (t) => {
  const { url, port } = await wireServer(t)
  withOperation(t, target, async () => ({ recipes: [] }))
  const lines = Object.entries(await signed(url, { target }))
  const ask = (path: string, more: [string, string][] = []) =>
    sendBytes(port, requestBytes({ method: 'POST', path, body: '{}' }, [...lines, ...more]))
  equal((await ask('/')).status, 200)
  for (const name of ['X-Amz-Signature', 'x-amz-signaturE', 'X-Amz%2DSignature']) {
    const { code, message } = await ask(`/?${name}=00`)
    equal(code, 'InvalidSignatureException', name)
    match(message ?? '', mismatch)
  }
  for (const value of [lines.find(([name]) => name === 'authorization')![1], 'a=b', '']) {
    const { code, message } = await ask('/', [['Authorization', value]])
    equal(code, 'IncompleteSignatureException', value)
    equal(message, 'There is more than one Authorization header; send one.')
  }
})

test('the SDK names the error of a wrong secret and of an unknown key', async (t) => {
  const { client } = await wireServer(t)
  for (const [accessKeyId, name] of [
    ['test', 'InvalidSignatureException'],
    ['nobody', 'UnrecognizedClientException'],
  ]) {
    const credentials = { accessKeyId: accessKeyId!, secretAccessKey: 'wrong' }
    const error = await new Personalize({ ...client, credentials })
      .listRecipes()
      .catch((caught) => caught)
    equal(error.name, name)
    ok(error.$metadata.requestId)
  }
})

test('an operation runs only after the signature is proven', async (t) => {
  const { url } = await wireServer(t)
  let runs = 0
  withOperation(t, target, async () => {
    runs++
    return { recipes: [] }
  })
  await send(url, { target, secretAccessKey: 'x', body: '{"maxResults":0}' })
  equal(runs, 0)
})

test('a key of a session counts with its token, signed, until it expires; other keys need none', async (t) => {
  const credentials = fileURLToPath(new URL('./session.yaml', import.meta.url))
  let clock = new Date('2026-11-24T10:29:59Z')
  const { url } = await wireServer(t, { now: () => clock, settings: { credentials } })
  withOperation(t, target, async () => ({ recipes: [] }))
  const ask = async (wanted: Wanted, tamper?: (request: Tampered) => void) => {
    const answer = await send(url, { target, signingDate: clock, ...wanted }, tamper)
    return [answer.status, answer.code, answer.message]
  }
  const session = { accessKeyId: 'SESSION', secretAccessKey: 'a' }
  const invalid = 'The security token included in the request is invalid.'
  const unknown = [400, 'UnrecognizedClientException', invalid]
  const passes = [200, undefined, undefined]
  deepEqual(await ask({ ...session, sessionToken: 'token/+==' }), passes)
  deepEqual(await ask(session), unknown)
  deepEqual(await ask({ ...session, sessionToken: 'token/+=' }), unknown)
  deepEqual(
    await ask(session, ({ headers }) =>
      Object.assign(headers, { 'x-amz-security-token': 'token/+==' }),
    ),
    unknown,
  )
  deepEqual(await ask({ accessKeyId: 'LONG', secretAccessKey: 'b' }), passes)
  deepEqual(await ask({ accessKeyId: 'LONG', secretAccessKey: 'b', sessionToken: 'x' }), passes)
  clock = new Date('2026-11-24T10:30:00Z')
  const expired = 'The security token included in the request is expired'
  deepEqual(await ask({ ...session, sessionToken: 'token/+==' }), [
    400,
    'ExpiredTokenException',
    expired,
  ])
  deepEqual(await ask({ ...session, sessionToken: 'other' }), unknown)
  deepEqual(await ask({ accessKeyId: 'LONG', secretAccessKey: 'b' }), passes)
  const rest = await send(url, {
    path: '/recommendations',
    signingDate: clock,
    ...session,
    sessionToken: 'token/+==',
  })
  deepEqual([rest.status, rest.code], [403, 'ExpiredTokenException'])
})
