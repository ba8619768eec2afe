/** The embedded database shares the event loop with the requests. */
import { equal } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../src/store/database.ts'
import { templateFolder } from '../../src/store/template.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-database-'))
const { kysely, queue, close } = await openDatabase(join(folder, 'postgres'), templateFolder)
after(async () => {
  await close()
  await rm(folder, { recursive: true, force: true })
})

const statements = 20

/** How often the event loop turns during some work. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let ended = false
  const turn = () => {
    turns++
    if (!ended) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  ended = true
  return turns
}

const atLeast = (turns: number) => equal(turns >= statements, true, `${turns} turns`)

test('the event loop turns between the statements of a transaction', async () => {
  const work = kysely.transaction().execute(async (tx) => {
    for (let n = 0; n < statements; n++) await sql`select 1`.execute(tx)
  })
  atLeast(await turnsDuring(() => work))
})

test('and between those of the job queue, which wait for a transaction that is open', async () => {
  const order: string[] = []
  const ask = async (n: number) => {
    await queue.db!.executeSql('select 1')
    order.push(`queue ${n}`)
  }
  let asked: Promise<void> | undefined
  await kysely.transaction().execute(async (tx) => {
    asked = ask(0)
    for (let n = 0; n < statements; n++) await sql`select 1`.execute(tx)
    order.push('transaction')
  })
  await asked
  equal(order.join(), 'transaction,queue 0')
  atLeast(
    await turnsDuring(async () => {
      for (let n = 0; n < statements; n++) await ask(n)
    }),
  )
})
