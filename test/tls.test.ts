/** With a certificate the API is HTTPS and nothing else; a renewed one counts without a restart. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { readTls } from '../src/wire/tls.ts'
import { signed, wireServer, withOperation } from './wireServer.ts'

// Made for these tests: keys that everybody has, certificates for 127.0.0.1 that nobody trusts.
const file = (name: string) => fileURLToPath(new URL(`./tls/${name}`, import.meta.url))

/** Copies of the first pair, and a server that uses them. */
async function tlsServer(t: TestContext, extra: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-tls-'))
  t.after(() => rm(folder, { recursive: true }))
  const tlsCertificate = join(folder, 'server.pem')
  const tlsKey = join(folder, 'server.key')
  const install = async (name: string) => {
    await copyFile(file(`${name}.key`), tlsKey)
    await copyFile(file(`${name}.pem`), tlsCertificate)
  }
  await install('first')
  const settings = { tlsCertificate, tlsKey, ...extra }
  return { ...(await wireServer(t, { settings })), install, tlsCertificate }
}

/** Asks over a connection of its own, which trusts one certificate; who answered, and with what. */
async function ask(url: string, trusted: string) {
  const headers = await signed(url, { target: 'ListRecipes' })
  const options = { method: 'POST', headers, ca: await readFile(file(trusted)), agent: false }
  return new Promise<{ name: unknown; status: unknown; body: string }>((resolve, reject) => {
    const asked = request(url, options, async (response) => {
      const { CN: name } = (response.socket as TLSSocket).getPeerCertificate().subject
      let body = ''
      for await (const part of response) body += part
      resolve({ name, status: response.statusCode, body })
    })
    asked.on('error', reject).end('{}')
  })
}

test('requests are answered over TLS, to whom trusts the certificate', async (t) => {
  const { url, logged } = await tlsServer(t)
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
  deepEqual(await ask(url, 'first.pem'), { name: 'first', status: 200, body: '{"recipes":[]}' })
  await rejects(ask(url, 'second.pem'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await rejects(fetch(url.replace('https', 'http')))
  deepEqual(logged, [])
})

test('a renewed certificate counts for new connections; one that does not fit its key does not', async (t) => {
  const { url, install, tlsCertificate, logged } = await tlsServer(t)
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  await writeFile(tlsCertificate, await readFile(file('second.pem')))
  for (let tries = 0; logged.length === 0; tries++) {
    ok(tries < 100, 'within 10 s')
    await sleep(100)
  }
  match(logged[0]!, /cannot be used: .*What was read before stays in use\./)
  equal((await ask(url, 'first.pem')).name, 'first')
  await install('second')
  for (let tries = 0; ; tries++) {
    const answered = await ask(url, 'second.pem').catch(() => undefined)
    if (answered) {
      equal(answered.name, 'second')
      break
    }
    ok(tries < 100, 'within 10 s')
    await sleep(100)
  }
})

test('policies see that the connection is secure', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-tls-'))
  t.after(() => rm(folder, { recursive: true }))
  const credentials = join(folder, 'keys.json')
  const statement = { Effect: 'Allow', Action: '*', Resource: '*' }
  const Condition = { Bool: { 'aws:SecureTransport': true } }
  const policies = [{ Statement: { ...statement, Condition } }]
  const accessKeys = [{ accessKeyId: 'test', secretAccessKey: 'test', policies }]
  await writeFile(credentials, JSON.stringify({ accessKeys }))
  const { url } = await tlsServer(t, { credentials })
  withOperation(t, 'ListRecipes', async () => ({ recipes: [] }))
  equal((await ask(url, 'first.pem')).status, 200)
})

test('a handshake that does not come in time ends its connection', async (t) => {
  const { port } = await tlsServer(t, { headerSeconds: 1 })
  const began = performance.now()
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => undefined).resume()
  await Promise.race([once(socket, 'close'), sleep(10_000)])
  ok(socket.destroyed)
  ok(performance.now() - began > 900)
})

test('files that cannot be used are refused, naming them', async () => {
  const [tlsCertificate, tlsKey] = [file('first.pem'), file('first.key')]
  equal(await readTls({ tlsCertificate: undefined, tlsKey: undefined }), undefined)
  for (const half of [
    { tlsCertificate, tlsKey: undefined },
    { tlsCertificate: undefined, tlsKey },
  ])
    await rejects(readTls(half), { message: /belong together: set both or neither/ })
  for (const [pair, message] of [
    [{ tlsCertificate: '/nowhere/a', tlsKey }, /\/nowhere\/a and --tls-key .*ENOENT/],
    [{ tlsCertificate: tlsKey, tlsKey }, /first\.key and --tls-key .* cannot be used: /],
    [{ tlsCertificate, tlsKey: file('second.key') }, /second\.key cannot be used: .*mismatch/],
  ] as const)
    await rejects(readTls(pair), { message })
})
