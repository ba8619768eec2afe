import { availableParallelism, setPriority } from 'node:os'
import { isMainThread, Worker } from 'node:worker_threads'

// The limit of an event loop beside a job: one that has nothing to do, while as many threads as processors only compute,
// at the priority of a training's.
if (isMainThread) {
  for (let n = 0; n < availableParallelism(); n++) new Worker(new URL(import.meta.url))
  process.stdout.write('computing\n')
} else {
  if (process.platform === 'linux') setPriority(5)
  for (;;);
}
