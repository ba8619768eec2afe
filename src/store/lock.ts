import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { CannotStart } from '../errors.ts'

/**
 * Takes the exclusive lock of a data directory. The kernel holds it on behalf of an open DuckDB
 * file, so it ends with the process however the process ends. Throws CannotStart where another
 * process holds it.
 */
export async function lockDataDirectory(dataDir: string): Promise<() => void> {
  const path = join(dataDir, 'lock')
  try {
    return await lock(path)
  } catch (error) {
    if (says(error, 'Could not set lock'))
      throw new CannotStart(
        `${dataDir} is in use by another OpenPersonalize. ` +
          'Stop that one, or choose another folder with --data-dir.',
        { cause: error },
      )
    if (!says(error, 'not a valid DuckDB database file')) throw error
    // Its first owner died, or its disk was full, while it made the file.
    await makeWhole(path)
    return lock(path)
  }
}

async function lock(path: string): Promise<() => void> {
  const instance = await DuckDBInstance.create(path)
  await chmod(path, 0o600) // who may read it can hold the lock, and so keep a server from starting
  return () => instance.closeSync()
}

/**
 * In place: were the file replaced, two processes that do this at once would lock one file each.
 */
async function makeWhole(path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-lock-'))
  try {
    const release = await lock(join(folder, 'lock'))
    release()
    await writeFile(path, await readFile(join(folder, 'lock')))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const says = (error: unknown, text: string) =>
  error instanceof Error && error.message.includes(text)
