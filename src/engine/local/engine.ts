import { type Duck, withConnection } from '../../data/duck.ts'
import type { Engine } from '../engine.ts'
import { threadKernel } from './kernel.ts'
import { openModel } from './model.ts'
import { readModel, writeModel } from './modelFiles.ts'
import { openThreads } from './threads.ts'
import { train } from './train.ts'

/**
 * The engine of one machine: DuckDB reads and writes columns, `threads` worker threads compute. Threads start at the
 * first use and end with `close()`.
 */
export function localEngine({ duck, threads }: { duck: Duck; threads: number }): Engine {
  const pool = openThreads(threads)
  const kernel = threadKernel(pool)
  return {
    train: (plan, snapshot, folder, run) =>
      withConnection(
        duck,
        async (connection) => {
          const trained = await train(kernel, connection, plan, snapshot, run)
          run.progress('write', 0, 1)
          await writeModel(connection, trained, folder, run.signal)
          run.progress('write', 1, 1)
          return trained.document
        },
        run.signal,
      ),
    open: (folder) =>
      withConnection(duck, async (connection) =>
        openModel(kernel, await readModel(connection, folder), folder),
      ),
    close: () => pool.close(),
  }
}
