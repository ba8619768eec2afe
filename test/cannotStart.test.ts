// Rule: a server that cannot start says why in one line and ends with code 1.
import { equal, match } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProcess } from './crash/serverProcess.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** What a server that cannot start says. */
async function complaint(dataDir: string, port = 0): Promise<string> {
  const flags = ['serve', '--data-dir', dataDir, '--port', String(port)]
  const child = execFile(process.execPath, [main, ...flags], { timeout: 30_000 })
  let said = ''
  child.stderr!.on('data', (text) => {
    said += text
  })
  const [code] = await once(child, 'close')
  equal(code, 1, said)
  equal(said.trimEnd().split('\n').length, 1, said)
  return said
}

test('the data directory is a file', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  match(await complaint(file), /file cannot be the data directory: EEXIST/)
})

test('another server uses the data directory', async () => {
  const dataDir = join(folder, 'used')
  const server = startProcess(dataDir)
  await server.url
  match(await complaint(dataDir), /used is in use by another OpenPersonalize\. Stop that one, or/)
  server.child.kill('SIGTERM')
  equal((await server.ended).code, 0)
})

test('the port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  match(await complaint(join(folder, 'port'), port), /another --port or --host: listen EADDRINUSE/)
  other.close()
})

test('the database is broken', async () => {
  const dataDir = join(folder, 'broken')
  await mkdir(join(dataDir, 'postgres'), { recursive: true })
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
  match(await complaint(dataDir), /postgres cannot be opened; put a backup in its place, or choose/)
})

test('a lock file that its first owner did not finish is no hindrance', async () => {
  const dataDir = join(folder, 'died')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'lock'), '')
  const server = startProcess(dataDir)
  await server.url
  match(await complaint(dataDir), /in use by another/)
  server.child.kill('SIGTERM')
  equal((await server.ended).code, 0)
})
