// Rule: `doctor` with a DATABASE_URL tells what a start would find there, and changes nothing.
import { equal, match, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../src/cli/serverProcess.ts'
import { freePort } from '../freePort.ts'
import { ask, databaseFlags, databaseUrl, nameOf, testServer } from '../testDatabase.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** The line of one check, and the exit code. */
function finding(what: string, dataDir: string, ...flags: string[]): [string, number | null] {
  const words = [main, 'doctor', '--port', '0', '--data-dir', dataDir, ...flags]
  const { status, stdout } = spawnSync(process.execPath, words, { timeout: 60_000 })
  const line = `${stdout}`.split('\n').find((each) => each.slice(5).startsWith(`${what}: `))
  return [line!, status]
}

test('an empty database stays empty', async () => {
  ask('create database doctored')
  const dataDir = join(folder, 'new')
  const [line, code] = finding('database', dataDir, '--database-url', databaseUrl('doctored'))
  match(line, /^ok {3}database: 127\.0\.0\.1:\d+\/doctored answers with PostgreSQL \d+.* no tables/)
  equal(code, 0)
  const tables = `select count(*) from pg_tables where schemaname in ('public', 'pgboss')`
  equal(ask(tables, 'doctored'), '0')
  ok(!(await readdir(folder)).includes('new'))
})

test('beside a running server', async () => {
  const dataDir = join(folder, 'served')
  const flags = databaseFlags(dataDir)
  const adminPort = String(await freePort())
  const server = await startServer(dataDir, [...flags, '--admin-port', adminPort])
  after(() => server.kill())
  const [line, code] = finding('database', dataDir, ...flags)
  match(line, /^ok .* has the tables of this version$/)
  equal(code, 0)
  match(finding('clock', dataDir, ...flags)[0], /^ok .* 0 s (behind|ahead of) the database$/)
  const held = /^ok .* is held by a running OpenPersonalize$/
  const { port } = new URL(server.endpoint)
  match(finding('port', dataDir, ...flags, '--port', port)[0], held)
  match(finding('admin port', dataDir, ...flags, '--admin-port', adminPort)[0], held)
  const other = finding('port', dataDir, ...flags, '--port', new URL(testServer!).port)
  match(other[0], /^FAIL .* cannot be had; end what has it, or choose another --port or --host/)
  match(finding('data directory', dataDir, ...flags)[0], /several processes may share it$/)
  match(finding('database', dataDir)[0], /^FAIL .* belong to a Postgres server/)
  match(finding('database', join(folder, 'else'), ...flags)[0], /^FAIL .* does not belong to/)
  await server.stop()
})

test('a database of a newer version, and none', () => {
  const dataDir = join(folder, 'newer')
  const flags = databaseFlags(dataDir)
  ask(`insert into kysely_migration values ('0099_console', now())`, nameOf(dataDir))
  const [line, code] = finding('database', dataDir, ...flags)
  match(line, /^FAIL .* brought to 0099_console by a newer OpenPersonalize/)
  equal(code, 1)
  const url = 'postgres://me:tell-nobody@127.0.0.1:1/none'
  const [none] = finding('database', dataDir, '--database-url', url)
  match(none, /^FAIL database: 127\.0\.0\.1:1\/none cannot be used; mend .*: connect ECONNREFUSED/)
  ok(!none.includes('tell-nobody'))
})
