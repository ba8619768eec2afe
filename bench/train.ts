import { writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { openDuck, withConnection } from '../src/data/duck.ts'
import type { Snapshot, TrainingPlan } from '../src/engine/engine.ts'
import type { Pairs } from '../src/engine/local/arrays.ts'
import { stepsPerSolve } from '../src/engine/local/factorise.ts'
import type { BothPairs, Kernel } from '../src/engine/local/kernel.ts'
import { prepareEvents } from '../src/engine/local/prepare.ts'
import { pairsOf, wholeRanges } from '../src/engine/local/split.ts'
import { hiddenDimension } from '../src/recipes/userSegmentation.ts'
import { costOf, inTurn } from './cost.ts'
import { sizes } from './data.ts'
import { fastest, iterate, signal, startFactors, withKernel } from './kernel.ts'
import type { Bench } from './main.ts'
import { startPython } from './python.ts'
import { filesNamed } from './shop.ts'

const factorCount = hiddenDimension.default
const times = 3
const threadCount = availableParallelism()

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
    const { ours, peer } = await sweeps(parquet, join(folder, 'pairs'))
    report.add(
      `train.${size}.sweep_seconds`,
      ours.seconds,
      's',
      peer && { name: 'implicit', value: peer.seconds },
      peer ? `${threadCount} threads; CG steps: ${stepsPerSolve}, implicit 3` : 'no implicit',
    )
  }
}

/** Sweeps, ours and the peer's on the same pairs, width and threads, in turn. */
const sweeps = (interactions: string[], path: string) =>
  withKernel(threadCount, fastest, async (kernel) => {
    const pairs = await readPairs(kernel, interactions, `${path}-scratch`)
    const { byUser } = pairs
    await writePairs(path, byUser)
    const shape = [byUser.rowCount, byUser.columnCount, factorCount, threadCount]
    const implicit = await startPython('implicitPeer.py', ['als', path, ...shape])
    const factors = await startFactors(kernel, pairs, factorCount)
    const options = { alpha0: 0.1, ridge: 1, ridgePerPair: 0.001, steps: stepsPerSolve }
    const sweep = () => costOf(() => iterate(kernel, pairs, factors, options))
    const costs = await inTurn(times, sweep, implicit?.cost)
    await implicit?.end()
    return costs
  })

async function readPairs(
  kernel: Kernel,
  interactions: string[],
  scratch: string,
): Promise<BothPairs> {
  const plan: TrainingPlan = {
    ...{ model: 'itemAffinity', factorCount, seed: 1 },
    ...{ events: [], attributes: [], horizonDays: 30, foresees: 'horizon' },
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
