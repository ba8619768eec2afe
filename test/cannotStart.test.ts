// Rule: a server that cannot start says why in one line and ends with code 1.
import { equal, match } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { templateFolder } from '../src/store/template.ts'
import { startProcess } from './crash/serverProcess.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** What a server that cannot start says. */
async function complaint(dataDir: string, ...more: string[]): Promise<string> {
  const flags = ['serve', '--data-dir', dataDir, '--port', '0', ...more]
  const child = execFile(process.execPath, [main, ...flags], { timeout: 30_000 })
  let said = ''
  let printed = ''
  child.stdout!.on('data', (text) => {
    printed += text
  })
  child.stderr!.on('data', (text) => {
    said += text
  })
  const [code] = await once(child, 'close')
  equal(code, 1, said)
  equal(printed, '')
  equal(said.trimEnd().split('\n').length, 1, said)
  return said
}

test('the data directory is a file', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  match(await complaint(file), /file cannot be the data directory: EEXIST/)
})

test('the data directory cannot be made', async () => {
  const file = join(folder, 'leaf')
  await writeFile(file, '')
  match(await complaint(join(file, 'below')), /below cannot be the data directory: ENOTDIR/)
})

test('a part of the data directory cannot be written', async () => {
  const dataDir = join(folder, 'parts')
  await mkdir(join(dataDir, 'lock'), { recursive: true })
  match(await complaint(dataDir), /parts cannot be the data directory: .*lock/)
  await rm(join(dataDir, 'lock'), { recursive: true })
  await writeFile(join(dataDir, 's3'), '')
  match(await complaint(dataDir), /parts cannot be the data directory: EEXIST.*s3/)
})

test('the credentials file is missing or broken', async () => {
  const dataDir = join(folder, 'keys')
  const file = join(folder, 'credentials')
  match(await complaint(dataDir, '--credentials', file), /credentials cannot be read: .*ENOENT/)
  await writeFile(file, '[default]\naws_access_key_id = A\n')
  match(
    await complaint(dataDir, '--credentials', file),
    /credentials needs an aws_secret_access_key in \[default\]/,
  )
})

test('others could reach a server whose key everybody knows', async () => {
  match(
    await complaint(join(folder, 'open'), '--host', '0.0.0.0'),
    /The host is 0\.0\.0\.0, .*test\/test\. Name a file with OPENPERSONALIZE_CREDENTIALS/,
  )
})

test('the certificate has no key', async () => {
  const flags = ['--tls-certificate', join(folder, 'none.pem')]
  match(
    await complaint(join(folder, 'tls'), ...flags),
    /--tls-certificate and --tls-key belong together/,
  )
})

test('the host is no address of this machine', async () => {
  const file = join(folder, 'good')
  await writeFile(file, '[default]\naws_access_key_id = A\naws_secret_access_key = B\n')
  match(
    await complaint(join(folder, 'host'), '--host', '192.0.2.1', '--credentials', file),
    /choose another --port or --host: listen EADDRNOTAVAIL/,
  )
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
  match(
    await complaint(join(folder, 'port'), '--port', `${port}`),
    /another --port or --host: listen EADDRINUSE/,
  )
  match(
    await complaint(join(folder, 'adminPort'), '--admin-port', `${port}`),
    /another --admin-port or --admin-host: listen EADDRINUSE/,
  )
  other.close()
})

test('the database is broken', async () => {
  const dataDir = join(folder, 'broken')
  const postgres = join(dataDir, 'postgres')
  await mkdir(postgres, { recursive: true })
  await writeFile(join(postgres, 'PG_VERSION'), '18\n')
  match(await complaint(dataDir), /postgres cannot be opened; put a backup in its place, or choose/)
  await cp(templateFolder, postgres, { recursive: true })
  await rm(join(postgres, 'base'), { recursive: true })
  match(await complaint(dataDir), /another folder with --data-dir: .+base/)
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
