// Rule: the admin port tells whether the server lives, whether it can work and what it has done, and
// nothing else.
import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { limits, wireLimits } from '../src/limits.ts'
import { openMetrics } from '../src/metrics.ts'
import type { Database } from '../src/store/database.ts'
import { countUnfinished } from '../src/store/jobResource.ts'
import { listenAdmin } from '../src/wire/admin.ts'
import { startProcess } from './crash/serverProcess.ts'
import { server } from './harness.ts'
import { openTestDatabase } from './testDatabase.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

type Health = { status: string; message?: string; checks?: Record<string, string> }

/** An admin port in this process; `database` is one that the server itself does not use. */
async function adminServer(t: TestContext, database?: Database) {
  const { ctx, dataDir } = await server(t)
  const db = database ?? ctx.db
  const jobs = () => countUnfinished(db.kysely)
  const metrics = openMetrics({ jobs, models: ctx.models.counts })
  const admin = await listenAdmin({ ...ctx, db, metrics }, 0)
  t.after(() => admin.close())
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${admin.url}${path}`, init)
    match(response.headers.get('content-type')!, /^application\/json/)
    return { status: response.status, body: (await response.json()) as Health }
  }
  return { ctx, dataDir, ask, url: admin.url }
}

test('a server lives and is ready', async (t) => {
  const { ctx, ask } = await adminServer(t)
  deepEqual(await ask('/health/live'), { status: 200, body: { status: 'live' } })
  const checks = { database: 'ok', files: 'ok', queue: 'ok', kernel: ctx.engine.kernel }
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
    match(body.message!, /^There is no (GET|POST) .*; there are GET \/health\/live, GET /)
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
    equal(body.checks!.database, reason)
    equal(body.checks!.files, 'ok')
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
  match(body.checks!.database!, /PGlite is closed|after calling end/)
  equal((await ask('/health/live')).status, 200)
})

test('buckets that are gone are not ready, and ready again when they are back', async (t) => {
  const { dataDir, ask } = await adminServer(t)
  await rename(join(dataDir, 's3'), join(dataDir, 'away'))
  const { status, body } = await ask('/health/ready')
  equal(status, 503)
  match(body.checks!.files!, /ENOENT/)
  await rename(join(dataDir, 'away'), join(dataDir, 's3'))
  equal((await ask('/health/ready')).status, 200)
})

test('a queue whose tables are gone is not ready', async (t) => {
  const { ctx, ask } = await adminServer(t)
  await sql`alter schema pgboss rename to away`.execute(ctx.db.kysely)
  const { status, body } = await ask('/health/ready')
  equal(status, 503)
  match(body.checks!.queue!, /pgboss/)
  await sql`alter schema away rename to pgboss`.execute(ctx.db.kysely)
  equal((await ask('/health/ready')).status, 200)
})

test('an S3 server counts as ready while it answers, whatever it answers', async (t) => {
  let status = 403
  const s3 = createServer((_request, response) => response.writeHead(status).end())
  await once(s3.listen(0, '127.0.0.1'), 'listening')
  const { port } = s3.address() as AddressInfo
  const env = { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` }
  const { ctx } = await server(t, env)
  const admin = await listenAdmin(ctx, 0)
  t.after(() => admin.close())
  const files = async () => {
    const response = await fetch(`${admin.url}/health/ready`)
    return [response.status, ((await response.json()) as Health).checks!.files]
  }
  deepEqual(await files(), [200, 'ok'])
  status = 503
  deepEqual(await files(), [503, `S3 at ${env.AWS_ENDPOINT_URL_S3} answers 503.`])
  s3.closeAllConnections()
  s3.close()
  await once(s3, 'close')
  const [code, why] = await files()
  equal(code, 503)
  match(`${why}`, /ECONNREFUSED/)
})

test('metrics go on without a database that does not answer', async (t) => {
  const database = await openTestDatabase(join(folder, 'closed'))
  const { url } = await adminServer(t, database)
  const response = await fetch(`${url}/metrics`)
  match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  match(await response.text(), /^openpersonalize_queue_age_seconds 0$/m)
  await database.close()
  const text = await (await fetch(`${url}/metrics`)).text()
  doesNotMatch(text, /^openpersonalize_(queue_age_seconds |jobs\{)/m)
  match(text, /^openpersonalize_models_open 0$/m)
})

test('serve opens it where a port is set, on an address of its own, says where, and ends it with the server', async () => {
  const { child, url, stdout, ended } = startProcess(join(folder, 'data'), undefined, [
    ...['--admin-port', '0', '--admin-host', 'localhost'],
  ])
  match(await url, /^http:\/\/127\.0\.0\.1:/)
  const health = /^Health: (http:\/\/localhost:\d+\/health\/ready)$/m.exec(stdout())?.[1]
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
