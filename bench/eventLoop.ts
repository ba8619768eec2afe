import { openSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
import { type LoopDelay, loopDelayVariable } from './loopDelay.ts'

const timerMs = 5

// Loaded before a server (NODE_OPTIONS=--import): at each SIGCONT it writes how late the event loop
// was since the one before.
const path = process.env[loopDelayVariable]
if (isMainThread && path !== undefined) {
  // Processes that this one starts do not write.
  delete process.env[loopDelayVariable]
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  let workMs = 0
  watchWork((ms) => {
    workMs = Math.max(workMs, ms)
  })
  const tell = () => {
    const found: LoopDelay = {
      maxMs: delays.max / 1e6,
      p99Ms: delays.percentile(99) / 1e6,
      workMs,
    }
    delays.reset()
    workMs = 0
    writeFileSync(`${path}.partial`, JSON.stringify(found))
    renameSync(`${path}.partial`, path)
  }
  // A delay counts when it is over.
  process.on('SIGCONT', () => setTimeout(tell, 20))
}

/** Tells of each firing of a timer how much of its delay the thread computed. Linux only. */
function watchWork(found: (ms: number) => void): void {
  if (process.platform !== 'linux') return
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  const text = Buffer.alloc(100)
  const computedMs = () => {
    const length = readSync(file, text, 0, text.length, 0)
    return Number.parseInt(text.toString('latin1', 0, length), 10) / 1e6
  }
  let last = { at: performance.now(), computed: computedMs() }
  const fired = () => {
    const now = { at: performance.now(), computed: computedMs() }
    found(Math.min(now.at - last.at - timerMs, now.computed - last.computed))
    last = now
    setTimeout(fired, timerMs).unref()
  }
  setTimeout(fired, timerMs).unref()
}
