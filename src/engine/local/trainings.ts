import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { DuckOptions } from '../../data/duck.ts'
import { JobFailure } from '../../errors.ts'
import type { Engine, ModelDocument, Run, Snapshot, TrainingPlan } from '../engine.ts'
import type { Instructions } from './native.ts'

/** What the thread of a training is started with; any message to it stops it. */
export type TrainingData = {
  plan: TrainingPlan
  snapshot: Snapshot
  folder: string
  instructions: Instructions
  duck: DuckOptions
}
/** What it tells: how far it is, and then one of the others. */
export type TrainingNews =
  | { progress: Parameters<Run['progress']> }
  | { document: ModelDocument }
  | { failure: string }
  | { error: unknown }

// The compiled package holds trainThread.js beside trainings.js.
const threadUrl = new URL(
  import.meta.url.endsWith('.ts') ? './trainThread.ts' : './trainThread.js',
  import.meta.url,
)

/**
 * Trainings in threads of their own, each with a heap, compute threads and a DuckDB within `duck`: the event loop of
 * the caller only passes news on. A training settles once its thread has let go of the work; then the thread ends, and
 * with it goes all memory that the training held. `close()` stops trainings and waits for their threads.
 */
export function openTrainings(
  duck: DuckOptions,
  instructions: Instructions,
): Pick<Engine, 'train' | 'close'> {
  const closing = new AbortController()
  const threads = new Set<Promise<void>>()
  let count = 0
  return {
    async train(plan, snapshot, folder, run) {
      const signal = AbortSignal.any([run.signal, closing.signal])
      signal.throwIfAborted()
      const scratch = join(duck.scratch, `training-${++count}`)
      const data = { plan, snapshot, folder, instructions, duck: { ...duck, scratch } }
      const worker = new Worker(threadUrl, { workerData: data satisfies TrainingData })
      const ended = new Promise((resolve) => worker.once('exit', resolve))
        .then(() => rm(scratch, { recursive: true, force: true }))
        .finally(() => threads.delete(ended))
      threads.add(ended)
      const document = await result(worker, { ...run, signal })
      // The thread may have written the model before it heard that it shall stop.
      if (signal.aborted) await rm(folder, { recursive: true, force: true })
      signal.throwIfAborted()
      return document
    },
    async close() {
      closing.abort(new Error('The engine is closed.'))
      await Promise.all(threads)
    },
  }
}

async function result(worker: Worker, { signal, progress }: Run): Promise<ModelDocument> {
  const { promise, resolve, reject } = Promise.withResolvers<ModelDocument>()
  let hasBegun = false
  worker.on('message', (news: TrainingNews) => {
    hasBegun = true
    if ('progress' in news) progress(...news.progress)
    else if ('document' in news) resolve(news.document)
    else reject('failure' in news ? new JobFailure(news.failure) : news.error)
  })
  worker.on('error', reject)
  worker.on('exit', (code) => reject(new Error(`The thread of a training ended: code ${code}.`)))
  const stop = () => {
    worker.postMessage('stop')
    // It hears that once it has loaded its code.
    if (!hasBegun) reject(signal.reason)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await promise
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
