/** What one client may take is limited, by settings, and others notice nothing. Spec J.4. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Personalize } from '@aws-sdk/client-personalize'
import { wireLimits } from '../src/limits.ts'
import { openMetrics } from '../src/metrics.ts'
import { exchange, send, signed, wireServer, withOperation } from './wireServer.ts'

const target = 'ListRecipes'
const path = '/recommendations'

function withAnswers(t: TestContext) {
  withOperation(t, target, async () => ({ recipes: [] }))
  withOperation(t, 'GetRecommendations', async () => ({}))
}

test('a key that asks too often in a second is throttled, the other keys are not', async (t) => {
  const credentials = fileURLToPath(new URL('./session.yaml', import.meta.url))
  const now = () => new Date('2026-11-24T10:29:59Z')
  const { url } = await wireServer(t, { now, settings: { credentials, requestsPerSecond: 3 } })
  withAnswers(t)
  const key = (accessKeyId: string, secretAccessKey: string) => ({
    ...{ accessKeyId, secretAccessKey, signingDate: now() },
  })
  const long = key('LONG', 'b')
  const answers = await Promise.all(Array.from({ length: 8 }, () => send(url, { target, ...long })))
  const throttled = answers.filter(({ status }) => status !== 200)
  equal(throttled.length, 5)
  for (const { status, code, message, headers } of throttled) {
    deepEqual([status, code, message], [400, 'ThrottlingException', 'Rate exceeded'])
    equal(headers.get('x-amzn-errortype'), 'ThrottlingException')
  }
  const rest = await send(url, { path, ...long })
  deepEqual([rest.status, rest.code], [429, 'ThrottlingException'])
  const wrong = await send(url, { target, ...long, secretAccessKey: 'x' })
  equal(wrong.code, 'InvalidSignatureException')
  const other = { ...key('SESSION', 'a'), sessionToken: 'token/+==' }
  equal((await send(url, { target, ...other })).status, 200)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  equal((await send(url, { target, ...long })).status, 200)
})

test('the SDK asks again after it was throttled', async (t) => {
  const { client } = await wireServer(t, { settings: { requestsPerSecond: 1 } })
  withAnswers(t)
  const personalize = new Personalize({ ...client, maxAttempts: 6 })
  const answers = await Promise.all([1, 2].map(() => personalize.listRecipes({})))
  const attempts = answers.map(({ $metadata }) => $metadata.attempts ?? 0)
  ok(Math.max(...attempts) > 1, String(attempts))
})

test('a connection more than the limit is closed, and one that ends makes room', async (t) => {
  const { port } = await wireServer(t, { settings: { connections: 2 } })
  const open = async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }
  const first = await open()
  const second = await open()
  const isOpen = async (socket: Socket) => {
    socket.write('GET /coffee HTTP/1.1\r\nHost: x\r\n\r\n')
    const [said] = await Promise.race([
      once(socket, 'data'),
      once(socket, 'close').then(() => ['']),
      once(socket, 'error').then(() => ['']),
    ])
    return String(said).startsWith('HTTP/1.1 404')
  }
  ok(await isOpen(first))
  ok(!(await isOpen(await open())))
  first.destroy()
  await once(first, 'close')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const third = await open()
  ok((await isOpen(second)) && (await isOpen(third)))
  for (const socket of [second, third]) socket.destroy()
})

test('bodies and headers that are larger than the settings are refused', async (t) => {
  const { url, port } = await wireServer(t, { settings: { requestBytes: 2000, headerBytes: 1024 } })
  withAnswers(t)
  const body = JSON.stringify({ more: 'x'.repeat(1500) })
  equal((await send(url, { target, body })).status, 200)
  const large = await send(url, { target, body: body + body })
  equal(large.code, 'RequestEntityTooLargeException')
  equal(large.message, 'The request body is larger than 2000 bytes.')
  const headers = `GET / HTTP/1.1\r\nHost: x\r\nx-a: ${'a'.repeat(1024)}\r\n\r\n`
  match(await exchange(port, headers, () => false), /^HTTP\/1\.1 431/)
})

/** The headers of a request; its body is to follow. */
const head = (headers: Record<string, string>) =>
  `POST / HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`

