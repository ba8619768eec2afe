import type { KernelChoice } from '../../config.ts'
import { type Duck, withConnection } from '../../data/duck.ts'
import type { Engine } from '../engine.ts'
import { collectMemory, withMemory } from './arrays.ts'
import { threadKernel } from './kernel.ts'
import { openModel } from './model.ts'
import { readModel, writeModel } from './modelFiles.ts'
import { chooseInstructions } from './native.ts'
import { openThreads } from './threads.ts'
import { train } from './train.ts'

/**
 * The engine of one machine: DuckDB reads and writes columns, `threads` worker threads compute with the code that
 * `kernel` names (`chooseInstructions`; CannotStart where the machine lacks it). Threads start at the first use and end
 * with `close()`.
 */
export function localEngine(options: {
  duck: Duck
  threads: number
  kernel: KernelChoice
}): Engine {
  const { duck } = options
  const { instructions, said } = chooseInstructions(options.kernel)
  const pool = openThreads(options.threads, instructions)
  const kernel = threadKernel(pool, options.threads)
  return {
    kernel: said,
    train: (plan, snapshot, folder, run) =>
      withConnection(
        duck,
        (connection) =>
          withMemory(async () => {
            const trained = await train(kernel, connection, plan, snapshot, run)
            run.progress('write', 0, 1)
            await writeModel(connection, trained, folder, run.signal)
            run.progress('write', 1, 1)
            return trained.document
          }),
        run.signal,
      ),
    async open(folder, signal) {
      const memory = collectMemory()
      try {
        return await memory.during(async () =>
          openModel(kernel, await readModel(kernel, folder, signal), folder, memory, signal),
        )
      } catch (error) {
        await memory.end()
        throw error
      }
    },
    close: () => pool.close(),
  }
}
