import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Times between two firings of a timer of an event loop; of the longest that its thread spent computing, `workMs`, and
 * not waiting for a processor. Systems other than Linux do not tell the latter: 0.
 */
export type LoopDelay = { maxMs: number; p99Ms: number; workMs: number }

export const loopDelayVariable = 'BENCH_LOOP_DELAY_FILE'

/** What a process needs in its environment so that it writes its delays to this file when asked. */
export const loopWatch = (path: string): NodeJS.ProcessEnv => {
  const preload = `--import ${new URL('./eventLoop.ts', import.meta.url).href}`
  const options = [process.env.NODE_OPTIONS, preload].filter(Boolean).join(' ')
  return { NODE_OPTIONS: options, [loopDelayVariable]: path }
}

/** Delays of a process since it was asked before. Throws when it is silent for ten seconds. */
export async function delaySince(path: string, pid: number): Promise<LoopDelay> {
  await rm(path, { force: true })
  process.kill(pid, 'SIGCONT')
  for (let n = 0; n < 500; n++) {
    await sleep(20)
    if (existsSync(path)) return JSON.parse(await readFile(path, 'utf8')) as LoopDelay
  }
  throw new Error(`Process ${pid} does not tell how late its event loop was.`)
}