test('no body is read but with a known key; then the connection can be used again', async (t) => {
  const { url, port } = await wireServer(t)
  withAnswers(t)
  const body = `{"more":"${'x'.repeat(1e6)}"}`
  const length = { 'content-length': `${body.length}` }
  const good = await signed(url, { target, body })
  const unknown = await signed(url, { target, body, accessKeyId: 'who' })
  for (const [headers, code] of [
    [{ host: 'x' }, 'UnknownOperationException'],
    [{ host: 'x', 'x-amz-target': good['x-amz-target']! }, 'MissingAuthenticationTokenException'],
    [unknown, 'UnrecognizedClientException'],
  ] as const) {
    const socket = connect(port, '127.0.0.1', () => socket.write(head({ ...headers, ...length })))
    const [refusal] = await once(socket.setEncoding('utf8'), 'data')
    match(refusal, /^HTTP\/1\.1 40/)
    match(refusal, new RegExp(`"__type":"${code}"`))
    socket.write(body + head({ ...good, ...length }) + body)
    const [answer] = await once(socket, 'data')
    match(answer, /^HTTP\/1\.1 200 /)
    socket.destroy()
  }
})

test('bodies that are held at once are bounded together, whatever became of their connections', async (t) => {
  const { url, port } = await wireServer(t, { settings: { requestBytes: 2000 } })
  withAnswers(t)
  const headers = await signed(url, { target })
  const hold = (more: Record<string, string>) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head({ ...headers, ...more })))
    return socket.on('error', () => undefined)
  }
  for (const more of [{ 'content-length': '2000' }, { 'transfer-encoding': 'chunked' }]) {
    const sockets = Array.from({ length: wireLimits.bodiesMax }, () => hold(more))
    const answers = async (wanted: string) => {
      for (let tries = 0; ; tries++) {
        const { code = 'OK' } = await send(url, { target })
        if (code === wanted) return
        ok(tries < 100, 'within 10 s')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    await answers('ServiceUnavailable')
    const rest = await send(url, { path })
    deepEqual([rest.status, rest.message], [503, 'The server is overloaded; try again.'])
    for (const socket of sockets) socket.destroy()
    await answers('OK')
  }
  // Those that were answered are not counted any more either.
  for (let times = 0; times < 3 * wireLimits.bodiesMax; times++)
    equal((await send(url, { target, body: `{"more":"${'x'.repeat(1900)}"}` })).status, 200)
})

test('headers or a request that do not come in time end their connection', async (t) => {
  const settings = { headerSeconds: 1, requestSeconds: 2 }
  const { url, port } = await wireServer(t, { settings })
  const headers = { ...(await signed(url, { target })), 'content-length': '9' }
  const slow = ['', 'POST / HTTP/1.1\r\nHost: x\r\n', `${head(headers)}{`]
  const said = await Promise.all(slow.map((bytes) => exchange(port, bytes, () => false)))
  for (const text of said) match(text, /^HTTP\/1\.1 408/)
})

test('what Node refuses by itself is counted and told, without what was sent', async (t) => {
  const models = () => ({ open: 0, found: 0, read: 0 })
  const metrics = openMetrics({ jobs: async () => [], models })
  const settings = { headerSeconds: 1, headerBytes: 1024, connections: 5 }
  const { port, logged } = await wireServer(t, { settings, metrics })
  const sent = [
    ['headers', 431, `GET / HTTP/1.1\r\nHost: x\r\nx-a: ${'secret'.repeat(200)}\r\n\r\n`],
    ['malformed', 400, 'secret\r\n\r\n'],
    ['malformed', 400, 'POST / HTTP/1.1\r\nHost: secret\r\ncontent-length: x\r\n\r\n'],
    ['time', 408, 'GET /secret HTTP/1.1\r\n'],
    [
      'expectation',
      417,
      'GET / HTTP/1.1\r\nHost: x\r\nExpect: secret\r\nConnection: close\r\n\r\n',
    ],
  ] as const
  for (const [reason, status, bytes] of sent)
    match(await exchange(port, bytes, () => false), new RegExp(`^HTTP/1\\.1 ${status}`), reason)
  const sockets = Array.from({ length: 6 }, () => connect(port, '127.0.0.1'))
  await Promise.race(sockets.map((socket) => once(socket, 'close')))
  for (const socket of sockets) socket.destroy()
  const reasons = [...sent.map(([reason]) => reason), 'connections']
  deepEqual(
    logged
      .map((line) => JSON.parse(line))
      .map(({ msg, reason, sourceIp }) => [msg, reason, sourceIp]),
    reasons.map((reason) => ['refused', reason, '127.0.0.1']),
  )
  const text = await metrics.text()
  for (const reason of reasons)
    match(
      text,
      new RegExp(`refusals_total\\{reason="${reason}"\\} ${reason === 'malformed' ? 2 : 1}\n`),
    )
  ok(!(text + logged.join()).includes('secret'))
})
