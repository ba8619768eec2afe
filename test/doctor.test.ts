// Rule: `doctor` tells what a server with the same flags would meet, a line for each check, fails
// where one fails, and leaves nothing behind.
import { deepEqual, equal, match } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../src/cli/serverProcess.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))
/** What it makes beside the data directory is made here, and must be gone. */
const temporary = join(folder, 'temporary')
await mkdir(temporary)

/** A data directory that a server has made and left. */
const served = join(folder, 'served')
await (await startServer(served)).stop()

const whats = [
  ...['Node', 'data directory', 'credentials', 'TLS', 'files', 'role', 'key', 'database'],
  ...['port', 'admin port', 'kernel', 'disk', 'clock'],
]

/** The finding of each check by its name, `FAIL` before those that fail. */
async function findings(dataDir: string, ...more: string[]): Promise<Record<string, string>> {
  const before = await names()
  const flags = ['doctor', '--data-dir', dataDir, '--port', '0', ...more]
  const env = { ...process.env, TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' }
  const child = execFile(process.execPath, [main, ...flags], { timeout: 60_000, env })
  let printed = ''
  let complaints = ''
  child.stdout!.on('data', (text) => {
    printed += text
  })
  child.stderr!.on('data', (text) => {
    complaints += text
  })
  const [code, signal] = await once(child, 'close')
  equal(signal, null)
  equal(complaints, '')
  deepEqual(await names(), before)
  const lines = printed.trimEnd().split('\n')
  const found = lines.map((line) => {
    const [, verdict, what, finding] = /^(ok {2}|FAIL) ([\w ]+): (.+)$/.exec(line) ?? []
    return [what, verdict === 'FAIL' ? `FAIL ${finding}` : finding] as [string, string]
  })
  deepEqual(
    found.map(([what]) => what),
    whats,
    printed,
  )
  equal(code, /^FAIL/m.test(printed) ? 1 : 0)
  return Object.fromEntries(found)
}

/** Every file and folder of the tests, less what Postgres makes and removes in its own. */
const names = async () =>
  (await readdir(folder, { recursive: true })).filter((path) => !path.includes('/postgres/')).sort()

const failures = (found: Record<string, string>) =>
  Object.keys(found).filter((what) => found[what]!.startsWith('FAIL'))

test('a data directory that is not there yet', async () => {
  const dataDir = join(folder, 'not', 'there')
  const found = await findings(dataDir, '--admin-port', '0')
  deepEqual(failures(found), [])
  equal(found.Node, process.version)
  equal(found['data directory'], `${dataDir} is not there yet and can be made`)
  match(found.credentials!, /test\/test is accepted, on loopback only/)
  equal(found.files, `buckets are folders of ${join(dataDir, 's3')}`)
  match(found.database!, /postgres is not there yet; a new one opens and answers/)
  equal(found.port, 'a free one is taken at each start')
  equal(found['admin port'], 'a free one is taken at each start')
  match(found.kernel!, /./)
  match(found.disk!, /^\d+\.\d GB free for /)
  equal(found.role, 'not asked for, since buckets are folders')
  equal(found.clock, 'there is no other to compare it with')
})

test('a data directory that a server has left', async () => {
  const found = await findings(served)
  deepEqual(failures(found), [])
  equal(found['data directory'], `${served} can be written and no server is using it`)
  equal(found.database, `${join(served, 'postgres')} opens and answers`)
  match(found['admin port']!, /none set/)
})

test('a data directory that lacks something gets nothing made', async () => {
  const dataDir = join(folder, 'lacking')
  await mkdir(join(dataDir, 's3', 'bucket'), { recursive: true })
  match((await findings(dataDir)).database!, /postgres is not there yet/)
  await mkdir(join(dataDir, 'postgres'))
  const lacks = /was not opened, .* lacks \(lock, scratch, datasets, models\); a new one opens/
  match((await findings(dataDir)).database!, lacks)
})

test('a server is using the data directory and the port', async (t) => {
  const server = await startServer(served)
  t.after(() => server.stop())
  const { port } = new URL(server.endpoint)
  const found = await findings(served, '--port', port)
  deepEqual(failures(found), [])
  equal(found['data directory'], `a server is using ${served}`)
  match(found.database!, /^the server that is using it has .*postgres open$/)
  equal(found.port, `${port} on 127.0.0.1 is taken, and a server is using the data directory`)
})

test('another program has the ports', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const found = await findings(served, '--port', `${port}`, '--admin-port', `${port}`)
  deepEqual(failures(found), ['port', 'admin port'])
  match(found.port!, /end what has it, or choose another --port or --host: listen EADDRINUSE/)
  match(found['admin port']!, /choose another --admin-port or --admin-host: listen EADDRINUSE/)
  other.close()
  await once(other, 'close')
  const free = await findings(served, '--port', `${port}`)
  equal(free.port, `${port} on 127.0.0.1 is free`)
})

test('the data directory cannot be one', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  for (const dataDir of [file, join(file, 'below')]) {
    const found = await findings(dataDir)
    deepEqual(failures(found), ['data directory'])
    match(found['data directory']!, /cannot be written; .*choose another --data-dir: ENOTDIR/)
  }
})

test('S3 cannot be asked', async () => {
  const found = await findings(served, '--endpoint-url-s3', 'http://127.0.0.1:1')
  deepEqual(failures(found), ['files', 'clock'])
  match(found.files!, /S3 at http:\/\/127\.0\.0\.1:1 cannot be used; mend AWS_ENDPOINT_URL_S3/)
})

test('the database is broken', async () => {
  const dataDir = join(folder, 'broken')
  await cp(served, dataDir, { recursive: true })
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), 'nonsense\n')
  const found = await findings(dataDir)
  deepEqual(failures(found), ['database'])
  match(found.database!, /postgres cannot be opened; put a backup in its place, or choose/)
})

test('others could reach a server whose key everybody knows', async () => {
  const found = await findings(served, '--host', '0.0.0.0')
  deepEqual(failures(found), ['credentials'])
  match(found.credentials!, /Name a file with OPENPERSONALIZE_CREDENTIALS/)
})

test('a certificate whose key is elsewhere', async () => {
  const certificate = fileURLToPath(new URL('tls/first.pem', import.meta.url))
  const key = fileURLToPath(new URL('tls/second.key', import.meta.url))
  const found = await findings(served, '--tls-certificate', certificate, '--tls-key', key)
  deepEqual(failures(found), ['TLS'])
  match(found.TLS!, /second\.key cannot be used: .*mismatch/)
})

test('a kernel by its name', async () => {
  match((await findings(served, '--kernel', 'reference')).kernel!, /reference/)
  const foreign = process.arch === 'arm64' ? 'avx512' : 'neon'
  const found = await findings(served, '--kernel', foreign)
  deepEqual(failures(found), ['kernel'])
  match(found.kernel!, new RegExp(`^FAIL There is no kernel ${foreign} on this machine`))
})

// A file system of Linux that has no room, for anybody.
test('the disk is full', { skip: process.platform !== 'linux' }, async () => {
  const found = await findings('/proc/openpersonalize')
  deepEqual(failures(found), ['data directory', 'disk'])
  match(found.disk!, /^FAIL 0\.0 GB free for .*, needed is 1 GB; free some, or choose/)
})
