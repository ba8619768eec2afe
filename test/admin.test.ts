// Rule: the admin port tells whether the server lives and whether it can work, and nothing else.
import { deepEqual, equal, match } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits, wireLimits } from '../src/limits.ts'
import type { Database } from '../src/store/database.ts'
import { listenAdmin } from '../src/wire/admin.ts'
import { startProcess } from './crash/serverProcess.ts'
import { server } from './harness.ts'
import { openTestDatabase } from './testDatabase.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

type Health = { status: string; message?: string; checks?: { database: string; kernel: string } }

/** An admin port in this process; `database` is one that the server itself does not use. */
async function adminServer(t: TestContext, database?: Database) {
  const { ctx } = await server(t)
  const admin = await listenAdmin({ ...ctx, db: database ?? ctx.db }, 0)
  t.after(() => admin.close())
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${admin.url}${path}`, init)
    match(response.headers.get('content-type')!, /^application\/json/)
    return { status: response.status, body: (await response.json()) as Health }
  }
  return { ctx, ask }
}

test('a server lives and is ready', async (t) => {
  const { ctx, ask } = await adminServer(t)
  deepEqual(await ask('/health/live'), { status: 200, body: { status: 'live' } })
  const checks = { database: 'ok', kernel: ctx.engine.kernel }
  deepEqual(await ask('/health/ready'), { status: 200, body: { status: 'ready', checks } })
})

test('everything else is not found', async (t) => {
  const { ask } = await adminServer(t)
  const xml = { method: 'POST', headers: { 'content-type': 'text/xml' }, body: '<x/>' }
  for (const [path, init] of [
    ['/', {}],
    ['/health', {}],
    ['/health/ready/', {}],
    ['/%zz', {}],
    ['/health/live', xml],
    ['/', xml],
  ] as const) {
    const { status, body } = await ask(path, init)
    equal(status, 404, path)
    match(body.message!, /^There is no (GET|POST) .*; there are GET \/health\/live and GET /)
  }
})

test('a database that is busy for too long is not ready, and ready again afterwards', async (t) => {
  const { ctx, ask } = await adminServer(t)
  const { promise: busy, resolve: letGo } = Promise.withResolvers<void>()
  // One for each connection that there may be.
  const transactions = Array.from({ length: limits.databaseConnections }, () =>
    ctx.db.kysely.transaction().execute(() => busy),
  )
  const answers = Promise.all([ask('/health/ready'), ask('/health/ready')])
  deepEqual((await ask('/health/live')).status, 200)
  for (const { status, body } of await answers) {
    equal(status, 503)
    equal(body.status, 'not ready')
    const reason = `The database has not answered within ${wireLimits.readyMs} ms.`
    deepEqual(body.checks, { database: reason, kernel: ctx.engine.kernel })
  }
  letGo()
  await Promise.all(transactions)
  await sleep(0)
  equal((await ask('/health/ready')).status, 200)
})

test('a database that fails is not ready; why is in the answer', async (t) => {
  const database = await openTestDatabase(folder)
  const { ask } = await adminServer(t, database)
  equal((await ask('/health/ready')).status, 200)
  await database.close()
  const { status, body } = await ask('/health/ready')
  equal(status, 503)
  equal(body.status, 'not ready')
  match(body.checks!.database, /PGlite is closed|after calling end/)
  equal((await ask('/health/live')).status, 200)
})

test('serve opens it where a port is set, says where, and ends it with the server', async () => {
  const { child, url, stdout, ended } = startProcess(join(folder, 'data'), undefined, [
    '--admin-port',
    '0',
  ])
  await url
  const health = /^Health: (http:\/\/127\.0\.0\.1:\d+\/health\/ready)$/m.exec(stdout())?.[1]
  const agent = new Agent({ keepAlive: true })
  const status = await new Promise((resolve, reject) => {
    get(health!, { agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    }).on('error', reject)
  })
  equal(status, 200)
  child.kill('SIGTERM')
  const { code, log } = await ended
  equal(code, 0, log)
  agent.destroy()
})
