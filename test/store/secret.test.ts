/** Each installation has a secret of its own, and keeps it. */
import { deepEqual, equal, notDeepEqual } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { installationSecret } from '../../src/store/secret.ts'
import { templateFolder } from '../../src/store/template.ts'

test('the secret is another in each database, and the same after a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-secret-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const secretIn = async (name: string) => {
    const db = await openDatabase(join(folder, name), templateFolder)
    await migrate(db.kysely)
    const secrets = await Promise.all([1, 2].map(() => installationSecret(db.kysely)))
    await db.close()
    deepEqual(secrets[0], secrets[1])
    return secrets[0]!
  }
  const first = await secretIn('first')
  equal(first.length, 32)
  deepEqual(await secretIn('first'), first)
  notDeepEqual(await secretIn('second'), first)
})
