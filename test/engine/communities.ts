import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Duck, openDuck, withConnection } from '../../src/data/duck.ts'
import type { Model, Run, SegmentRequest, Snapshot, TrainingPlan } from '../../src/engine/engine.ts'
import { localEngine } from '../../src/engine/local/engine.ts'
import { kernelChoice } from './testKernel.ts'

export const plan: TrainingPlan = {
  model: 'itemAffinity',
  factorCount: 32,
  seed: 3,
  events: [],
  attributes: [],
  horizonDays: 30,
  foresees: 'horizon',
}
export const quiet: Run = { signal: new AbortController().signal, progress() {} }

export async function bench(t: TestContext, threads = 2) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const options = { threads, memoryBytes: 5e8, scratch: join(folder, 'scratch') }
  const duck = await openDuck(options)
  const engine = localEngine({ duck: options, kernel: kernelChoice })
  t.after(async () => {
    await engine.close()
    await duck.close()
    await rm(folder, { recursive: true })
  })
  return { folder, duck, engine }
}

/** Writes rows that a SELECT makes to a Parquet file. */
export const write = (duck: Duck, select: string, path: string) =>
  withConnection(duck, (connection) => connection.run(`COPY (${select}) TO '${path}'`))

/**
 * 400 users of two communities, 20 events each on the 30 items of their own: users u000..u199 red ones, the others
 * blue ones. Items carry their community as COLOR, every third one `big` as well, and a PRICE.
 */
export async function twoCommunities(folder: string, duck: Duck): Promise<Snapshot> {
  const interactions = join(folder, 'interactions.parquet')
  const items = join(folder, 'items.parquet')
  await write(
    duck,
    `SELECT format('u{:03}', u) AS USER_ID,
       format('i{:02}', (u // 200) * 30 + (hash(u * 1000 + n) % 30)) AS ITEM_ID,
       (1000 * n + u)::BIGINT AS "TIMESTAMP", IF(n % 2 = 0, 'view', 'buy') AS EVENT_TYPE,
       (n / 10.0)::FLOAT AS EVENT_VALUE
     FROM range(400) AS users(u), range(20) AS events(n)`,
    interactions,
  )
  await write(
    duck,
    `SELECT format('i{:02}', i) AS ITEM_ID,
       IF(i < 30, 'red', 'blue') || IF(i % 3 = 0, '|big', '') AS COLOR, (i % 5)::DOUBLE AS PRICE
     FROM range(60) AS items(i)`,
    items,
  )
  return { interactions: [interactions], items: [items], users: [] }
}

export async function idsOf(model: Model, users: Uint32Array): Promise<string[]> {
  let text = ''
  for await (const chunk of model.idText(users, quiet.signal)) text += Buffer.from(chunk)
  return JSON.parse(`[${text}]`)
}

export const asked = (
  items: Uint32Array,
  resultCount: number,
  mask?: Uint8Array,
): SegmentRequest => ({
  query: { items },
  ...{ resultCount, mask },
})
