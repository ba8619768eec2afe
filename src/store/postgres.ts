import {
  CompiledQuery,
  Kysely,
  PostgresDialect,
  PostgresDriver,
  sql,
  type TransactionSettings,
} from 'kysely'
import { Pool, types } from 'pg'
import type { Logger } from 'pino'
import { CannotStart } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Database, Tables } from './database.ts'

const oldestVersion = 15

/**
 * Opens a database of a Postgres server, which any number of processes may share. Throws CannotStart
 * where the server is too old.
 */
export async function openPostgres(url: string, log: Logger): Promise<Database> {
  const session = {
    connectionString: url,
    connectionTimeoutMillis: limits.databaseConnectMs,
    keepAlive: true,
  }
  const pool = new Pool({
    ...session,
    max: limits.databaseConnections,
    application_name: 'openpersonalize',
    options: '-c default_transaction_isolation=read\\ committed',
    // Of a process that hangs, the server takes its turn away.
    idle_in_transaction_session_timeout: limits.transactionIdleMs,
    lock_timeout: limits.transactionTurnMs,
    query_timeout: limits.transactionTurnMs + limits.databaseConnectMs,
    types: { getTypeParser: parserOf as typeof types.getTypeParser },
  })
  // A connection that ends while a transaction has it says so to nobody else.
  pool.on('connect', (client) =>
    client.on('error', (error) => log.warn({ err: error }, 'a connection to the database ended')),
  )
  pool.on('error', () => undefined)
  const dialect = new PostgresDialect({ pool })
  dialect.createDriver = () => new TurnsDriver({ pool })
  const kysely = new Kysely<Tables>({ dialect })
  const close = () => pool.end()
  try {
    await requireVersion(kysely)
  } catch (error) {
    await close()
    throw error
  }
  return {
    kysely,
    shared: true,
    queue: {
      ...session,
      max: limits.queueConnections,
      application_name: 'openpersonalize queue',
    },
    ping: async () => void (await sql`select 1`.execute(kysely)),
    alone: (work) =>
      kysely.connection().execute(async (connection) => {
        await sql`select pg_advisory_lock(${startKey})`.execute(connection)
        return work().finally(() => sql`select pg_advisory_unlock(${startKey})`.execute(connection))
      }),
    close,
  }
}

/** Host, port and name of a database: what may be shown of its URL. */
export function databaseName(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host || 'localhost'}${pathname}`
}

async function requireVersion(kysely: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ number: string; name: string }>`
    select current_setting('server_version_num') as number,
      current_setting('server_version') as name`.execute(kysely)
  const [{ number, name } = { number: '0', name: 'unknown' }] = rows
  if (Math.floor(Number(number) / 10_000) < oldestVersion)
    throw new CannotStart(`PostgreSQL ${oldestVersion} or newer is needed; this is ${name}.`)
}

/** As PGlite reads them: `bigint` is a number; ours are far below 2 ** 53. */
const parserOf = (oid: number, format?: 'text') =>
  oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)

// Keys of advisory locks, arbitrary and ours.
const startKey = 7_301_001
const turnKey = 7_301_002

/**
 * Transactions take turns, whatever process they are of, as they do in the embedded database: so
 * quotas are counted and files are added one after the other. Those that only read need no turn.
 */
class TurnsDriver extends PostgresDriver {
  override async beginTransaction(
    connection: Parameters<PostgresDriver['rollbackTransaction']>[0],
    settings: TransactionSettings,
  ) {
    await super.beginTransaction(connection, settings)
    if (settings.accessMode === 'read only') return
    try {
      await connection.executeQuery(
        CompiledQuery.raw('select pg_advisory_xact_lock($1)', [turnKey]),
      )
    } catch (error) {
      await this.rollbackTransaction(connection)
      throw error
    }
  }
}
