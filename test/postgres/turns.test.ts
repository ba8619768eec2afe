// Rules: transactions of all processes take turns, so that a quota holds for all together; one that
// hangs loses its turn; types are those of the embedded database.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startServer } from '../../src/cli/serverProcess.ts'
import { limits } from '../../src/limits.ts'
import { client } from '../harness.ts'
import { schemaTexts } from '../smallShop.ts'
import { databaseFlags, dropDatabase, openTestDatabase } from '../testDatabase.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
const flags = [...databaseFlags(dataDir), '--quota-schemas', '5']
after(async () => {
  dropDatabase(dataDir)
  await rm(dataDir, { recursive: true, force: true })
})

test('a quota holds for all servers together, and each sees what the others made', async () => {
  const servers = await Promise.all([startServer(dataDir, flags), startServer(dataDir, flags)])
  const clients = servers.map(({ endpoint }) => client(endpoint))
  const asked = Array.from({ length: 40 }, (_, n) =>
    clients[n % 2]!.createSchema({ name: `schema-${n % 20}`, schema: schemaTexts.Users }),
  )
  const answers = await Promise.allSettled(asked)
  const refusals = answers.flatMap((each) =>
    each.status === 'rejected' ? [each.reason.name as string] : [],
  )
  equal(answers.length - refusals.length, 5)
  ok(refusals.every((name) => /^(LimitExceeded|ResourceAlreadyExists)Exception$/.test(name)))
  const [one, other] = await Promise.all(clients.map((each) => each.listSchemas({})))
  equal(one!.schemas!.length, 5)
  deepEqual(one!.schemas, other!.schemas)
  for (const each of clients) each.destroy()
  for (const server of servers) equal(await server.stop(), 0)
})

test('a transaction that is silent for too long loses its turn, and changes nothing', async () => {
  const [silent, next] = await Promise.all([openTestDatabase(dataDir), openTestDatabase(dataDir)])
  const began = performance.now()
  const hangs = silent.kysely.transaction().execute(async (tx) => {
    await tx.deleteFrom('resource').execute()
    await sleep(limits.transactionIdleMs + 1000)
    await tx.selectFrom('resource').selectAll().execute()
  })
  hangs.catch(() => undefined)
  await sleep(200)
  const rows = await next.kysely
    .transaction()
    .execute((tx) => tx.selectFrom('resource').selectAll().orderBy('seq').execute())
  const ms = performance.now() - began
  ok(ms > limits.transactionIdleMs - 500 && ms < limits.transactionIdleMs + 900, `${ms} ms`)
  await rejects(hangs)
  equal(rows.length, 5)
  equal(typeof rows[0]!.seq, 'number')
  ok(rows[0]!.createdAt instanceof Date)
  equal(typeof rows[0]!.doc, 'object')
  await silent.ping()
  await Promise.all([silent.close(), next.close()])
})
