import { renameSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
import { type LoopDelay, loopDelayVariable } from './loopDelay.ts'

// Loaded before a server (NODE_OPTIONS=--import): at each SIGCONT it writes how late the event loop
// was since the one before.
const path = process.env[loopDelayVariable]
if (isMainThread && path !== undefined) {
  // Processes that this one starts do not write.
  delete process.env[loopDelayVariable]
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const tell = () => {
    const found: LoopDelay = { maxMs: delays.max / 1e6, p99Ms: delays.percentile(99) / 1e6 }
    delays.reset()
    writeFileSync(`${path}.partial`, JSON.stringify(found))
    renameSync(`${path}.partial`, path)
  }
  // A delay counts when it is over.
  process.on('SIGCONT', () => setTimeout(tell, 20))
}
