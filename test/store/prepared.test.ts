/** Prepared statements give what statements give that are read anew, and an error harms nobody else. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { templateFolder } from '../../src/store/template.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-prepared-'))
const { kysely, close } = await openDatabase(join(folder, 'postgres'), templateFolder)
await migrate(kysely)
after(async () => {
  await close()
  await rm(folder, { recursive: true, force: true })
})

const now = new Date('2026-11-28T10:00:00.123Z')
const row = (arn: string) => ({
  ...{ account: 'a', region: 'r', kind: 'schema' as const, arn, status: 'ACTIVE' as const },
  doc: JSON.stringify({ z: 'é"\\', a: [1, null] }),
  internal: '{}',
  createdAt: now,
  updatedAt: now,
})
const insert = (arn: string) => kysely.insertInto('resource').values(row(arn)).execute()
const count = async () => {
  const counted = kysely.selectFrom('resource').select(({ fn }) => fn.countAll().as('n'))
  return Number((await counted.executeTakeFirstOrThrow()).n)
}

test('values of all types come back as they do from statements that are read anew', async () => {
  await insert('one')
  const select = kysely.selectFrom('resource').selectAll()
  const anew = await sql`select * from resource`.execute(kysely)
  for (let times = 0; times < 3; times++) deepEqual(await select.execute(), anew.rows)
  const [found] = await select.execute()
  deepEqual(found?.doc, { z: 'é"\\', a: [1, null] })
  deepEqual([found?.createdAt, found?.parent, found?.attempt], [now, null, 0])
})

test('changes tell how many rows they are about', async () => {
  const patch = kysely.updateTable('resource').set({ attempt: 2 })
  const update = async (arn: string) =>
    (await patch.where('arn', '=', arn).executeTakeFirstOrThrow()).numUpdatedRows
  deepEqual([await update('one'), await update('none')], [1n, 0n])
  const again = kysely.insertInto('resource').values(row('one'))
  const kept = await again.onConflict((c) => c.column('arn').doNothing()).executeTakeFirst()
  equal(kept?.numInsertedOrUpdatedRows, 0n)
})

test('an error ends its own statement or transaction, and nothing else', async () => {
  const before = await count()
  for (let times = 0; times < 3; times++) {
    await rejects(insert('one'), /duplicate key/)
    await rejects(
      kysely.transaction().execute(async (tx) => {
        await tx.insertInto('resource').values(row('two')).execute()
        await tx.insertInto('resource').values(row('one')).execute()
      }),
      /duplicate key/,
    )
    await rejects(
      kysely.selectFrom('resource').select(sql`none`.as('x')).execute(),
      /column "none" does not exist/,
    )
    equal(await count(), before)
  }
  await kysely.transaction().execute((tx) => tx.insertInto('resource').values(row('two')).execute())
  equal(await count(), before + 1)
})

test('texts beyond the most that are kept run too', async () => {
  for (let n = 0; n < 250; n++) {
    const arns = Array.from({ length: n + 1 }, (_, k) => (k === n ? 'one' : `no ${k}`))
    const found = await kysely
      .selectFrom('resource')
      .select('arn')
      .where('arn', 'in', arns)
      .execute()
    deepEqual(found, [{ arn: 'one' }], String(n))
  }
})
