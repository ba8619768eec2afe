import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { DataDirectoryLocked } from '../errors.ts'

/**
 * Takes the exclusive lock of a data directory. The kernel holds it on behalf of an open
 * DuckDB file, so it ends with the process however the process ends. Throws
 * DataDirectoryLocked where another process holds it.
 */
export async function lockDataDirectory(dataDir: string): Promise<() => void> {
  const path = join(dataDir, 'lock')
  try {
    const instance = await DuckDBInstance.create(path)
    return () => instance.closeSync()
  } catch (error) {
    throw new DataDirectoryLocked(
      `${dataDir} is in use by another OpenPersonalize. Stop that one, or choose another folder with --data-dir.`,
      { cause: error },
    )
  }
}
