import { setPriority } from 'node:os'
import { openDuck, withConnection } from '../../data/duck.ts'
import { JobFailure } from '../../errors.ts'
import type { Run } from '../engine.ts'
import { foldIn } from './foldIn.ts'
import { threadKernel } from './kernel.ts'
import { writeModel } from './modelFiles.ts'
import { openThreads } from './threads.ts'
import { train } from './train.ts'
import type { TrainingData, TrainingNews } from './trainings.ts'

// Entry of the process of one training. Its first message is what to train, the second stops it.
// Whoever answers requests goes first.
setPriority(5)
// Without the server nobody wants the model; nothing of it needs a clean end. The server may have died before.
const die = () => process.kill(process.pid, 'SIGKILL')
process.on('disconnect', die)
if (!process.connected) die()
// Terminals and service managers signal every process; what is to stop, the server tells.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.once('message', (data: TrainingData) => trainOne(data))

const tell = (news: TrainingNews) =>
  new Promise<void>((resolve) => process.send!(news, () => resolve()))

async function trainOne({ of, snapshot, folder, instructions, duck }: TrainingData) {
  const stop = new AbortController()
  process.once('message', () => stop.abort())
  const run: Run = { signal: stop.signal, progress: (...progress) => void tell({ progress }) }
  try {
    const threads = openThreads(duck.threads, instructions)
    threads.start()
    const kernel = threadKernel(threads, duck.threads)
    const document = await withConnection(
      await openDuck(duck),
      async (connection) => {
        const trained = await ('plan' in of
          ? train(kernel, connection, of.plan, snapshot, run)
          : foldIn(kernel, connection, of.model, snapshot, run))
        run.progress('write', 0, 1)
        await writeModel(connection, trained, folder, run.signal)
        run.progress('write', 1, 1)
        return trained.document
      },
      run.signal,
    )
    await tell({ document })
  } catch (error) {
    // An error loses its class between processes.
    await tell(error instanceof JobFailure ? { failure: error.message } : { error })
  }
  process.exit()
}
