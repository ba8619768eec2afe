import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, rmdir, stat, statfs } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Config, readConfig } from '../config.ts'
import { type Context, dataFolders, open } from '../context.ts'
import { readCredentials } from '../credentials.ts'
import { CannotStart, cannotStart } from '../errors.ts'
import { limits, wireLimits } from '../limits.ts'
import { requireEmbedded } from '../store/directory.ts'
import { lockDataDirectory } from '../store/lock.ts'
import { lookAtPostgres } from '../store/look.ts'
import { databaseName } from '../store/postgres.ts'
import { readTls } from '../wire/tls.ts'
import {
  checkClock,
  checkFiles,
  checkKey,
  checkRole,
  type Named,
  takeNamed,
} from './doctorFiles.ts'

/** What is found where all is well; throws what is wrong and how to mend it. */
type Check = (config: Config, named: Named) => string | Promise<string>

const checks: Record<string, Check> = {
  Node: () => process.version, // main.ts lets no older one come this far
  'data directory': checkDataDirectory,
  credentials: checkCredentials,
  TLS: checkTls,
  files: checkFiles,
  role: checkRole,
  key: checkKey,
  database: checkDatabase,
  port: (config) => checkPort(config, config.host, config.port, '--port or --host'),
  'admin port': (config) =>
    checkPort(config, config.adminHost, config.adminPort, '--admin-port or --admin-host'),
  kernel: checkKernel,
  disk: checkDisk,
  clock: checkClock,
}

/**
 * `doctor [--role-arn ARN] [--kms-key-arn ARN] [flags of serve]`: prints what a server with these flags would meet here, a line for each
 * check. Leaves nothing behind. Exit code 1 where one fails.
 */
export async function doctor(argv: readonly string[]): Promise<void> {
  const { named, rest } = takeNamed(argv)
  const config = readConfig(rest)
  for (const [what, check] of Object.entries(checks)) {
    try {
      process.stdout.write(`ok   ${what}: ${await check(config, named)}\n`)
    } catch (error) {
      const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
      process.stdout.write(`FAIL ${what}: ${line}\n`)
      process.exitCode = 1
    }
  }
}

async function checkDataDirectory({ dataDir, databaseUrl }: Config): Promise<string> {
  const folder = await nearestFolder(dataDir)
  // Tried, because permissions alone do not tell: disks are mounted
  // read-only, and root may do everything.
  await mkdtemp(join(folder, '.openpersonalize-doctor-')).then(
    rmdir,
    cannotStart(`${dataDir} cannot be written; mend that, or choose another --data-dir`),
  )
  if (folder !== dataDir) return `${dataDir} is not there yet and can be made`
  if (databaseUrl !== undefined) return `${dataDir} can be written; several processes may share it`
  return (await isInUse(dataDir))
    ? `a server is using ${dataDir}`
    : `${dataDir} can be written and no server is using it`
}

async function checkCredentials(config: Config): Promise<string> {
  await readCredentials(config)
  return config.credentials ?? 'none set, so test/test is accepted, on loopback only'
}

async function checkTls(config: Config): Promise<string> {
  const tls = await readTls(config)
  return tls ? `${config.tlsCertificate} and its key fit` : 'none set, so the API is HTTP'
}

/** Looks into a whole data directory only: opening another one would make what it lacks. */
async function checkDatabase(given: Config): Promise<string> {
  if (given.databaseUrl !== undefined) return checkServer(given.databaseUrl, given.dataDir)
  requireEmbedded(given.dataDir)
  const config: Config = { ...given, kernel: 'reference' } // a missing kernel is no fault of it
  const folder = join(config.dataDir, 'postgres')
  const answers = ({ db }: Context) => db.ping()
  const lacking = ['lock', 'postgres', ...dataFolders].filter(
    (name) => !existsSync(join(config.dataDir, name)),
  )
  if (lacking.length > 0) {
    await withTemporary(config, answers)
    return lacking.includes('postgres')
      ? `${folder} is not there yet; a new one opens and answers`
      : `${folder} was not opened, since that would make what ${config.dataDir} lacks ` +
          `(${lacking.join(', ')}); a new one opens and answers`
  }
  if (await isInUse(config.dataDir)) return `the server that is using it has ${folder} open`
  await withContext(config, answers)
  return `${folder} opens and answers`
}

