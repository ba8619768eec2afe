import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { withNative } from './native.ts'
import { reference } from './reference.ts'
import { sharedSlots, type ThreadData, type ThreadReply, type ThreadRequest } from './verbs.ts'

const { instructions } = workerData as ThreadData
// Whoever answers requests goes first. Elsewhere this would hold for the whole process.
if (process.platform === 'linux') setPriority(5)
const verbs = withNative(reference, instructions)

/** Entry of a worker thread: answers each request once no block of it is left to take. */
parentPort!.on('message', (request: ThreadRequest) => {
  const reply: ThreadReply = { call: request.call }
  try {
    takeBlocks(request)
  } catch (error) {
    Atomics.store(request.shared, sharedSlots.stopped, 1)
    reply.error = error
  }
  parentPort!.postMessage(reply)
})

function takeBlocks({ verb, args, blockCount, shared }: ThreadRequest): void {
  const run = verbs[verb] as (args: unknown, block: number, shared: Int32Array) => void
  while (Atomics.load(shared, sharedSlots.stopped) === 0) {
    const block = Atomics.add(shared, sharedSlots.next, 1)
    if (block >= blockCount) return
    run(args, block, shared)
    Atomics.add(shared, sharedSlots.finished, 1)
  }
}
