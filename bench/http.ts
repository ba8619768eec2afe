import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres } from '../test/postgres/postgresServer.ts'
import { benchFile } from './cache.ts'
import { startNode } from './children.ts'
import { type Load, load, plainRequest, signedRequest } from './httpLoad.ts'
import type { Bench } from './main.ts'
import { median, type Report } from './report.ts'
import { allRight } from './request.ts'
import { schema, serving } from './shop.ts'

const times = 3
const warmUpMs = 1500
const measureMs = 3000
const connectionCounts = [1, 8, 64]
/** A List shows so many; more than a Create of one run can make are signed before it. */
const listed = 100
const createsPerSecond = 2000

/** Describe, List and Create of schemas on each store, in turn with Fastify alone, which says hello. */
export async function http({ report, folder }: Bench): Promise<void> {
  const bare = startNode([benchFile('bareFastify.ts')])
  const bareUrl = await bare.line()
  const onStore = async (store: string, flags: string[]) => {
    const dataDir = await mkdtemp(join(folder, 'http-'))
    await serving(
      dataDir,
      async ({ endpoint }) => {
        for (const connections of connectionCounts)
          await compare({ report, store, endpoint, bareUrl, connections })
      },
      { flags },
    )
  }
  await onStore('pglite', [])
  const postgres = await startPostgres()
  try {
    await onStore('postgres', ['--database-url', postgres.url])
  } finally {
    await postgres.stop()
  }
  await bare.end()
}

type Compared = {
  report: Report
  store: string
  endpoint: string
  bareUrl: string
  connections: number
}

async function compare({ report, store, endpoint, bareUrl, connections }: Compared) {
  const name = (n: number) => ({ name: `c${connections}-${n}`, schema })
  const schemaArn = `arn:aws:personalize:us-east-1:123456789012:schema/${name(0).name}`
  let created = 0
  const sign = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () => signedRequest(endpoint, 'CreateSchema', name(created++))),
    )
  const first = await sign(listed)
  await load({ url: endpoint, next: () => first.pop(), connections: 1, forMs: 60_000 })
  const same = (bytes: string) => async () => () => bytes
  const describe = await signedRequest(endpoint, 'DescribeSchema', { schemaArn })
  const list = await signedRequest(endpoint, 'ListSchemas', { maxResults: listed })
  const hello = plainRequest(bareUrl, JSON.stringify({ schemaArn }))
  const asked: Record<
    string,
    [url: string, prepare: (forMs: number) => Promise<() => string | undefined>]
  > = {
    describe: [endpoint, same(describe)],
    list: [endpoint, same(list)],
    create: [
      endpoint,
      async (forMs) => {
        const requests = await sign((forMs / 1000) * createsPerSecond)
        return () => requests.pop()
      },
    ],
    bare: [bareUrl, same(hello)],
  }
  const runs = new Map(Object.keys(asked).map((what) => [what, [] as Load[]]))
  for (let n = 0; n <= times; n++)
    for (const [what, [url, prepare]] of Object.entries(asked)) {
      const forMs = n === 0 ? warmUpMs : measureMs
      const run = await load({ url, next: await prepare(forMs), connections, forMs })
      if (n > 0) runs.get(what)!.push(allRight(run))
    }
  const of = (what: string, member: 'perSecond' | 'p50' | 'p99') =>
    median(runs.get(what)!.map((run) => run[member]))
  for (const what of ['describe', 'list', 'create'])
    for (const [member, row, unit] of rows)
      report.add(`http.${store}.${what}.connections${connections}.${row}`, of(what, member), unit, {
        name: 'Fastify alone',
        value: of('bare', member),
      })
}

const rows = [
  ['perSecond', 'per_second', 'requests/s'],
  ['p50', 'p50_ms', 'ms'],
  ['p99', 'p99_ms', 'ms'],
] as const
