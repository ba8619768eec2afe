import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { PGlite } from '@electric-sql/pglite'
import { Mutex } from 'async-mutex'
import {
  type ColumnType,
  type DatabaseConnection,
  type Generated,
  type JSONColumnType,
  Kysely,
  PGliteDialect,
  PGliteDriver,
  sql,
  type Transaction,
} from 'kysely'
import { type ConstructorOptions, fromPglite } from 'pg-boss'
import type { Kind } from '../arn.ts'
import type { Status } from '../status.ts'
import { ForcedFiles, force, forceAll, forcing } from './forcedFiles.ts'
import { preparing } from './prepared.ts'

/** One row per ARN-addressed thing. `doc` is what Describe returns, less ARN, status and dates. */
export type ResourceTable = {
  /** Order of creation; lists page by it. */
  seq: Generated<number>
  account: string
  region: string
  kind: Kind
  arn: string
  /** The ARN of the resource this one belongs to and is listed under. */
  parent: string | null
  status: Status
  failureReason: string | null
  doc: JSONColumnType<object>
  /** What Describe never shows: files, snapshots, metrics. */
  internal: JSONColumnType<object>
  /** How often a worker has begun this resource's job. */
  attempt: Generated<number>
  progress: JSONColumnType<object> | null
  /** How often the job was begun in all; only the newest run may write. */
  run: Generated<number>
  /** The process of the newest run, and until when the job is its own. */
  worker: string | null
  leaseEnd: Date | null
  createdAt: ColumnType<Date, Date, never>
  updatedAt: Date
}

export type TagTable = { arn: string; key: string; value: string }

/** One row: what only this installation knows (`secret.ts`). */
export type SecretTable = { id: number; value: string }

/** One row: the id of the data directory that belongs to this database (`directory.ts`). */
export type DirectoryTable = { id: string }

export type Tables = {
  resource: ResourceTable
  tag: TagTable
  secret: SecretTable
  directory: DirectoryTable
}
export type Tx = Transaction<Tables>
/** A transaction, or the database itself for one statement that only reads. */
export type Reader = Kysely<Tables>

/**
 * The metadata: embedded (here), for one process, or on a server (`postgres.ts`), for many. A
 * transaction has the database for itself unless it is `read only`.
 */
export type Database = {
  kysely: Kysely<Tables>
  /** Whether other processes may use it too. */
  shared: boolean
  /** How pg-boss reaches the same database. */
  queue: ConstructorOptions
  /** Resolves once the database has answered a query that touches no table. */
  ping(): Promise<void>
  /** Does work that no two processes may do at once: migrations. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

// V8 optimises a WebAssembly function once it has run some 13 MB of code, which is much of Postgres
// while it starts. A later bar takes a sixth off the work of a start and a third off its memory.
setFlagsFromString('--wasm-tiering-budget=100000000')

/**
 * Opens the embedded Postgres in `folder`, made from the initialised template on first use.
 * The caller holds the data directory's lock: PGlite itself has none.
 */
export async function openDatabase(folder: string, template: string): Promise<Database> {
  if (!existsSync(folder)) {
    const partial = `${folder}.partial`
    rmSync(partial, { recursive: true, force: true })
    if (!cloneTemplate(template, partial)) {
      rmSync(partial, { recursive: true, force: true })
      await (await PGlite.create(partial)).close()
    }
    // Postgres writes files for everybody in it.
    chmodSync(partial, 0o700)
    forceAll(partial)
    renameSync(partial, folder)
    force(dirname(folder))
  }
  const pglite = await start(folder)
  const dialect = new PGliteDialect({ pglite })
  dialect.createDriver = () => new ExclusivePGliteDriver({ pglite })
  const kysely = new Kysely<Tables>({ dialect })
  const queueDb = fromPglite(pglite)
  return {
    kysely,
    shared: false,
    queue: {
      db: { ...queueDb, executeSql: inATurn(queueDb.executeSql) },
      backend: 'pglite',
    },
    ping: async () => void (await sql`select 1`.execute(kysely)),
    alone: (work) => work(),
    close: () => pglite.close(),
  }
}

/** Of a Postgres that ends while it starts, PGlite's error does not tell what it said. */
async function start(folder: string): Promise<PGlite> {
  const reasons: string[] = []
  let isStarting = true
  const onStderr = (line: string) => {
    const [, reason] = /(?:FATAL|PANIC|DETAIL): +(.+)/.exec(line) ?? []
    if (isStarting && reason !== undefined) reasons.push(reason)
    return false
  }
  try {
    return await PGlite.create({ fs: new ForcedFiles(folder), startParams, onStderr })
  } catch (error) {
    throw reasons.length > 0 ? new Error(reasons.join(': '), { cause: error }) : error
  } finally {
    isStarting = false
  }
}

/**
 * Runs each statement in a turn of its own of the event loop. PGlite answers without letting the loop turn, so that
 * timers and requests would wait for the end of all statements that follow one another.
 */
const inATurn =
  <Args extends unknown[], Result>(run: (...args: Args) => Promise<Result>) =>
  async (...args: Args): Promise<Result> => {
    await setImmediate()
    return run(...args)
  }

// Postgres touches all its buffers when it starts: 128 MB, its default, cost 200 MB
// of memory and a tenth of a second.
const startParams = [...forcing(PGlite.defaultStartParams), '-c', 'shared_buffers=16MB']

/**
 * The name of the list of folders in a template: a package registry keeps no empty
 * folder, and Postgres needs them.
 */
export const folderList = 'folders.json'

/** False where there is no whole template, or `npm ci` replaced it while it was copied. */
function cloneTemplate(template: string, folder: string): boolean {
  try {
    const { ino } = statSync(template)
    // Hundreds of small files: the asynchronous copy takes three times as
    // long, and nothing else runs yet.
    cpSync(template, folder, { recursive: true })
    const folders = JSON.parse(readFileSync(join(folder, folderList), 'utf8')) as string[]
    for (const each of folders) mkdirSync(join(folder, each), { recursive: true })
    return statSync(template).ino === ino
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/**
 * PGlite has one connection and Kysely's driver hands it to everybody at once, so that a query
 * from outside would land in whatever transaction is open. Here a connection is held by one user
 * at a time, as in a pool of size one.
 */
class ExclusivePGliteDriver extends PGliteDriver {
  readonly #mutex = new Mutex()
  readonly #pglite: PGlite
  #connection: DatabaseConnection | undefined
  constructor(config: { pglite: PGlite }) {
    super(config)
    this.#pglite = config.pglite
  }
  override async acquireConnection(): Promise<DatabaseConnection> {
    await this.#mutex.acquire()
    this.#connection ??= this.#prepare(await super.acquireConnection())
    return this.#connection
  }
  #prepare(connection: DatabaseConnection): DatabaseConnection {
    const run = connection.executeQuery.bind(connection)
    const prepared = inATurn(preparing(this.#pglite, run))
    connection.executeQuery = prepared
    return connection
  }
  override async releaseConnection(): Promise<void> {
    this.#mutex.release()
  }
}
