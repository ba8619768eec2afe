import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { pino } from 'pino'
import { type Database, folderList, openDatabase } from './database.ts'
import { migrate } from './migrations.ts'
import { openQueue } from './queue.ts'

/**
 * Where the initialised database lies from which every first start is
 * cloned: initdb alone takes seconds.
 */
export const templateFolder = fileURLToPath(new URL('../../build/postgres', import.meta.url))

/** Makes the template anew and puts it in place whole. Run by `npm ci` and before packing. */
export async function makeTemplate(): Promise<void> {
  await mkdir(dirname(templateFolder), { recursive: true })
  const workshop = await mkdtemp(`${templateFolder}-`)
  try {
    const made = join(workshop, 'new')
    const database = await openDatabase(made, '')
    await migrate(database.kysely)
    const queue = await openQueue(database, pino({ level: 'silent' }))
    await queue.close()
    await dropTemplates(database)
    await database.close()
    // Who installs may not be who serves; Postgres keeps some files to itself, and lets everybody write the others.
    await chmod(made, 0o755)
    const folders: string[] = []
    for (const entry of await readdir(made, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isDirectory()) folders.push(relative(made, path))
      else await chmod(path, 0o644)
    }
    await writeFile(join(made, folderList), JSON.stringify(folders.sort()))
    if (existsSync(templateFolder)) await rename(templateFolder, join(workshop, 'old'))
    await rename(made, templateFolder)
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

/** Only `create database` needs Postgres' own templates, and they are 600 of 1,061 files. */
async function dropTemplates({ kysely }: Database): Promise<void> {
  await sql`update pg_database set datistemplate = false`.execute(kysely)
  for (const name of ['template0', 'template1'])
    await sql`drop database ${sql.id(name)}`.execute(kysely)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await makeTemplate()
