// Rule: servers and workers live through an outage of the database, long or short, and jobs end.
import { equal, match, ok, rejects } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProcess } from '../crash/serverProcess.ts'
import {
  createImport,
  createSolution,
  createVersion,
  importEnded,
  prepareShop,
  versionEnded,
} from '../crash/shop.ts'
import { client } from '../harness.ts'
import { startPostgres } from './postgresServer.ts'

const postgres = await startPostgres()
const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(async () => {
  await postgres.stop()
  await rm(dataDir, { recursive: true, force: true })
})
const leaseSeconds = 3
const flags = [
  ...['--database-url', postgres.url.replace('postgres@', 'postgres:tell-nobody@')],
  ...['--lease-seconds', `${leaseSeconds}`],
]

test('an outage shorter than the lease, and a longer one', async () => {
  const server = startProcess(dataDir, undefined, [...flags, '--jobs', 'false'])
  const worker = startProcess(dataDir, undefined, [...flags, '--admin-port', '0'], 'worker')
  const personalize = client(await server.url)
  await prepareShop(personalize, dataDir)
  await createImport(personalize, 'first')
  equal((await importEnded(personalize, 'first')).status, 'ACTIVE')
  const health = async () => (await fetch(`${await worker.url}/health/ready`)).status
  equal(await health(), 200)
  for (const [name, seconds] of [
    ['short', leaseSeconds / 3],
    ['long', leaseSeconds * 2],
  ] as const) {
    await createSolution(personalize, name, 128)
    await createVersion(personalize, name)
    await worker.logged(`/${name}/v1","step":"solutionVersion 2 planned`)
    await postgres.without(async () => {
      await rejects(personalize.listSchemas({}), ({ $fault }: { $fault?: string }) => {
        return $fault === 'server'
      })
      equal(await health(), 503)
      await sleep(seconds * 1000)
    })
    // The pool may still hold a connection that has not heard of the end.
    for (let tries = 0; (await health()) !== 200; tries++) {
      ok(tries < 50)
      await sleep(100)
    }
    const version = await versionEnded(personalize, name)
    equal(version.status, 'ACTIVE', version.failureReason)
  }
  personalize.destroy()
  for (const { child, ended } of [worker, server]) {
    child.kill('SIGTERM')
    const { code, log } = await ended
    equal(code, 0, log)
    match(log, /ended/)
    ok(!log.includes('tell-nobody'))
  }
})
