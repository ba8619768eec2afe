import { sql } from 'kysely'
import { pino } from 'pino'
import { idOf, refuseOther } from './directory.ts'
import { schemaState } from './migrations.ts'
import { openPostgres } from './postgres.ts'

/** What a start would find. */
export type Found = {
  version: string
  schema: Awaited<ReturnType<typeof schemaState>>
  /** The clock of the database. */
  now: Date
}

/** Looks at the database of a data directory, and changes nothing. Throws what a start would. */
export async function lookAtPostgres(url: string, dataDir: string): Promise<Found> {
  const db = await openPostgres(url, pino({ level: 'silent' }))
  try {
    const { rows } = await sql<{ version: string; now: Date }>`
      select current_setting('server_version') as version, clock_timestamp() as now`.execute(
      db.kysely,
    )
    const schema = await schemaState(db.kysely)
    const bound =
      schema === 'none'
        ? undefined
        : await db.kysely.selectFrom('directory').select('id').executeTakeFirst()
    refuseOther(dataDir, await idOf(dataDir), bound?.id)
    return { ...rows[0]!, schema }
  } finally {
    await db.close()
  }
}
