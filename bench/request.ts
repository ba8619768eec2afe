import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { benchFile } from './cache.ts'
import { startNode } from './children.ts'
import { type Load, load, plainRequest, signedRequest } from './httpLoad.ts'
import type { Bench } from './main.ts'
import { median, type Report } from './report.ts'
import { schema, serving } from './shop.ts'

const times = 3
const warmUpMs = 2000
const measureMs = 3000

/**
 * DescribeSchema requests, each signature proved anew, in turn with Fastify alone, which says hello
 * to the same bytes.
 */
export async function request({ report, folder }: Bench): Promise<void> {
  const dataDir = await mkdtemp(join(folder, 'request-'))
  await serving(dataDir, async ({ personalize, endpoint }) => {
    const { schemaArn = '' } = await personalize.createSchema({ name: 'bench', schema })
    const bare = startNode([benchFile('bareFastify.ts')])
    const bareUrl = await bare.line()
    const ours = {
      url: endpoint,
      bytes: await signedRequest(endpoint, 'DescribeSchema', { schemaArn }),
    }
    const hello = { url: bareUrl, bytes: plainRequest(bareUrl, JSON.stringify({ schemaArn })) }
    for (const connections of [1, 8]) await compare(report, ours, hello, connections)
    await bare.end()
  })
}

type Target = { url: string; bytes: string }

async function compare(report: Report, ours: Target, hello: Target, connections: number) {
  await ask(ours, connections, warmUpMs)
  await ask(hello, connections, warmUpMs)
  const runs: Load[] = []
  const bareRuns: Load[] = []
  for (let n = 0; n < times; n++) {
    runs.push(await ask(ours, connections, measureMs))
    bareRuns.push(await ask(hello, connections, measureMs))
  }
  const add = (member: 'perSecond' | 'p50' | 'p99', name: string, unit: string) =>
    report.add(
      `request.connections${connections}.${name}`,
      median(runs.map((run) => run[member])),
      unit,
      { name: 'Fastify alone', value: median(bareRuns.map((run) => run[member])) },
    )
  add('perSecond', 'per_second', 'requests/s')
  add('p50', 'p50_ms', 'ms')
  add('p99', 'p99_ms', 'ms')
}

const ask = ({ url, bytes }: Target, connections: number, forMs: number) =>
  load({ url, next: () => bytes, connections, forMs }).then(allRight)

/** Throws at an answer other than 200. */
export function allRight(run: Load): Load {
  const wrong = [...run.answers].filter(([answer]) => answer !== '200')
  if (wrong.length > 0) throw new Error(`Not all answers are right: ${wrong.join('; ')}`)
  return run
}
