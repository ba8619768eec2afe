import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { benchFile } from './cache.ts'
import { startNode } from './children.ts'
import type { Bench } from './main.ts'
import { median } from './report.ts'

const times = 5
const goals = { first: 3000, later: 1500 }
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/**
 * From the start of the process to the line that says it answers, in turn with less: Fastify alone,
 * Node alone.
 */
export async function start({ report, folder }: Bench): Promise<void> {
  const ms: Record<'first' | 'later' | 'fastify' | 'node', number[]> = {
    ...{ first: [], later: [], fastify: [], node: [] },
  }
  for (let n = 0; n < times; n++) {
    const dataDir = await mkdtemp(join(folder, 'start-'))
    const serve = [main, 'serve', '--port', '0', '--data-dir', dataDir, '--log-level', 'error']
    ms.first.push(await lineMs(serve))
    ms.later.push(await lineMs(serve))
    ms.fastify.push(await lineMs([benchFile('bareFastify.ts')]))
    ms.node.push(await lineMs(['-e', 'console.log(0)']))
  }
  const fastify = { name: 'Fastify alone', value: median(ms.fastify) }
  const node = { name: 'node -e 0', value: median(ms.node) }
  report.add('start.first.ms', median(ms.first), 'ms', fastify, `goal ${goals.first} ms`)
  report.add('start.later.ms', median(ms.later), 'ms', fastify, `goal ${goals.later} ms`)
  report.add('start.fastify.ms', fastify.value, 'ms', node)
}

/** Milliseconds until a script of Node writes its first line. */
async function lineMs(args: string[]): Promise<number> {
  const began = performance.now()
  const child = startNode(args)
  await child.line()
  const ms = performance.now() - began
  await child.end()
  return ms
}
