import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import type { Config } from './config.ts'
import { type Credential, type Credentials, openCredentials } from './credentials.ts'
import { type Duck, openDuck } from './data/duck.ts'
import { diskStore, type FileStore } from './data/files.ts'
import { s3Files } from './data/s3Files.ts'
import type { Engine } from './engine/engine.ts'
import { localEngine } from './engine/local/engine.ts'
import { cannotStart } from './errors.ts'
import { limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { limitRate, type RateLimit } from './rateLimit.ts'
import { keepModels, type Models } from './segments/models.ts'
import { type Database, openDatabase } from './store/database.ts'
import { keepScratch, requireEmbedded, requirePair, sweepScratch } from './store/directory.ts'
import { countUnfinished } from './store/jobResource.ts'
import { lockDataDirectory } from './store/lock.ts'
import { migrate } from './store/migrations.ts'
import { databaseName, openPostgres } from './store/postgres.ts'
import { openQueue, type Queue } from './store/queue.ts'
import { installationSecret } from './store/secret.ts'
import { templateFolder } from './store/template.ts'
import type { Traces } from './traces.ts'

/** Who calls, proven by the signature. */
export type Caller = Pick<Credential, 'account' | 'name' | 'policies'> & {
  region: string
  accessKeyId: string
}

/** Everything a request or a job may touch, opened once by `open()` and closed in reverse. */
export type Context = {
  config: Config
  /** This process among all that work on the same database. */
  worker: string
  /** The folder of its half-written files. */
  scratch: string
  db: Database
  /** What only this installation knows. */
  secret: Buffer
  queue: Queue
  files: FileStore
  duck: Duck
  engine: Engine
  models: Models
  credentials: Credentials
  rateLimit: RateLimit
  log: Logger
  /** Kept where somebody can read them: on the admin port. */
  metrics: Metrics | undefined
  traces: Traces | undefined
  clock: () => Date
}

/** The folders of a data directory beside the database, made where they are missing. */
export const dataFolders = ['scratch', 's3', 'datasets', 'models'] as const

type Closers = (() => unknown)[]

/**
 * Opens all parts over the data directory, made where it is missing. Throws CannotStart where another
 * process has it open or it cannot be used, ConfigError for credentials that cannot be used.
 * `isServing` is false where nobody calls: then there are no credentials.
 */
export async function open(
  config: Config,
  { clock = () => new Date(), isServing = true }: { clock?: () => Date; isServing?: boolean } = {},
): Promise<Context & { close(): Promise<void> }> {
  const { dataDir, threads, memoryBytes } = config
  const log = pino({ level: config.logLevel, redact }, process.stderr)
  const worker = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  const closers: Closers = []
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  try {
    const traces = config.traces ? (await import('./traces.ts')).openTraces(log) : undefined
    closers.push(() => traces?.close())
    const keys = isServing ? await openCredentials(config, log) : nobody
    closers.push(keys.close)
    await mkdir(dataDir, { recursive: true }).catch(unusable(config))
    const openStore = config.databaseUrl === undefined ? openEmbedded : openShared
    const { db, scratch } = await openStore(config, worker, log, closers)
    const secret = await installationSecret(db.kysely)
    // Half of the memory is for trainings, each of which has a DuckDB.
    const half = Math.floor(memoryBytes / 2)
    const duck = await openDuck({ threads, memoryBytes: half, scratch })
    closers.push(() => duck.close())
    const training = { threads, memoryBytes: Math.floor(half / limits.jobsAtOnce), scratch }
    const engine = localEngine({ duck: training, kernel: config.kernel })
    closers.push(() => engine.close())
    const models = keepModels({ engine, duck }, log)
    closers.push(() => models.close())
    const queue = await db
      .alone(async () => {
        const opened = await openQueue(db, log)
        // Before the turn ends, which fails where the database dies now.
        closers.push(() => opened.close())
        return opened
      })
      .catch(broken(config))
    const files =
      config.files === 's3' ? s3Files(config) : diskStore({ root: join(dataDir, 's3'), scratch })
    closers.push(() => files.close())
    const credentials = keys.find
    const rateLimit = limitRate(config.requestsPerSecond)
    const metrics =
      config.adminPort === undefined
        ? undefined
        : (await import('./metrics.ts')).openMetrics({
            jobs: () => countUnfinished(db.kysely),
            models: models.counts,
          })
    const parts = { db, secret, queue, files, duck, engine, models, credentials, rateLimit }
    return { config, worker, scratch, ...parts, log, metrics, traces, clock, close }
  } catch (error) {
    await close().catch((err) => log.error({ err }))
    throw error
  }
}

const nobody = { find: () => undefined, close: () => undefined }

/** An error of a connection carries its client, and that the password. */
const redact = { paths: ['err.client'], remove: true }

/** The database inside the data directory, for this process alone. */
async function openEmbedded(config: Config, _worker: string, _log: Logger, closers: Closers) {
  const { dataDir } = config
  requireEmbedded(dataDir)
  closers.push(await lockDataDirectory(dataDir).catch(unusable(config)))
  const scratch = join(dataDir, 'scratch')
  await rm(scratch, { recursive: true, force: true }).catch(unusable(config))
  await makeFolders(config)
  const db = await openDatabase(join(dataDir, 'postgres'), templateFolder).catch(broken(config))
  closers.push(() => db.close())
  await migrate(db.kysely).catch(broken(config))
  return { db, scratch }
}

/** A database on a server; the processes that share it share the data directory too. */
async function openShared(config: Config, worker: string, log: Logger, closers: Closers) {
  const { dataDir } = config
  const db = await openPostgres(config.databaseUrl!, log).catch(broken(config))
  closers.push(() => db.close())
  await db
    .alone(async () => {
      await migrate(db.kysely)
      await requirePair(db, dataDir)
    })
    .catch(broken(config))
  await makeFolders(config)
  await sweepScratch(join(dataDir, 'scratch'))
  const scratch = join(dataDir, 'scratch', worker)
  await mkdir(scratch).catch(unusable(config))
  closers.push(keepScratch(scratch))
  return { db, scratch }
}

async function makeFolders(config: Config): Promise<void> {
  for (const name of dataFolders) {
    // Files are put into buckets and taken from them; what else is here concerns nobody but this user.
    const mode = name === 's3' ? 0o777 : 0o700
    await mkdir(join(config.dataDir, name), { recursive: true, mode }).catch(unusable(config))
  }
}

const unusable = ({ dataDir }: Config) => cannotStart(`${dataDir} cannot be the data directory`)

const broken = ({ dataDir, databaseUrl }: Config) =>
  cannotStart(
    databaseUrl === undefined
      ? `The database in ${join(dataDir, 'postgres')} cannot be opened; ` +
          'put a backup in its place, or choose another folder with --data-dir'
      : `The database ${databaseName(databaseUrl)} cannot be opened; ` +
          'mend that server, or name another with DATABASE_URL',
  )