async function checkServer(databaseUrl: string, dataDir: string): Promise<string> {
  const name = databaseName(databaseUrl)
  const { version, schema } = await lookAtPostgres(databaseUrl, dataDir).catch(
    cannotStart(`${name} cannot be used; mend DATABASE_URL or that server`),
  )
  const tables = {
    none: 'has no tables yet, which the first start makes',
    older: 'has older tables, which the next start brings up to date',
    current: 'has the tables of this version',
  }
  return `${name} answers with PostgreSQL ${version} and ${tables[schema]}`
}

/**
 * A server that is using the data directory may well be the one on its port. Where several may use
 * it, who has the port is asked.
 */
async function checkPort(
  { dataDir, databaseUrl }: Config,
  host: string,
  port: number | undefined,
  flags: string,
): Promise<string> {
  if (port === undefined) return 'none set, so health is not served'
  if (port === 0) return 'a free one is taken at each start'
  const server = createServer().listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (isTaken && (await isInUse(dataDir)))
      return `${port} on ${host} is taken, and a server is using the data directory`
    if (isTaken && databaseUrl !== undefined && (await isOurs(host, port)))
      return `${port} on ${host} is held by a running OpenPersonalize`
    return cannotStart(
      `${port} on ${host} cannot be had; end what has it, or choose another ${flags}`,
    )(error)
  }
  await new Promise((resolve) => server.close(resolve))
  return `${port} on ${host} is free`
}

/** Whether an OpenPersonalize answers there: the API with an id of the request, the admin port with its health. */
async function isOurs(host: string, port: number): Promise<boolean> {
  const options = { host, port, path: '/health/live', agent: false, rejectUnauthorized: false }
  for (const { get } of [http, https])
    try {
      const asked = get({ ...options, signal: AbortSignal.timeout(wireLimits.readyMs) })
      const [response] = await once(asked, 'response')
      const body = await text(response)
      if ('x-amzn-requestid' in response.headers || body === '{"status":"live"}') return true
    } catch {} // not a word of this protocol
  return false
}

function checkKernel(config: Config): Promise<string> {
  return withTemporary(config, async ({ engine }) => engine.kernel)
}

async function checkDisk({ dataDir }: Config): Promise<string> {
  const { bavail, bsize } = await statfs(await nearestFolder(dataDir))
  const free = `${((bavail * bsize) / 1e9).toFixed(1)} GB free for ${dataDir}`
  if (bavail * bsize < limits.freeBytesMin)
    throw new CannotStart(`${free}, needed is 1 GB; free some, or choose another --data-dir`)
  return free
}

/** The path, or the first above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(({ code }: NodeJS.ErrnoException) => code)
  const isMissing = found === 'ENOENT' || found === 'ENOTDIR'
  return isMissing ? nearestFolder(dirname(path)) : path
}

/** Whether a process has the data directory open. Makes no lock where there is none. */
async function isInUse(dataDir: string): Promise<boolean> {
  if (!existsSync(join(dataDir, 'lock'))) return false
  try {
    const release = await lockDataDirectory(dataDir)
    release()
    return false
  } catch (error) {
    if (error instanceof CannotStart) return true
    return cannotStart(`${dataDir} cannot be locked; mend its file lock`)(error)
  }
}

/** Opens everything as a server would, but for what has a check of its own and the log. */
async function withContext<Result>(
  config: Config,
  look: (ctx: Context) => Promise<Result>,
): Promise<Result> {
  const ctx = await open({
    ...config,
    host: '127.0.0.1',
    credentials: undefined,
    logLevel: 'silent',
  })
  try {
    return await look(ctx)
  } finally {
    await ctx.close()
  }
}

/** The same over a data directory that is removed afterwards. */
async function withTemporary<Result>(
  config: Config,
  look: (ctx: Context) => Promise<Result>,
): Promise<Result> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-doctor-'))
  try {
    return await withContext({ ...config, dataDir, databaseUrl: undefined }, look)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}
