import { mkdir, rm } from 'node:fs/promises'
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
import { limitRate, type RateLimit } from './rateLimit.ts'
import { keepModels, type Models } from './segments/models.ts'
import { type Database, openDatabase } from './store/database.ts'
import { lockDataDirectory } from './store/lock.ts'
import { migrate } from './store/migrations.ts'
import { openQueue, type Queue } from './store/queue.ts'
import { installationSecret } from './store/secret.ts'
import { templateFolder } from './store/template.ts'

/** Who calls, proven by the signature. */
export type Caller = Pick<Credential, 'account' | 'name' | 'policies'> & {
  region: string
  accessKeyId: string
}

/** Everything a request or a job may touch, opened once by `open()` and closed in reverse. */
export type Context = {
  config: Config
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
  clock: () => Date
}

/** The folders of a data directory beside the database, made where they are missing. */
export const dataFolders = ['scratch', 's3', 'datasets', 'models'] as const

/**
 * Opens all parts over the data directory, made where it is missing. Throws
 * CannotStart where another process has it open or it cannot be used, ConfigError for
 * credentials that cannot be used.
 */
export async function open(
  config: Config,
  options: { clock?: () => Date } = {},
): Promise<Context & { close(): Promise<void> }> {
  const { dataDir } = config
  const log = pino({ level: config.logLevel }, process.stderr)
  const folder = (name: string) => join(dataDir, name)
  const unusable = cannotStart(`${dataDir} cannot be the data directory`)
  const broken = cannotStart(
    `The database in ${folder('postgres')} cannot be opened; ` +
      'put a backup in its place, or choose another folder with --data-dir',
  )
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  try {
    const keys = await openCredentials(config, log)
    closers.push(keys.close)
    await mkdir(dataDir, { recursive: true }).catch(unusable)
    closers.push(await lockDataDirectory(dataDir).catch(unusable))
    await rm(folder('scratch'), { recursive: true, force: true }).catch(unusable)
    for (const name of dataFolders) await mkdir(folder(name), { recursive: true }).catch(unusable)
    const { threads, memoryBytes } = config
    const db = await openDatabase(folder('postgres'), templateFolder).catch(broken)
    closers.push(() => db.close())
    await migrate(db.kysely).catch(broken)
    const scratch = folder('scratch')
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
    const queue = await openQueue(db, log).catch(broken)
    closers.push(() => queue.close())
    const files =
      config.files === 's3'
        ? s3Files(config)
        : diskStore({ root: folder('s3'), scratch: folder('scratch') })
    closers.push(() => files.close())
    const clock = options.clock ?? (() => new Date())
    const credentials = keys.find
    const rateLimit = limitRate(config.requestsPerSecond)
    const parts = { db, secret, queue, files, duck, engine, models, credentials, log, clock }
    return { config, ...parts, rateLimit, close }
  } catch (error) {
    await close()
    throw error
  }
}
