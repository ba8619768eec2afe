import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { folderList, openDatabase } from './database.ts'
import { migrate } from './migrations.ts'
import { openQueue } from './queue.ts'

/**
 * Where the initialised database lies from which every first start is
 * cloned: initdb alone takes seconds.
 */
export const templateFolder = fileURLToPath(new URL('../../build/postgres', import.meta.url))

/** Makes the template anew. Run by `npm ci` and before packing. */
export async function makeTemplate(): Promise<void> {
  const partial = `${templateFolder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(dirname(templateFolder), { recursive: true })
  const database = await openDatabase(partial, '')
  await migrate(database.kysely)
  const queue = await openQueue(database, pino({ level: 'silent' }))
  await queue.close()
  await database.close()
  const entries = await readdir(partial, { recursive: true, withFileTypes: true })
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(partial, join(entry.parentPath, entry.name)))
  await writeFile(join(partial, folderList), JSON.stringify(folders.sort()))
  await rm(templateFolder, { recursive: true, force: true })
  await rename(partial, templateFolder)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await makeTemplate()
