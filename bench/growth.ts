import { stepsPerSolve } from '../src/engine/local/factorise.ts'
import type { SolveOptions } from '../src/engine/local/kernel.ts'
import { costOf, inTurn } from './cost.ts'
import { bestUsers, fastest, iterate, normalFactors, startFactors, withKernel } from './kernel.ts'
import type { Bench } from './main.ts'
import { generatedPairs, type PairsSize, pairsSizes } from './pairs.ts'
import type { Report } from './report.ts'

const times = 3
const threadCount = 2
const queryCount = 32
const options: SolveOptions = { alpha0: 0.1, ridge: 1, ridgePerPair: 0, steps: stepsPerSolve }

/** All that a curve holds still. */
const usual = { ...pairsSizes['5M'], factorCount: 64 }
const usualTop = { userCount: 1_000_000, resultCount: 1000, factorCount: 64 }
/** What grows, one at a time: in names of figures, in the code, and its sizes. */
const iterationCurves = [
  {
    ...{ name: 'interactions', member: 'pairCount' },
    sizes: { '1250k': 1.25e6, '2500k': 2.5e6, '5M': 5e6, '10M': 10e6, '20M': 20e6 },
  },
  {
    ...{ name: 'users', member: 'userCount' },
    sizes: { '35k': 35_000, '69k': 69_000, '138k': 138_000, '276k': 276_000 },
  },
  {
    ...{ name: 'items', member: 'itemCount' },
    sizes: { '7k': 7000, '14k': 14_000, '27k': 27_000, '54k': 54_000 },
  },
  {
    ...{ name: 'factors', member: 'factorCount' },
    sizes: { 32: 32, 64: 64, 128: 128, 160: 160, 256: 256 },
  },
]
const topCurves = [
  {
    ...{ name: 'results', member: 'resultCount' },
    sizes: { 25: 25, '1k': 1000, '10k': 10_000, '100k': 100_000, '1M': 1_000_000 },
  },
  {
    ...{ name: 'users', member: 'userCount' },
    sizes: { '125k': 125_000, '250k': 250_000, '500k': 500_000, '1M': 1e6, '2M': 2e6 },
  },
]

/** How the cost of an iteration of ALS, and of a query, grows with each number of the data. */
export async function growth({ report }: Bench): Promise<void> {
  for (const { name, member, sizes } of iterationCurves)
    await curve(report, `growth.als.${name}`, 'iteration_seconds', sizes, (size) =>
      iterationSeconds({ ...usual, [member]: size }),
    )
  for (const { name, member, sizes } of topCurves)
    await curve(report, `growth.topUsers.${name}`, 'ms_per_query', sizes, async (size) => {
      const seconds = await topSeconds({ ...usualTop, [member]: size })
      return (1000 * seconds) / queryCount
    })
}

/** A row for each size; how much more it costs than the one before, in the note. */
async function curve(
  report: Report,
  name: string,
  unit: string,
  sizes: Record<string, number>,
  measure: (size: number) => Promise<number>,
): Promise<void> {
  let before: { size: number; value: number } | undefined
  for (const [label, size] of Object.entries(sizes)) {
    const value = await measure(size)
    const by = (from: number, to: number) => (to / from).toPrecision(3)
    const note = before && `${by(before.value, value)} times for ${by(before.size, size)} times`
    report.add(
      `${name}${label}.${unit}`,
      value,
      unit.endsWith('seconds') ? 's' : 'ms',
      undefined,
      note,
    )
    before = { size, value }
  }
}

async function iterationSeconds(size: PairsSize & { factorCount: number }): Promise<number> {
  const pairs = await generatedPairs(size)
  return withKernel(threadCount, fastest, async (kernel) => {
    const factors = await startFactors(kernel, pairs, size.factorCount)
    const iteration = () => costOf(() => iterate(kernel, pairs, factors, options))
    return (await inTurn(times, iteration, undefined)).ours.seconds
  })
}

const topSeconds = (size: typeof usualTop): Promise<number> =>
  withKernel(threadCount, fastest, async (kernel) => {
    const factors = await normalFactors(kernel, { ...size, itemCount: queryCount })
    const call = () => costOf(() => bestUsers(kernel, factors, queryCount, size.resultCount))
    return (await inTurn(times, call, undefined)).ours.seconds
  })
