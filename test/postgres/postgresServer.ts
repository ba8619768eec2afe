import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { freePort } from '../freePort.ts'

/** A Postgres server on a free port of 127.0.0.1, its files in a temporary folder. */
export type PostgresServer = {
  url: string
  /** The folder of its programs. */
  bin: string
  /** Ends it as an administrator would, cutting all connections, and starts it again after `work`. */
  without(work: () => Promise<void>): Promise<void>
  /** Kills it without a word, where it has not ended by itself, and starts it again. */
  crash(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Starts the newest Postgres that is installed here, its files in a new folder of `parent`. */
export async function startPostgres(parent = tmpdir()): Promise<PostgresServer> {
  const bin = await newestBin()
  const folder = await mkdtemp(join(parent, 'openpersonalize-postgres-'))
  const options = { ...(await owner(folder)), cwd: folder }
  const data = join(folder, 'data')
  // Small segments, for small disks.
  const own = ['--no-sync', '--wal-segsize=1']
  const flags = ['--username=postgres', '--auth=trust', '--encoding=UTF8', ...own]
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, ...flags], options)
  if (made.status !== 0) throw new Error(`initdb fails: ${made.error ?? made.stderr}`)
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const settings = { fsync: 'off', unix_socket_directories: '', max_connections: '200' }
  const words = [
    ...['-D', data, '-h', '127.0.0.1', '-p', `${port}`],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const start = async () => {
    const child = spawn(join(bin, 'postgres'), words, {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    await answering(child, url)
    return child
  }
  let child = await start()
  const kill = () => void child.kill('SIGQUIT')
  process.once('exit', kill)
  const end = async (signal: 'SIGINT' | 'SIGKILL' = 'SIGINT') => {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.signalCode === null && child.kill(signal)) await ended
  }
  return {
    url,
    bin,
    async without(work) {
      await end()
      await work()
      child = await start()
    },
    async crash() {
      await end('SIGKILL')
      // Its processes end once they see that it is gone; until then a new one refuses their memory.
      for (let tries = 0; ; tries++) {
        const next = await start().catch((error) => {
          if (tries === 50) throw error
        })
        if (next) {
          child = next
          return
        }
        await sleep(100)
      }
    },
    async stop() {
      process.off('exit', kill)
      await end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves once the server takes connections; ends it where it does not within 30 s. */
async function answering(child: ChildProcess, url: string): Promise<void> {
  let said = ''
  child.stderr!.on('data', (bytes) => {
    said = (said + bytes).slice(-4000)
  })
  for (let waits = 0; !(await answers(url)); waits++) {
    if (waits > 300 || child.exitCode !== null) {
      child.kill('SIGQUIT')
      throw new Error(`Postgres does not answer: ${said}`)
    }
    await sleep(100)
  }
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

/** Postgres refuses to run as root: then another user owns its files. */
async function owner(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string, name: string) => Number(spawnSync('id', [flag, name]).stdout)
  const name = idOf('-u', 'postgres') > 0 ? 'postgres' : 'nobody'
  const [uid, gid] = [idOf('-u', name), idOf('-g', name)]
  await chown(folder, uid, gid)
  await chmod(folder, 0o700)
  return { uid, gid }
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
