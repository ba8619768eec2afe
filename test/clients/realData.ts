import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'

const folder = fileURLToPath(new URL('../../../shared/data/', import.meta.url))

/**
 * Unpacks a real data set into the bucket folder `to`. Skips the test, saying so, when the data are not there:
 * they are not part of the repository, and invented data would prove nothing here.
 */
export async function unpackRealData(t: TestContext, name: string, to: string): Promise<boolean> {
  if (!existsSync(join(folder, name))) {
    t.skip(`the data set ${name} is not there: it belongs into ../shared/data/${name}`)
    return false
  }
  await mkdir(to, { recursive: true })
  for (const table of ['interactions', 'items', 'users'])
    await pipeline(
      createReadStream(join(folder, name, `${table}.csv.gz`)),
      createGunzip(),
      createWriteStream(join(to, `${table}.csv`)),
    )
  return true
}
