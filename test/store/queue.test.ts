// Protects: a queued job is begun soon, once at a time, and stays for the next start where it is not.
import { deepEqual, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { openQueue } from '../../src/store/queue.ts'
import { dropDatabase, openTestDatabase } from '../testDatabase.ts'

async function openForTest(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-queue-'))
  const database = await openTestDatabase(folder)
  const said = new PassThrough({ encoding: 'utf8' })
  const queue = await openQueue(database, pino(said))
  let isOpen = true
  const close = async () => {
    if (isOpen) await queue.close()
    isOpen = false
  }
  t.after(async () => {
    await close()
    await database.close()
    dropDatabase(folder)
    await rm(folder, { recursive: true, force: true })
  })
  const enqueue = (...arns: string[]) =>
    database.kysely.transaction().execute(async (tx) => {
      for (const arn of arns) await queue.enqueue(tx, 'sweep', arn)
    })
  return { queue, database, enqueue, close, said }
}

test('jobs that come while all workers are busy do not wait for the next poll', async (t) => {
  // On a busy machine one try may take long for other reasons; a poll between two jobs is in all of them.
  const tries: number[] = []
  while (tries.length < 3 && !tries.some((ms) => ms < 3 * pollMs)) tries.push(await fourJobs(t))
  ok(Math.min(...tries) < 3 * pollMs, `${tries} ms; the polls would have been seconds apart`)
})

const pollMs = 1000

async function fourJobs(t: TestContext): Promise<number> {
  const { queue, enqueue } = await openForTest(t)
  const began: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  await enqueue('1', '2', '3', '4')
  const start = performance.now()
  const handler = async (_kind: string, arn: string) => {
    await setTimeout(20)
    began.push(arn)
    if (began.length === 4) resolve()
  }
  await queue.work(handler, 1)
  await promise
  deepEqual(began, ['1', '2', '3', '4'])
  return performance.now() - start
}

test('a job is taken and kept wherever the clock jumps', async (t) => {
  const { enqueue, database } = await openForTest(t)
  await enqueue('1')
  const { rows } = await sql<{ due: boolean; kept: boolean }>`
    select start_after < now() - interval '20 years' as due,
      keep_until > now() + interval '20 years' as kept
    from pgboss.job where data ->> 'arn' = '1'`.execute(database.kysely)
  deepEqual(rows, [{ due: true, kept: true }])
})

test('a process that ends asks running jobs to stop and begins none', async (t) => {
  const { queue, enqueue, close } = await openForTest(t)
  const began: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  await enqueue('1', '2')
  await queue.work(async (_kind, arn, signal) => {
    began.push(arn)
    resolve()
    if (!signal.aborted) await once(signal, 'abort')
  }, 1)
  await promise
  await close()
  deepEqual(began, ['1'])
})

test('what a job throws is in the log', async (t) => {
  const { queue, enqueue, said } = await openForTest(t)
  await enqueue('1')
  await queue.work(async () => {
    throw new Error('the disk is full')
  }, 1)
  const [line] = await once(said, 'data')
  match(line, /"err":\{"type":"Error","message":"the disk is full"/)
  match(line, /"arn":"1"/)
})
