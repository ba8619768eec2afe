import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Instructions } from './native.ts'
import {
  sharedSlots,
  type ThreadData,
  type ThreadReply,
  type ThreadRequest,
  type Verb,
  type VerbArgs,
} from './verbs.ts'

/** Worker threads that run verbs over shared arrays. */
export type Threads = {
  /**
   * Runs blocks 0..blockCount-1 of a verb, spread over the threads; arrays in `args` that hold results must be shared.
   * Throws `signal.reason` once the threads have let go when the signal aborts.
   */
  run<V extends Verb>(
    verb: V,
    args: VerbArgs<V>,
    blockCount: number,
    signal: AbortSignal,
    onFinished?: (blocks: number) => void,
  ): Promise<void>
  /** Starts the threads that the first call would otherwise wait for. */
  start(): void
  close(): Promise<void>
}

type Call = {
  shared: Int32Array
  open: number
  error: unknown
  settle: () => void
}

// The compiled package holds worker.js beside threads.js.
const workerUrl = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
const reportEveryMs = 250

/**
 * A pool of `count` threads that compute with these instructions, started at the first call; idle threads do not keep
 * the process alive.
 */
export function openThreads(count: number, instructions: Instructions): Threads {
  const calls = new Map<number, Call>()
  let workers: Worker[] = []
  let lastCall = 0
  let closed = false

  const finish = (id: number, call: Call) => {
    calls.delete(id)
    if (calls.size === 0) for (const worker of workers) worker.unref()
    call.settle()
  }
  const receive = (reply: ThreadReply) => {
    const call = calls.get(reply.call)
    if (call === undefined) return
    call.error ??= reply.error
    call.open--
    if (call.open === 0) finish(reply.call, call)
  }
  const fail = (error: unknown) => {
    workers = []
    for (const [id, call] of [...calls]) {
      call.error ??= error
      finish(id, call)
    }
  }
  const start = () => {
    workers = Array.from({ length: count }, () => {
      const worker = new Worker(workerUrl, { workerData: { instructions } satisfies ThreadData })
      worker.on('message', receive)
      worker.on('error', fail)
      worker.on('exit', () => fail(new Error('A thread of the engine ended.')))
      return worker
    })
  }

  const run: Threads['run'] = async (verb, args, blockCount, signal, onFinished) => {
    signal.throwIfAborted()
    if (blockCount === 0) return
    if (closed) throw new Error('The engine is closed.')
    if (workers.length === 0) start()
    const id = ++lastCall
    const shared = new Int32Array(new SharedArrayBuffer(12))
    const stop = () => Atomics.store(shared, sharedSlots.stopped, 1)
    const report = () => onFinished?.(Atomics.load(shared, sharedSlots.finished))
    const timer = onFinished === undefined ? undefined : setInterval(report, reportEveryMs)
    signal.addEventListener('abort', stop, { once: true })
    try {
      const used = workers.slice(0, blockCount)
      const { promise, resolve } = Promise.withResolvers<void>()
      const call: Call = { shared, open: used.length, error: undefined, settle: resolve }
      calls.set(id, call)
      for (const worker of used) {
        worker.ref()
        worker.postMessage({ call: id, verb, args, blockCount, shared } satisfies ThreadRequest)
      }
      await promise
      signal.throwIfAborted()
      if (call.error !== undefined) throw call.error
      report()
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', stop)
    }
  }

  const close = async () => {
    closed = true
    const ending = workers
    fail(new Error('The engine is closed.'))
    await Promise.all(ending.map((worker) => worker.terminate()))
  }
  return { run, start, close }
}
