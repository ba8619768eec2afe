import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DuckOptions } from '../../data/duck.ts'
import { JobFailure } from '../../errors.ts'
import type { Engine, ModelDocument, Run, Snapshot, TrainingPlan } from '../engine.ts'
import type { Instructions } from './native.ts'

/** The first message to the process of a training, of a plan or upon a model; any later one stops it. */
export type TrainingData = {
  of: { plan: TrainingPlan } | { model: string }
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

// The compiled package holds trainProcess.js beside trainings.js.
const processPath = fileURLToPath(
  new URL(`./trainProcess${extname(import.meta.url)}`, import.meta.url),
)

const options: ForkOptions = {
  serialization: 'advanced',
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
}

/**
 * Trainings in processes of their own, each with compute threads and a DuckDB within `duck`: the event loop of the
 * caller only passes news on, and memory that runs out ends no more than the training. A training settles once its
 * process has ended. `close()` stops trainings and waits for that.
 */
export function openTrainings(
  duck: DuckOptions,
  instructions: Instructions,
): Pick<Engine, 'train' | 'foldIn' | 'close'> {
  const closing = new AbortController()
  const running = new Set<Promise<unknown>>()
  let count = 0
  const run = async (
    of: TrainingData['of'],
    snapshot: Snapshot,
    folder: string,
    job: Run,
  ): Promise<ModelDocument> => {
    const signal = AbortSignal.any([job.signal, closing.signal])
    signal.throwIfAborted()
    const scratch = join(duck.scratch, `training-${process.pid}-${++count}`)
    const data = { of, snapshot, folder, instructions, duck: { ...duck, scratch } }
    const child = fork(processPath, options)
    const ended = endOf(child).then(() => rm(scratch, { recursive: true, force: true }))
    running.add(ended)
    try {
      child.send(data satisfies TrainingData)
      return await result(child, ended, { ...job, signal })
    } finally {
      await ended
      running.delete(ended)
      // It may have written the model before it heard that it shall stop.
      if (signal.aborted) await rm(folder, { recursive: true, force: true })
      signal.throwIfAborted()
    }
  }
  return {
    train: (plan, ...rest) => run({ plan }, ...rest),
    foldIn: (model, ...rest) => run({ model }, ...rest),
    async close() {
      closing.abort(new Error('The engine is closed.'))
      await Promise.all(running)
    },
  }
}

/** A process has ended when its messages are read too; one that could not start has neither event. */
const endOf = async (child: ChildProcess) => {
  if (child.pid === undefined) return
  await Promise.all(
    ['exit', 'disconnect'].map((event) => new Promise((end) => child.once(event, end))),
  )
}

async function result(
  child: ChildProcess,
  ended: Promise<void>,
  { signal, progress }: Run,
): Promise<ModelDocument> {
  const { promise, resolve, reject } = Promise.withResolvers<ModelDocument>()
  let hasBegun = false
  child.on('message', (news: TrainingNews) => {
    hasBegun = true
    if ('progress' in news) progress(...news.progress)
    else if ('document' in news) resolve(news.document)
    else reject('failure' in news ? new JobFailure(news.failure) : news.error)
  })
  child.on('error', reject)
  ended.then(() => {
    const { signalCode, exitCode } = child
    reject(new Error(`The process of a training ended: ${signalCode ?? `code ${exitCode}`}.`))
  }, reject)
  // It hears a message once it has loaded its code; until then it has nothing to let go of.
  const stop = () => (hasBegun ? child.send('stop') : child.kill('SIGKILL'))
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
