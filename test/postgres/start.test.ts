// Rules: processes that start together migrate once; one that does not belong here is refused in
// one line; the password of the database is in no line.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../src/cli/serverProcess.ts'
import { startProcess } from '../crash/serverProcess.ts'
import { ask, databaseFlags, databaseUrl, nameOf } from '../testDatabase.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** An empty database. */
function emptyDatabase(name: string): string {
  ask(`create database ${name}`)
  return databaseUrl(name)
}

/** What a process says that cannot start. */
function complaint(command: string, dataDir: string, ...flags: string[]): string {
  const words = [main, command, '--port', '0', '--data-dir', dataDir, ...flags]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { timeout: 60_000 })
  equal(status, 1, `${stdout}${stderr}`)
  equal(`${stdout}`, '')
  equal(`${stderr}`.trimEnd().split('\n').length, 1, `${stderr}`)
  return `${stderr}`
}

test('many that start together on an empty database migrate it once', async () => {
  const url = emptyDatabase('together')
  const dataDir = join(folder, 'together')
  const flags = ['--database-url', url, '--log-level', 'warn']
  const servers = await Promise.all(Array.from({ length: 4 }, () => startServer(dataDir, flags)))
  for (const server of servers) equal(await server.stop(), 0)
  for (const server of servers) equal(server.complaints(), '')
  equal(ask('select count(*) from kysely_migration', 'together'), '3')
  equal(ask('select count(*) from directory', 'together'), '1')
})

test('an older program refuses a database of a newer one', () => {
  const dataDir = join(folder, 'newer')
  const flags = databaseFlags(dataDir)
  ask(`insert into kysely_migration values ('0099_console', now())`, nameOf(dataDir))
  for (const command of ['serve', 'worker'])
    match(
      complaint(command, dataDir, ...flags),
      /brought to 0099_console by a newer OpenPersonalize, .* Start that version or a later one/,
    )
})

test('a data directory and a database that do not belong together are refused', async () => {
  const own = join(folder, 'own')
  const flags = databaseFlags(own)
  await (await startServer(own, flags)).stop()
  match(complaint('serve', join(folder, 'other'), ...flags), /does not belong to the files in/)
  match(
    complaint('serve', own, ...databaseFlags(join(folder, 'x'))),
    /does not belong to the files in/,
  )
  match(complaint('serve', own), /belong to a Postgres server\. Set its DATABASE_URL/)
  const embedded = join(folder, 'embedded')
  await (await startServer(embedded)).stop()
  match(complaint('serve', embedded, ...flags), /has an embedded database/)
})

test('a process whose job queue cannot be opened says so and ends', async () => {
  const dataDir = join(folder, 'queue')
  const flags = databaseFlags(dataDir)
  // pg-boss starts without looking into this table.
  ask('alter table pgboss.queue rename to gone', nameOf(dataDir))
  for (const command of ['serve', 'worker'])
    match(
      complaint(command, dataDir, ...flags, '--log-level', 'silent'),
      /^The database .* cannot be opened; .*"pgboss.queue" does not exist/,
    )
})

test('a worker without a database, and a server without jobs or workers', () => {
  match(complaint('worker', folder), /A worker needs a DATABASE_URL/)
  match(complaint('serve', folder, '--jobs', 'false'), /--jobs .* DATABASE_URL/)
  const flags = databaseFlags(join(folder, 'lazy'))
  match(complaint('worker', folder, ...flags, '--jobs', 'false'), /--jobs cannot be false/)
})

test('no password is told, whatever happens to the connection', async () => {
  ask(`create role careful login superuser password 'tell-nobody'`)
  const dataDir = join(folder, 'password')
  const [, plain] = databaseFlags(dataDir)
  const url = plain!.replace('postgres@', 'careful:tell-nobody@')
  const server = startProcess(dataDir, undefined, ['--database-url', url])
  await server.url
  ask(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'careful'`)
  await server.logged('a connection to the database ended')
  // It may end with an error here, where a query of its end has lost its connection: then that is in the log too.
  server.child.kill('SIGTERM')
  const { log } = await server.ended
  ok(!(log + server.stdout()).includes('tell-nobody'), log)
  const unreachable = url.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1')
  const said = complaint('serve', dataDir, '--database-url', unreachable)
  match(said, /^The database 127\.0\.0\.1:1\/test_\w+ cannot be opened; .*: connect ECONNREFUSED/)
  ok(!said.includes('tell-nobody'))
})

test('the scratch of a process that died is swept, of one that lives it is not', async () => {
  const dataDir = join(folder, 'scratch')
  const flags = databaseFlags(dataDir)
  const dead = join(dataDir, 'scratch', 'dead')
  const quiet = join(dataDir, 'scratch', 'quiet')
  for (const each of [dead, quiet]) await mkdir(each, { recursive: true })
  const longAgo = new Date(Date.now() - 2 * 3_600_000)
  await utimes(dead, longAgo, longAgo)
  await (await startServer(dataDir, flags)).stop()
  deepEqual([existsSync(dead), existsSync(quiet)], [false, true])
})
