import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CannotStart } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Database } from './database.ts'

// The data directory of a Postgres server, which several processes share: its id stands in the
// directory and in the database, so that nobody sweeps the files of another database.

const idFile = 'database.id'

/** Throws CannotStart where the files of the directory belong to a Postgres server. */
export function requireEmbedded(dataDir: string): void {
  if (existsSync(join(dataDir, idFile)))
    throw new CannotStart(
      `The files in ${dataDir} belong to a Postgres server. ` +
        'Set its DATABASE_URL, or choose another folder with --data-dir.',
    )
}

/**
 * Binds a new directory to a new database, and throws CannotStart where they do not belong
 * together. One process at a time (`Database.alone`).
 */
export async function requirePair({ kysely }: Database, dataDir: string): Promise<void> {
  const inDirectory = await idOf(dataDir)
  const row = await kysely.selectFrom('directory').select('id').executeTakeFirst()
  refuseOther(dataDir, inDirectory, row?.id)
  if (row) return
  if (await hasFiles(dataDir)) throw new CannotStart(foreign(dataDir))
  const id = randomUUID()
  await kysely.transaction().execute(async (tx) => {
    await tx.insertInto('directory').values({ id }).execute()
    await writeFile(join(dataDir, idFile), `${id}\n`, { flush: true })
  })
}

/** Throws CannotStart where the ids of a directory and a database differ; a new one has none. */
export function refuseOther(
  dataDir: string,
  inDirectory: string | undefined,
  inDatabase: string | undefined,
): void {
  if (inDatabase !== inDirectory) throw new CannotStart(foreign(dataDir))
}

/** The id that stands in a directory; CannotStart where it holds an embedded database. */
export async function idOf(dataDir: string): Promise<string | undefined> {
  if (existsSync(join(dataDir, 'postgres')))
    throw new CannotStart(
      `${dataDir} has an embedded database, which a DATABASE_URL does not replace. ` +
        'Choose another folder with --data-dir, or leave DATABASE_URL out.',
    )
  const path = join(dataDir, idFile)
  return existsSync(path) ? (await readFile(path, 'utf8')).trim() : undefined
}

const foreign = (dataDir: string) =>
  `The database of DATABASE_URL does not belong to the files in ${dataDir}. All processes of one ` +
  'database share one folder, of one folder one database (database.id tells them apart): ' +
  'name the right ones, or new ones.'

async function hasFiles(dataDir: string): Promise<boolean> {
  const found = await Promise.all(
    ['datasets', 'models'].map((name) => readdir(join(dataDir, name)).catch(() => [])),
  )
  return found.flat().length > 0
}

/** Shows that the process of this scratch folder lives, until it is closed, which removes the folder. */
export function keepScratch(folder: string): () => Promise<void> {
  const touch = setInterval(() => {
    const now = new Date()
    // Gone only where this process was silent for so long that it was swept.
    utimes(folder, now, now).catch(() => undefined)
  }, limits.scratchTouchedMs).unref()
  return async () => {
    clearInterval(touch)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes the scratch folders of processes that died. */
export async function sweepScratch(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const folder = join(root, name)
    const touched = await stat(folder).catch(() => undefined)
    if (touched && touched.mtimeMs < Date.now() - limits.scratchKeptMs)
      await rm(folder, { recursive: true, force: true })
  }
}
