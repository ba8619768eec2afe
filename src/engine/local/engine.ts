import type { KernelChoice } from '../../config.ts'
import type { DuckOptions } from '../../data/duck.ts'
import type { Engine } from '../engine.ts'
import { collectMemory } from './arrays.ts'
import { threadKernel } from './kernel.ts'
import { openModel } from './model.ts'
import { readDocument, readModel } from './modelFiles.ts'
import { chooseInstructions } from './native.ts'
import { openThreads } from './threads.ts'
import { openTrainings } from './trainings.ts'

/**
 * The engine of one machine: each training has a process with a DuckDB within `duck`, and it as well as all models
 * together have `duck.threads` worker threads that compute with the code that `kernel` names (`chooseInstructions`;
 * CannotStart where the machine lacks it). Threads start at the first use; those of a training end with it, the others
 * with `close()`.
 */
export function localEngine(options: { duck: DuckOptions; kernel: KernelChoice }): Engine {
  const { duck } = options
  const { instructions, said } = chooseInstructions(options.kernel)
  const trainings = openTrainings(duck, instructions)
  const pool = openThreads(duck.threads, instructions)
  const kernel = threadKernel(pool, duck.threads)
  return {
    kernel: said,
    train: trainings.train,
    foldIn: trainings.foldIn,
    describe: readDocument,
    async open(folder, signal) {
      const memory = collectMemory()
      try {
        return await memory.during(async () =>
          openModel(kernel, await readModel(kernel, folder, signal), folder, memory),
        )
      } catch (error) {
        await memory.end()
        throw error
      }
    },
    async close() {
      await trainings.close()
      await pool.close()
    },
  }
}
