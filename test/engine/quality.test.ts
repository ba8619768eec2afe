import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDuck, readRows, withConnection } from '../../src/data/duck.ts'
import { localEngine } from '../../src/engine/local/engine.ts'
import { kernelChoice } from './testKernel.ts'

const data = join(import.meta.dirname, '../../../shared/data/online-retail')

test('segments of real shop data find more buyers than the most active users do', {
  skip: existsSync(data) ? false : `no data set at ${data}`,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const options = { threads: 2, memoryBytes: 5e8, scratch: join(folder, 'scratch') }
  const duck = await openDuck(options)
  const engine = localEngine({ duck: options, kernel: kernelChoice })
  t.after(async () => {
    await engine.close()
    await duck.close()
    await rm(folder, { recursive: true })
  })
  const events = join(folder, 'events.parquet')
  const [mostActive] = await withConnection(duck, async (connection) => {
    await connection.run(
      `COPY (SELECT DISTINCT USER_ID::VARCHAR AS USER_ID, ITEM_ID::VARCHAR AS ITEM_ID,
         "TIMESTAMP"::BIGINT AS "TIMESTAMP" FROM read_csv('${data}/interactions.csv.gz'))
       TO '${events}'`,
    )
    return readRows<{ hits: number; recall: number }>(connection, mostActiveSql, [events])
  })
  const plan = {
    model: 'itemAffinity' as const,
    ...{ factorCount: 32, seed: 1, events: [], attributes: [] },
    ...{ horizonDays: 30, foresees: 'horizon' as const },
  }
  const run = { signal: new AbortController().signal, progress() {} }
  const snapshot = { interactions: [events], items: [], users: [] }
  const { metrics } = await engine.train(plan, snapshot, join(folder, 'model'), run)
  t.diagnostic(`trained ${JSON.stringify(metrics)}; most active ${JSON.stringify(mostActive)}`)
  assert(metrics.hits_at_1_percent! > 1.15 * mostActive!.hits)
  assert(metrics.recall_at_1_percent! > 1.2 * mostActive!.recall)
})

/** Hits and recall of giving every item the same segment: the 1 % of users with the most events. */
const mostActiveSql = `
  WITH event AS (
    SELECT *, row_number() OVER (PARTITION BY USER_ID ORDER BY "TIMESTAMP", ITEM_ID) AS place,
      count(*) OVER (PARTITION BY USER_ID) AS n FROM read_parquet($1)),
  parted AS (SELECT *, place > n - least(ceil(0.2 * n), n - 1) AS held FROM event),
  train AS (SELECT * FROM parted WHERE NOT held),
  k AS (SELECT greatest(1, round(count(DISTINCT USER_ID) / 100)) AS size FROM train),
  top AS (
    SELECT USER_ID AS topUser FROM train GROUP BY 1
    QUALIFY row_number() OVER (ORDER BY count(*) DESC, USER_ID) <= (SELECT size FROM k)),
  item AS (
    SELECT ITEM_ID, count(*) AS actual, count(topUser) AS hits
    FROM (SELECT DISTINCT USER_ID, ITEM_ID FROM parted WHERE held) LEFT JOIN top ON USER_ID = topUser
    WHERE ITEM_ID IN (SELECT ITEM_ID FROM train) GROUP BY 1)
  SELECT avg(hits) AS hits, avg(hits / least(actual, size)) AS recall FROM item, k`
