import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Database, openDatabase } from '../src/store/database.ts'
import { openPostgres } from '../src/store/postgres.ts'
import { templateFolder } from '../src/store/template.ts'

/**
 * The Postgres server whose databases the tests' servers use; undefined where each has its own,
 * embedded. Set by `npm run test:postgres`.
 */
export const testServer = process.env.TEST_DATABASE_URL || undefined

/** An initialised database of it, which others are copied from, and the program to ask it with. */
export const templateName = 'openpersonalize_template'
const psql = process.env.TEST_PSQL ?? 'psql'

const made = new Set<string>()

/** The flags of a server on this data directory: with the tests' Postgres, a database of its own. */
export function databaseFlags(dataDir: string): string[] {
  if (testServer === undefined) return ['--database-url', '']
  if (!made.has(dataDir)) copyDatabase(templateName, nameOf(dataDir))
  made.add(dataDir)
  // A killed server's jobs wait for the end of its leases.
  return ['--database-url', databaseUrl(nameOf(dataDir)), '--lease-seconds', '2']
}

/** The database of such a server, opened here. */
export function openTestDatabase(dataDir: string): Promise<Database> {
  const [, url] = databaseFlags(dataDir)
  return url
    ? openPostgres(url, pino({ level: 'error' }, process.stderr))
    : openDatabase(join(dataDir, 'postgres'), templateFolder)
}

/** Copies a data directory that no server uses, with the database that belongs to it. */
export async function copyData(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true })
  if (testServer === undefined) return
  copyDatabase(nameOf(from), nameOf(to))
  made.add(to)
}

/** Forgets the database of a data directory. */
export function dropDatabase(dataDir: string): void {
  if (made.delete(dataDir)) ask(`drop database "${nameOf(dataDir)}" with (force)`)
}

/** Asks the tests' Postgres server, or one of its databases. */
export function ask(statement: string, name = 'postgres'): string {
  const flags = ['--no-psqlrc', '--tuples-only', '--no-align', '--command', statement]
  return execFileSync(psql, [...flags, databaseUrl(name)], { stdio: 'pipe' })
    .toString()
    .trim()
}

const copyDatabase = (from: string, to: string) => ask(`create database "${to}" template "${from}"`)

export const nameOf = (dataDir: string) =>
  `test_${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`

export function databaseUrl(name: string): string {
  const url = new URL(testServer!)
  url.pathname = name
  return url.href
}
