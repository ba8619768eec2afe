import { writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { openDuck, withConnection } from '../src/data/duck.ts'
import type { Snapshot, TrainingPlan } from '../src/engine/engine.ts'
import type { Pairs } from '../src/engine/local/arrays.ts'
import { threadKernel } from '../src/engine/local/kernel.ts'
import { prepareEvents } from '../src/engine/local/prepare.ts'
import { pairsOf, wholeRanges } from '../src/engine/local/split.ts'
import { openThreads } from '../src/engine/local/threads.ts'
import { hiddenDimension } from '../src/recipes/userSegmentation.ts'
import { sizes } from './data.ts'
import { startImplicit } from './implicit.ts'
import type { Bench } from './main.ts'
import { median } from './report.ts'
import { filesNamed } from './shop.ts'

const factorCount = hiddenDimension.default
const times = 3
const { signal } = new AbortController()

/**
 * A training from Create to ACTIVE, and one sweep of its ALS in turn with an iteration of
 * `implicit`.
 */
export async function train({ report, folder, sizes: names, trained }: Bench): Promise<void> {
  for (const size of names) {
    const { dataDir, measured } = await trained(size)
    const { seconds, peakMb } = measured
    const note = `hidden_dimension ${factorCount}, settings chosen from 7`
    report.add(`train.${size}.seconds`, seconds, 's', undefined, note)
    report.add(`train.${size}.events_per_second`, sizes[size]!.eventCount / seconds, 'events/s')
    if (peakMb !== undefined) report.add(`train.${size}.peak_mb`, peakMb, 'MB')

    const parquet = await filesNamed(dataDir, 'datasets/**/*.parquet')
    const { ours, implicit } = await sweeps(parquet, join(folder, 'pairs'))
    const peer = implicit && { name: 'implicit', value: median(implicit) }
    const threads = `${availableParallelism()} threads, 3 CG steps`
    report.add(
      `train.${size}.sweep_seconds`,
      median(ours),
      's',
      peer,
      peer ? threads : 'no implicit',
    )
  }
}

/**
 * Seconds of sweeps over users and items, ours and the peer's on the same pairs, width and threads,
 * in turn.
 */
async function sweeps(interactions: string[], path: string) {
  const threadCount = availableParallelism()
  const threads = openThreads(threadCount)
  const kernel = threadKernel(threads)
  const { byUser, byItem } = await readPairs(kernel, interactions, `${path}-scratch`)
  await writePairs(path, byUser)
  const shape = [byUser.rowCount, byUser.columnCount, factorCount, threadCount]
  const peer = await startImplicit(['sweep', path, ...shape.map(String)])
  const users = await kernel.init(byUser.rowCount, factorCount, 0.01, 1, signal)
  const items = await kernel.init(byItem.rowCount, factorCount, 0.01, 2, signal)
  const settings = { alpha0: 0.1, lambda: 0.001, steps: 3 }
  const ours: number[] = []
  const implicit: number[] = []
  for (let n = 0; n <= times; n++) {
    const began = performance.now()
    await kernel.solve(byUser, users, items, settings, signal)
    await kernel.solve(byItem, items, users, settings, signal)
    const seconds = (performance.now() - began) / 1000
    const peerSeconds = await peer?.seconds()
    // The first of each warms up.
    if (n === 0) continue
    ours.push(seconds)
    if (peerSeconds !== undefined) implicit.push(peerSeconds)
  }
  await peer?.end()
  await threads.close()
  return { ours, implicit: peer && implicit }
}

async function readPairs(
  kernel: ReturnType<typeof threadKernel>,
  interactions: string[],
  scratch: string,
): Promise<{ byUser: Pairs; byItem: Pairs }> {
  const plan: TrainingPlan = {
    ...{ model: 'itemAffinity', factorCount, seed: 1 },
    ...{ events: [], attributes: [] },
  }
  const snapshot: Snapshot = { interactions, items: [], users: [] }
  const duck = await openDuck({
    threads: availableParallelism(),
    memoryBytes: Math.floor(totalmem() / 4),
    scratch,
  })
  const events = await withConnection(duck, (c) => prepareEvents(c, plan, snapshot))
  await duck.close()
  return pairsOf(kernel, events, wholeRanges(events), signal)
}

/** Two files of little-endian 32-bit integers: where each user's items start, and the items. */
async function writePairs(path: string, { starts, columns, rowCount }: Pairs): Promise<void> {
  await writeFile(`${path}.starts`, starts)
  await writeFile(`${path}.columns`, columns.subarray(0, starts[rowCount]))
}
