import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Load, load, signedRequest } from './httpLoad.ts'
import type { Bench } from './main.ts'
import { schema, serving } from './shop.ts'

/** What a load has shown: its answers and times, and the megabytes that the server held each second. */
export type Loaded = Load & { mb: number[] }

const described = 50
/** One request in so many is a List, one a Create. */
const listEvery = 5
const createEvery = 10

/**
 * Describe, List and Create over many connections at once. Every answer must be right, and memory
 * must not grow with time.
 */
export async function loading({ report, folder }: Bench): Promise<void> {
  const connections = 64
  const forMs = 60_000
  const dataDir = await mkdtemp(join(folder, 'load-'))
  const { answers, perSecond, p50, p99, mb } = await serving(dataDir, ({ endpoint, pid }) =>
    mixedLoad({ endpoint, pid, connections, forMs }),
  )
  const wrong = [...answers].filter(([answer]) => answer !== '200')
  const name = `load.connections${connections}`
  const note = wrong.map(([answer, count]) => `${answer}: ${count}`).join(', ')
  report.add(`${name}.errors`, total(wrong), 'answers', undefined, note)
  report.add(`${name}.per_second`, perSecond, 'requests/s')
  report.add(`${name}.p50_ms`, p50, 'ms')
  report.add(`${name}.p99_ms`, p99, 'ms')
  if (mb.length === 0) return
  const early = { name: 'after 10 s', value: meanOf(mb.slice(10, 15)) }
  report.add(`${name}.rss_mb`, meanOf(mb.slice(-5)), 'MB', early, 'the last five seconds')
}

const total = (counts: [string, number][]) => counts.reduce((sum, [, count]) => sum + count, 0)

export const meanOf = (values: number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** The load on an empty server, whose process is looked at each second. */
export async function mixedLoad({
  endpoint,
  pid,
  connections,
  forMs,
}: {
  endpoint: string
  pid: number
  connections: number
  forMs: number
}): Promise<Loaded> {
  const sign = (operation: string, input: object) => signedRequest(endpoint, operation, input)
  const arnOf = (n: number) => `arn:aws:personalize:us-east-1:123456789012:schema/first-${n}`
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
  const create = (prefix: string, count: number) =>
    Promise.all(numbers(count).map((n) => sign('CreateSchema', { name: `${prefix}-${n}`, schema })))
  const first = await create('first', described)
  await load({ url: endpoint, next: () => first.pop(), connections: 1, forMs: 60_000 })
  const describes = await Promise.all(
    numbers(described).map((n) => sign('DescribeSchema', { schemaArn: arnOf(n) })),
  )
  const lists = await Promise.all([
    sign('ListSchemas', { maxResults: 20 }),
    sign('ListDatasetGroups', {}),
    sign('ListRecipes', {}),
  ])
  // More than can be made, as a rule; then it goes on without.
  const creates = await create('more', forMs / 5)
  let asked = 0
  const next = () => {
    const n = asked++
    if (n % createEvery === 0 && creates.length > 0) return creates.pop()
    return n % listEvery === 1 ? lists[n % lists.length] : describes[n % describes.length]
  }
  const mb: number[] = []
  const watch = setInterval(async () => mb.push(...(await residentMb(pid))), 1000)
  try {
    return { ...(await load({ url: endpoint, next, connections, forMs })), mb }
  } finally {
    clearInterval(watch)
  }
}

/** Nothing where the system does not tell. */
async function residentMb(pid: number): Promise<number[]> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
  return kilobytes === undefined ? [] : [Number(kilobytes) / 1024]
}
