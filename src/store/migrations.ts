import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { CannotStart } from '../errors.ts'
import type { Tables } from './database.ts'

/**
 * Brings the tables up to date. Migrations are numbered, forward-only and never edited. Throws
 * CannotStart where a newer program has been here.
 */
export async function migrate(kysely: Kysely<Tables>): Promise<void> {
  // The migrator's look at all tables costs the embedded Postgres a
  // third of a second at every start.
  if ((await schemaState(kysely)) === 'current') return
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: async () => migrations },
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

/** How far the tables are, which it does not change. Throws CannotStart as `migrate`. */
export async function schemaState(kysely: Kysely<Tables>): Promise<'none' | 'older' | 'current'> {
  const { rows: found } = await sql<{ there: boolean }>`
    select to_regclass('kysely_migration') is not null as there`.execute(kysely)
  if (!found[0]?.there) return 'none'
  const { rows: done } = await sql<{ name: string }>`
    select name from kysely_migration`.execute(kysely)
  const newer = done.map(({ name }) => name).find((name) => !Object.hasOwn(migrations, name))
  if (newer !== undefined)
    throw new CannotStart(
      `The database was brought to ${newer} by a newer OpenPersonalize, which this one does not ` +
        'know. Start that version or a later one.',
    )
  return done.length === Object.keys(migrations).length ? 'current' : 'older'
}

// `json`, not `jsonb`: what a caller sent comes back with its members in the same order.
const migrations: Record<string, Migration> = {
  '0001_resource_and_tag': {
    async up(db) {
      await sql`
        create table resource (
          seq bigint generated always as identity primary key,
          account text not null,
          region text not null,
          kind text not null,
          arn text not null unique,
          parent text,
          status text not null,
          "failureReason" text,
          doc json not null,
          internal json not null,
          attempt integer not null default 0,
          progress json,
          "createdAt" timestamptz(3) not null,
          "updatedAt" timestamptz(3) not null
        )`.execute(db)
      await sql`
        create index resource_by_parent on resource (account, region, kind, parent, seq)`.execute(
        db,
      )
      await sql`
        create index resource_by_status on resource (status)
        where status in ('CREATE PENDING', 'CREATE IN_PROGRESS', 'CREATE STOPPING')`.execute(db)
      await sql`
        create table tag (
          arn text not null references resource (arn) on delete cascade,
          key text not null,
          value text not null,
          primary key (arn, key)
        )`.execute(db)
    },
  },
  '0003_secret_and_kind': {
    async up(db) {
      await sql`create table secret (id integer primary key check (id = 1), value text not null)`.execute(
        db,
      )
      // Lists of all parents page by it.
      await sql`create index resource_by_kind on resource (account, region, kind, seq)`.execute(db)
    },
  },
  '0004_lease': {
    async up(db) {
      await sql`
        alter table resource
          add column run integer not null default 0,
          add column worker text,
          add column "leaseEnd" timestamptz(3)`.execute(db)
      await sql`create table directory (id text not null)`.execute(db)
    },
  },
}
