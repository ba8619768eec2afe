/**
 * What was committed is there after a power cut. The test keeps what was forced to the disk, and opens a database of
 * that alone: a file as it was when it was last forced, none that never was. Names count at once, as with a journal.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { sql } from 'kysely'

const forced = new Map<string, Buffer>()
watchForces()
// What it imports of the file system is what is watched.
const { openDatabase } = await import('../../src/store/database.ts')
const { migrate } = await import('../../src/store/migrations.ts')
const { templateFolder } = await import('../../src/store/template.ts')

const folder = fs.mkdtempSync(join(tmpdir(), 'openpersonalize-power-'))
after(() => fs.rmSync(folder, { recursive: true, force: true }))

test('a power cut loses nothing that was committed', async () => {
  const database = await openDatabase(join(folder, 'postgres'), templateFolder)
  const { kysely } = database
  await migrate(kysely)
  let last = 0
  const committed: string[] = []
  const commit = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const arn = `${++last}`
      await kysely.insertInto('resource').values(row(arn)).execute()
      committed.push(arn)
    }
  }
  const cuts: { disk: string; known: string[] }[] = []
  const cut = () => {
    cuts.push({ disk: copyForced(`cut-${cuts.length}`), known: committed.slice() })
  }
  cut()
  await commit(1)
  cut()
  await commit(20)
  await sql`checkpoint`.execute(kysely)
  cut()
  await kysely.deleteFrom('resource').where('arn', '=', '1').execute()
  committed.splice(0, 1)
  // A new file of the log begins, and the next checkpoint removes old ones.
  await sql`select pg_switch_wal()`.execute(kysely)
  await commit(20)
  await sql`checkpoint`.execute(kysely)
  await commit(5)
  cut()
  await database.close()

  for (const { disk, known } of cuts) {
    const again = await openDatabase(disk, templateFolder)
    const found = await again.kysely.selectFrom('resource').select('arn').execute()
    deepEqual(found.map(({ arn }) => arn).sort(), known.sort())
    await again.close()
  }
})

test('a disk that cannot be forced ends the process, and nothing that was committed before is lost', async () => {
  const path = join(folder, 'failing')
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script(path)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, said, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  deepEqual([out, code], ['committed\n', 1])
  match(said, /The server ends: its database cannot be forced to the disk: EIO/)
  const again = await openDatabase(path, templateFolder)
  const { rows } = await sql`select arn from resource where arn = 'before'`.execute(again.kysely)
  equal(rows.length, 1)
  await again.close()
})

const now = new Date()
const row = (arn: string) => ({
  ...{ account: 'a', region: 'r', kind: 'schema' as const, arn, status: 'ACTIVE' as const },
  ...{ doc: '{}', internal: '{}', createdAt: now, updatedAt: now },
})

/** Commits a row, and another one when the disk fails. */
const script = (path: string) => `
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const { openDatabase } = await import(${JSON.stringify(import.meta.resolve('../../src/store/database.ts'))})
  const { kysely } = await openDatabase(${JSON.stringify(path)}, ${JSON.stringify(templateFolder)})
  const insert = (arn) => kysely.insertInto('resource').values({
    account: 'a', region: 'r', kind: 'schema', arn, status: 'ACTIVE', doc: '{}', internal: '{}',
    createdAt: new Date(), updatedAt: new Date(),
  }).execute()
  await insert('before')
  process.stdout.write('committed\\n')
  fs.fsyncSync = () => { throw new Error('EIO: i/o error, fsync') }
  syncBuiltinESMExports()
  await insert('after')
  process.stdout.write('committed\\n')
`

/** Notes the content of each file when it is forced to the disk. */
function watchForces(): void {
  const paths = new Map<number, string>()
  const { openSync, fsyncSync, renameSync } = fs
  fs.openSync = (path, ...rest) => {
    const file = openSync(path, ...rest)
    paths.set(file, String(path))
    return file
  }
  fs.fsyncSync = (file) => {
    fsyncSync(file)
    const path = paths.get(file)!
    if (fs.statSync(path).isFile()) forced.set(path, fs.readFileSync(path))
  }
  fs.renameSync = (from, to) => {
    renameSync(from, to)
    for (const [path, content] of [...forced]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      forced.delete(path)
      forced.set(`${to}${path.slice(String(from).length)}`, content)
    }
  }
  syncBuiltinESMExports()
}

/** A copy of the database's folder as a power cut would leave it. */
function copyForced(name: string): string {
  const from = join(folder, 'postgres')
  const to = join(folder, name)
  for (const entry of fs.readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const copy = join(to, path.slice(from.length))
    if (entry.isDirectory()) fs.mkdirSync(copy, { recursive: true })
    const content = forced.get(path)
    if (content === undefined) continue
    fs.mkdirSync(dirname(copy), { recursive: true })
    fs.writeFileSync(copy, content)
  }
  return to
}
