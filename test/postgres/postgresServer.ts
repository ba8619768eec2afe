import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

/** A Postgres server on a free port of 127.0.0.1, its files in a temporary folder. */
export type PostgresServer = {
  url: string
  /** The folder of its programs. */
  bin: string
  stop(): Promise<void>
}

/** Starts the newest Postgres that is installed here. Stop it, and it leaves nothing. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = await newestBin()
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-postgres-'))
  const user = await owner(folder)
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, stdio: 'pipe' as const }
  const flags = ['--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync']
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, ...flags], options)
  if (made.status !== 0) throw new Error(`initdb fails: ${made.error ?? made.stderr}`)
  const port = await freePort()
  const settings = { fsync: 'off', unix_socket_directories: '', max_connections: '200' }
  const child = spawn(
    join(bin, 'postgres'),
    [
      ...['-D', data, '-h', '127.0.0.1', '-p', `${port}`],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr!.on('data', (bytes) => {
    said = (said + bytes).slice(-4000)
  })
  const ended = once(child, 'exit')
  const kill = () => void child.kill('SIGQUIT')
  process.once('exit', kill)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const stop = async () => {
    process.off('exit', kill)
    child.kill('SIGINT')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  for (let waits = 0; !(await answers(url)); waits++) {
    if (waits > 300 || child.exitCode !== null) {
      await stop()
      throw new Error(`Postgres does not answer: ${said}`)
    }
    await sleep(100)
  }
  return { url, bin, stop }
}

/** Debian keeps the server's programs out of the path, a folder for each version. */
async function newestBin(): Promise<string> {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? (await readdir(root)).map(Number).sort((a, b) => b - a) : []
  const bins = [...versions.map((version) => join(root, `${version}`, 'bin'))]
  const path = (process.env.PATH ?? '').split(':')
  const found = [...bins, ...path].find((bin) => existsSync(join(bin, 'initdb')))
  if (!found) throw new Error('There is no initdb; install PostgreSQL 15 or newer.')
  return found
}

/** Postgres refuses to run as root: then another owns its files. */
async function owner(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'postgres']).stdout)
  const [uid, gid] = [idOf('-u'), idOf('-g')]
  await chown(folder, uid, gid)
  await chmod(folder, 0o700)
  return { uid, gid }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function answers(url: string): Promise<boolean> {
  const client = new Client(url)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
