/** Who has not signed a request does not get in, and who has does, whatever signed it. Spec A.8. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { readClaim } from '../../src/wire/claim.ts'
import { requestOf } from '../../src/wire/request.ts'
import { signatureOf } from '../../src/wire/signature.ts'
import { wireServer } from '../wireServer.ts'
import { fuzz } from './fuzz.ts'
import { requestBytes, sendBytes } from './raw.ts'
import { type Plain, signers } from './signers.ts'

type Vector = { name: string; normalize: boolean; signed: string }
const vectors: Vector[] = JSON.parse(
  await readFile(new URL('./signatureVectors.json', import.meta.url), 'utf8'),
)
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

/** HTTP/1.1 has no folded headers, and in a path or query neither blanks nor what is not ASCII. */
const noHttp = [
  'get-header-value-multiline',
  'get-space-normalized',
  'get-space-unnormalized',
  'get-utf8',
  'get-vanilla-utf8-query',
]

test('the signatures of the vectors that AWS has published are computed the same', async (t) => {
  const found = new Map<string, [claimed: string, computed: string | undefined]>()
  let name = ''
  const server = createServer(async (message, response) => {
    const body = Buffer.concat(await message.toArray())
    const request = requestOf('id', message, body)
    const claim = readClaim(request)
    found.set(name, [claim.signature, await signatureOf(claim, secret, request)])
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const vector of vectors) {
    name = vector.name
    const [head = '', body = ''] = vector.signed.split('\n\n')
    const [line, ...headers] = head.split('\n')
    const lines = [line, ...headers, 'Connection:close']
    const { status } = await sendBytes(port, Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`))
    equal(status, noHttp.includes(name) ? 400 : 200, name)
  }
  equal(found.size, vectors.length - noHttp.length)
  for (const { name, normalize } of vectors.filter((each) => found.has(each.name))) {
    const [claimed, computed] = found.get(name)!
    // Only S3 signs paths as they are.
    equal(claimed === computed, normalize, name)
  }
  t.diagnostic(`vectors: ${found.size} of ${vectors.length}, the others are no HTTP/1.1`)
})

/** What answers a request that was not proven, and what answers one that was. */
const refused =
  /^(MissingAuthenticationToken|IncompleteSignature|UnrecognizedClient|InvalidSignature)Exception$/
const proven = /^(UnsupportedOperation|InvalidInput|AccessDenied)Exception$/

const targets = ['ListCampaigns', 'ListEventTrackers', 'ListRecommenders', 'ListMetricAttributions']
const word = fc.string({ unit: 'grapheme', maxLength: 12 })
const visible = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
const name = fc.stringMatching(/^x-[a-z0-9-]{1,12}$/)
const more = fc.dictionary(name, visible, { maxKeys: 4, noNullPrototype: true })
const body = fc
  .dictionary(word, word, { maxKeys: 5, noNullPrototype: true })
  .map((each) => JSON.stringify(each))
const awsJson = fc.record({
  method: fc.constant('POST'),
  path: fc.constant('/'),
  headers: fc.tuple(fc.constantFrom(...targets), more).map(([target, others]) => ({
    ...others,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `AmazonPersonalize.${target}`,
  })),
  body,
})
const query = fc
  .array(fc.tuple(word.filter(Boolean), word), { maxLength: 3 })
  .map((pairs) => pairs.map((pair) => pair.map(encoded).join('=')).join('&'))
const encoded = (text: string) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
const restJson = fc.record({
  method: fc.constant('POST'),
  path: query.map((text) => `/recommendations${text && `?${text}`}`),
  headers: more.map((others) => ({ ...others, 'content-type': 'application/json' })),
  body,
})
const plain: fc.Arbitrary<Plain> = fc.oneof(awsJson, restJson)
const seed = Number(process.env.FUZZ_SEED ?? 1)

for (const [signer, sign] of Object.entries(signers))
  test(`requests that ${signer} has signed get in`, async (t) => {
    const { port, url } = await wireServer(t)
    const requests = await sign(url, fc.sample(plain, { seed, numRuns: 300 }))
    for (const request of requests) {
      const said = await sendBytes(port, requestBytes(request, Object.entries(request.headers)))
      match(said.code ?? said.text, proven, `${JSON.stringify(request)}\n${said.text}`)
    }
    t.diagnostic(`requests signed by ${signer}: ${requests.length} inputs`)
  })

/** What is changed about a signed request: `at` and `to` choose where and to what. */
type Change = { what: keyof typeof changes; at: number; to: number }
type Wire = Omit<Plain, 'headers'> & { headers: [name: string, value: string][] }

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** The text with one character become another letter or digit; a blank stays one. */
function altered(text: string, { at, to }: Change): string {
  const signs = [...text]
  const places = signs.flatMap((sign, n) => (sign.trim() === '' ? [] : [n]))
  const place = places[at % places.length]
  if (place === undefined) return `${text}x`
  const old = signs[place]!.toLowerCase()
  const others = [...letters].filter((letter) => letter !== old)
  return signs.with(place, others[to % others.length]!).join('')
}

const authorization = (request: Wire, change: (value: string) => string): Wire => ({
  ...request,
  headers: request.headers.map(([name, value]) =>
    /^authorization$/i.test(name) ? [name, change(value)] : [name, value],
  ),
})
const part = (name: string) => (request: Wire, change: Change) =>
  authorization(request, (value) =>
    value.replace(new RegExp(`(?<=${name}=)[^, ]+`), (text) => altered(text, change)),
  )

/** Numbers of the headers that are signed. */
function signedOnes({ headers }: Wire): number[] {
  const value = headers.find(([name]) => /^authorization$/i.test(name))![1]
  const names = /SignedHeaders=([^, ]+)/.exec(value)![1]!.split(';')
  const isSent = (name: string) => !['content-length', 'connection'].includes(name)
  return headers.flatMap(([name], n) => {
    const low = name.toLowerCase()
    return names.includes(low) && isSent(low) ? [n] : []
  })
}
const signedOne = (request: Wire, { at }: Change) => {
  const places = signedOnes(request)
  return places[at % places.length]!
}

const changes = {
  method: (request: Wire, { to }: Change) => ({
    ...request,
    method: ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'][to % 5]!,
  }),
  path: (request: Wire, change: Change) => ({
    ...request,
    path: `/${altered(request.path.slice(1), change)}`,
  }),
  query: (request: Wire, { to }: Change) => ({
    ...request,
    path: `${request.path}${request.path.includes('?') ? '&' : '?'}q=${to}`,
  }),
  'signature in the query': (request: Wire, { to }: Change) => ({
    ...request,
    path: `${request.path}${request.path.includes('?') ? '&' : '?'}X-Amz-Signature=${to}`,
  }),
  'no query': (request: Wire, change: Change) =>
    request.path.includes('?')
      ? { ...request, path: request.path.split('?')[0]! }
      : changes.query(request, change),
  body: (request: Wire, change: Change) => ({ ...request, body: altered(request.body, change) }),
  'longer body': (request: Wire, { to }: Change) => ({
    ...request,
    body: request.body + ' '.repeat(1 + (to % 9)),
  }),
  'shorter body': (request: Wire, { at }: Change) => ({
    ...request,
    body: request.body.slice(0, at % request.body.length),
  }),
  header: (request: Wire, change: Change) => {
    const place = signedOne(request, change)
    const [name, value] = request.headers[place]!
    return {
      ...request,
      headers: request.headers.with(place, [name, altered(value, { ...change, at: change.to })]),
    }
  },
  'no header': (request: Wire, change: Change) => ({
    ...request,
    headers: request.headers.toSpliced(signedOne(request, change), 1),
  }),
  'header twice': (request: Wire, change: Change) => ({
    ...request,
    headers: [...request.headers, request.headers[signedOne(request, change)]!],
  }),
  'another header signed': (request: Wire, { to }: Change) =>
    authorization(request, (value) =>
      value.replace(/(?<=SignedHeaders=[^, ]+)(?=,|$)/, `;x-zz${to}`),
    ),
  'a header less signed': (request: Wire, { at }: Change) =>
    authorization(request, (value) =>
      value.replace(/(?<=SignedHeaders=)[^, ]+/, (names) => {
        const all = names.split(';')
        return all.toSpliced(at % all.length, 1).join(';')
      }),
    ),
  signature: part('Signature'),
  credential: part('Credential'),
  'signed headers': part('SignedHeaders'),
  'scope with less of its date': (request: Wire, { at }: Change) =>
    authorization(request, (value) =>
      value.replace(/(?<=Credential=[^/]+\/)\d+/, (date) => date.slice(0, 1 + (at % 7))),
    ),
  'authorization twice': (request: Wire) => ({
    ...request,
    headers: request.headers.flatMap((each) =>
      /^authorization$/i.test(each[0]) ? [each, each] : [each],
    ),
  }),
  'no authorization': (request: Wire) => ({
    ...request,
    headers: request.headers.filter(([name]) => !/^authorization$/i.test(name)),
  }),
}

test('no request that was changed after it was signed gets in', async (t) => {
  const { port, url } = await wireServer(t)
  const plains = fc.sample(plain, { seed, numRuns: 100 })
  const signed = (await Promise.all(Object.values(signers).map((sign) => sign(url, plains)))).flat()
  const wires: Wire[] = signed.map((each) => ({ ...each, headers: Object.entries(each.headers) }))
  const seen = new Map<string, number>()
  await fuzz(t, 'mutations of signed requests', {
    arbitrary: fc.record({
      request: fc.constantFrom(...wires),
      change: fc.record({
        what: fc.constantFrom(...(Object.keys(changes) as (keyof typeof changes)[])),
        at: fc.nat(),
        to: fc.nat(),
      }),
    }),
    bytesOf: () => 1000,
    async check({ request, change }) {
      const changed = changes[change.what](request, change) as Wire
      const said = await sendBytes(port, requestBytes(changed, changed.headers))
      const code = said.code ?? `HTTP ${said.status}`
      seen.set(code, (seen.get(code) ?? 0) + 1)
      const isRefused =
        refused.test(code) || code === 'UnknownOperationException' || code === 'HTTP 400'
      ok(isRefused, `${JSON.stringify(changed)}\n${said.text}`)
    },
  })
  t.diagnostic([...seen].map(([code, count]) => `${code} ${count}`).join(', '))
  deepEqual(
    [...seen.keys()].filter((code) => proven.test(code)),
    [],
  )
})
