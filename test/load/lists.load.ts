/** A page of a list takes as long at the end of 100,000 resources as at its beginning. */
import { equal, ok } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { startServer } from '../../src/cli/serverProcess.ts'
import { readConfig } from '../../src/config.ts'
import { open } from '../../src/context.ts'
import { schemaTexts } from '../smallShop.ts'
import { send } from '../wireServer.ts'

const count = 100_000
const msMax = 20
const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-load-'))
const account = 'arn:aws:personalize:us-east-1:123456789012'

/** Schemas, all after as many solutions of two groups, so that neither list finds its rows side by side. */
async function fill() {
  const config = readConfig(['--data-dir', dataDir, '--log-level', 'error'], {})
  const ctx = await open(config)
  const doc = JSON.stringify({ name: 'n', schema: schemaTexts.Interactions, datasetGroupArn: 'g' })
  for (const kind of ['solution', 'schema'])
    await sql`
      insert into resource
        (account, region, kind, arn, parent, status, doc, internal, "createdAt", "updatedAt")
      select '123456789012', 'us-east-1', ${kind}, ${`${account}:${kind}/`} || n,
        case ${kind} when 'schema' then null else ${`${account}:dataset-group/`} || n % 2 end,
        'ACTIVE', ${doc}::json, '{}', now(), now()
      from generate_series(1, ${count}) as n`.execute(ctx.db.kysely)
  await ctx.close()
}
await fill()
const { endpoint, stop } = await startServer(dataDir, ['--log-level', 'error'])
after(async () => {
  await stop()
  await rm(dataDir, { recursive: true, force: true })
})

const lists: [what: string, operation: string, input: object, size: number][] = [
  ['schemas', 'ListSchemas', {}, count],
  [
    'solutions of a group',
    'ListSolutions',
    { datasetGroupArn: `${account}:dataset-group/1` },
    count / 2,
  ],
  ['solutions of no group', 'ListSolutions', { datasetGroupArn: `${account}:dataset-group/x` }, 0],
]

for (const [what, operation, input, size] of lists)
  test(`each page of ${what} takes less than ${msMax} ms at any depth`, async (t) => {
    const took: number[] = []
    let seen = 0
    let nextToken: string | undefined
    do {
      const body = JSON.stringify({ ...input, nextToken })
      const began = performance.now()
      const { text, status } = await send(endpoint, { target: operation, body })
      took.push(performance.now() - began)
      equal(status, 200, text)
      const page = JSON.parse(text)
      seen += (page.schemas ?? page.solutions).length
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    equal(seen, size)
    // A machine that is busy may hold up a page, but not all of one part.
    const tenth = Math.ceil(took.length / 10)
    const medians = Array.from({ length: Math.ceil(took.length / tenth) }, (_, n) =>
      median(took.slice(n * tenth, (n + 1) * tenth)),
    )
    t.diagnostic(
      `medians of ${medians.length} parts: ${medians.map((ms) => ms.toFixed(1)).join(', ')} ms`,
    )
    ok(Math.max(...medians) < msMax, String(medians))
  })

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >>> 1]!
