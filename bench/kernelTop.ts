import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kernel } from '../src/engine/local/kernel.ts'
import { costOf, inTurn } from './cost.ts'
import {
  type BothFactors,
  bestUsers,
  fastest,
  normalFactors,
  withKernel,
  writeFactors,
} from './kernel.ts'
import type { Bench } from './main.ts'
import { startPython } from './python.ts'

const times = 5
const threadCount = 1
const userCount = 1_000_000
const factorCount = 64
const queryCountMax = 96
const shapes = [
  { name: 'n25', resultCount: 25, queryCount: 96, goal: { must: 2.5, stretch: 4 } },
  { name: 'n1k', resultCount: 1000, queryCount: 96, goal: { must: 2.5, stretch: 4 } },
  { name: 'n100k', resultCount: 100_000, queryCount: 32, goal: { must: 6, stretch: 12 } },
]
/** Few results: scoring is nearly all of the work. */
const scoring = shapes[0]!
const sgemm = { size: 4096, goal: { must: 0.7, stretch: 0.85 } }
const everybody = { queryCount: 32, goal: { must: 1 / 25, stretch: 1 / 8 } }
const reading = { queryCount: 32, bytes: 1e9 }

/** The best of a million users for some items, in turn with `topk` of `implicit` and limits. */
export async function kernelTop(bench: Bench): Promise<void> {
  await withKernel(threadCount, fastest, async (kernel) => {
    const factors = await normalFactors(kernel, {
      userCount,
      itemCount: queryCountMax,
      factorCount,
    })
    await besideTopk(bench, kernel, factors)
    await besideSgemm(bench, kernel, factors)
    await besideScoring(bench, kernel, factors)
    await besideReading(bench, kernel, factors)
  })
}

async function besideTopk({ report, folder }: Bench, kernel: Kernel, factors: BothFactors) {
  const path = await mkdtemp(join(folder, 'top-'))
  await writeFactors(path, factors)
  for (const { name, resultCount, queryCount, goal } of shapes) {
    const numbers = [factorCount, factors.users.width, queryCount, resultCount, threadCount]
    const implicit = await startPython('implicitPeer.py', ['topk', path, ...numbers])
    const call = () => costOf(() => bestUsers(kernel, factors, queryCount, resultCount))
    const { ours, peer } = await inTurn(times, call, implicit?.cost)
    await implicit?.end()
    const ms = (seconds: number) => (1000 * seconds) / queryCount
    const besides = (seconds: number | undefined) =>
      seconds === undefined ? undefined : { name: 'implicit topk', value: ms(seconds) }
    const common = { unit: 'ms', better: 'smaller' } as const
    report.reach({
      ...{ name: `topUsers.1M.${name}.ms_per_query`, value: ms(ours.seconds), ...common },
      ...{ peer: besides(peer?.seconds), goal },
      note: `${fastest}, ${queryCount} queries${peer ? '' : '; no implicit'}`,
    })
    report.reach({
      ...{ name: `topUsers.1M.${name}.cpu_ms_per_query`, value: ms(ours.cpuSeconds), ...common },
      peer: besides(peer?.cpuSeconds),
    })
  }
  await rm(path, { recursive: true })
}

/** The whole call as a matrix product, beside the rate of a large one. */
async function besideSgemm({ report }: Bench, kernel: Kernel, factors: BothFactors) {
  const { resultCount, queryCount } = scoring
  const numpy = await startPython('numpyPeer.py', ['multiply', sgemm.size])
  const call = () => costOf(() => bestUsers(kernel, factors, queryCount, resultCount))
  const { ours, peer } = await inTurn(times, call, numpy?.cost)
  await numpy?.end()
  const ownFlop = 2 * userCount * factorCount * queryCount
  const rate = (flop: number, seconds: number) => flop / seconds / 1e9
  report.reach({
    ...{ name: `topUsers.1M.${scoring.name}.gflops`, value: rate(ownFlop, ours.seconds) },
    ...{ unit: 'GFLOP/s', better: 'larger', goal: sgemm.goal },
    peer: peer && { name: 'NumPy sgemm', value: rate(2 * sgemm.size ** 3, peer.seconds) },
    note: peer ? `sgemm of ${sgemm.size}^3` : 'no NumPy',
  })
}

/** All users in order, beside scoring them alone. */
async function besideScoring({ report }: Bench, kernel: Kernel, factors: BothFactors) {
  const { queryCount, goal } = everybody
  const { ours, peer } = await inTurn(
    times,
    () => costOf(() => bestUsers(kernel, factors, queryCount, userCount)),
    () => costOf(() => bestUsers(kernel, factors, scoring.queryCount, scoring.resultCount)),
  )
  report.reach({
    ...{ name: 'topUsers.1M.n1M.ms_per_query', value: (1000 * ours.seconds) / queryCount },
    ...{ unit: 'ms', better: 'smaller', goal },
    peer: { name: 'scoring alone', value: (1000 * peer!.seconds) / scoring.queryCount },
    note: `${queryCount} queries`,
  })
}

/** How fast one thread reads the users' factors, beside how fast it can read anything. */
async function besideReading({ report }: Bench, kernel: Kernel, factors: BothFactors) {
  const { queryCount, bytes } = reading
  const numpy = await startPython('numpyPeer.py', ['read', bytes])
  const call = () => costOf(() => bestUsers(kernel, factors, queryCount, scoring.resultCount))
  const { ours, peer } = await inTurn(times, call, numpy?.cost)
  await numpy?.end()
  report.reach({
    name: `topUsers.1M.${scoring.name}.read_gb_per_second`,
    value: factors.users.values.byteLength / ours.seconds / 1e9,
    ...{ unit: 'GB/s', better: 'larger' },
    peer: peer && { name: 'NumPy reading', value: bytes / peer.seconds / 1e9 },
    note: peer ? `${queryCount} queries read the users once` : 'no NumPy',
  })
}
