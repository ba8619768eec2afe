// Rules: what a server keeps for itself other users of the machine can neither read nor change; who serves
// need not be who installed.
import { deepEqual, equal } from 'node:assert/strict'
import { globSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startServer } from '../src/cli/serverProcess.ts'
import { templateFolder } from '../src/store/template.ts'
import { databaseFlags } from './testDatabase.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))
const modeOf = (path: string) => statSync(path).mode & 0o777

test('of a data directory others see the buckets alone', async () => {
  await (await startServer(folder, databaseFlags(folder))).stop()
  const names = (await readdir(folder)).filter((name) => name !== 'database.id')
  const open = names.filter((name) => (modeOf(join(folder, name)) & 0o077) !== 0)
  deepEqual(open, ['s3'])
})

test('everybody can read the database that a first start copies, and nobody else change it', () => {
  const wrong = globSync('**', { cwd: templateFolder }).filter((name) => {
    const mode = modeOf(join(templateFolder, name))
    return (mode & 0o444) !== 0o444 || (mode & 0o022) !== 0
  })
  equal(wrong.join(), '')
})
