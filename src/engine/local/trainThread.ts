import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { openDuck, withConnection } from '../../data/duck.ts'
import { JobFailure } from '../../errors.ts'
import type { Run } from '../engine.ts'
import { threadKernel } from './kernel.ts'
import { writeModel } from './modelFiles.ts'
import { openThreads } from './threads.ts'
import { train } from './train.ts'
import type { TrainingData, TrainingNews } from './trainings.ts'

// Entry of the thread of one training, with which it ends.
const { plan, snapshot, folder, instructions, duck: options } = workerData as TrainingData
// Whoever answers requests goes first. Elsewhere this would hold for the whole process.
if (process.platform === 'linux') setPriority(5)
const stop = new AbortController()
parentPort!.once('message', () => stop.abort())
const tell = (news: TrainingNews) => parentPort!.postMessage(news)
const run: Run = { signal: stop.signal, progress: (...progress) => tell({ progress }) }

const threads = openThreads(options.threads, instructions)
threads.start()
const kernel = threadKernel(threads, options.threads)
const duck = await openDuck(options)
try {
  const document = await withConnection(
    duck,
    async (connection) => {
      const trained = await train(kernel, connection, plan, snapshot, run)
      run.progress('write', 0, 1)
      await writeModel(connection, trained, folder, run.signal)
      run.progress('write', 1, 1)
      return trained.document
    },
    run.signal,
  )
  tell({ document })
} catch (error) {
  // An error loses its class between threads.
  tell(error instanceof JobFailure ? { failure: error.message } : { error })
} finally {
  parentPort!.close()
  await threads.close()
  await duck.close()
}
