import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stepsPerSolve } from '../src/engine/local/factorise.ts'
import type { SolveOptions } from '../src/engine/local/kernel.ts'
import { type Cost, costOf, inTurn, processorsOf } from './cost.ts'
import { fastest, iterate, startFactors, withKernel, writeFactors } from './kernel.ts'
import type { Bench } from './main.ts'
import { type GeneratedPairs, generatedPairs, pairsSizes } from './pairs.ts'
import { startPython } from './python.ts'

type Run = { size: keyof typeof pairsSizes; factorCount: 64 | 128; threadCount: number }
const runs: Run[] = [
  { size: '5M', factorCount: 64, threadCount: 1 },
  { size: '5M', factorCount: 64, threadCount: 2 },
  { size: '5M', factorCount: 128, threadCount: 1 },
  { size: '5M', factorCount: 128, threadCount: 2 },
  { size: '20M', factorCount: 64, threadCount: 2 },
  { size: '20M', factorCount: 128, threadCount: 2 },
]
const goals = { 64: { must: 3.5, stretch: 6 }, 128: { must: 2, stretch: 4 } }
const lossGoal = { must: 0.999 }
/** Of each from the same factors: one that warms up, the others are measured. */
const iterationCount = 10

/**
 * The objective of `implicit`:
 *   c (1 - s)^2 over the pairs + s^2 over all others + r (|X|^2 + |Y|^2)
 * With s = t s', t = c / (c - 1), it is, but for a constant, a multiple of
 *   (1 - s')^2 over the pairs + alpha0 s'^2 over all + ridge (|X'|^2 + |Y'|^2)
 * so that our factors, multiplied by sqrt(t), are factors of `implicit`.
 */
const [confidence, regularization] = [10, 10]
const t = confidence / (confidence - 1)
const scale = Math.sqrt(t)
const alpha0 = 1 / (confidence - 1)
const options: SolveOptions = {
  alpha0,
  ridge: (alpha0 * regularization) / t,
  ridgePerPair: 0,
  steps: stepsPerSolve,
}

/** An iteration of ALS in turn with one of `implicit`, and the losses that both reach. */
export async function kernelAls(bench: Bench): Promise<void> {
  for (const size of Object.keys(pairsSizes) as Run['size'][]) {
    const pairs = await generatedPairs(pairsSizes[size])
    for (const run of runs.filter((one) => one.size === size)) {
      const folder = await mkdtemp(join(bench.folder, 'als-'))
      const found = await besideImplicit(pairs, run, folder)
      await rm(folder, { recursive: true })
      addRows(bench, run, found)
      if (size === '5M' && run.factorCount === 64 && run.threadCount === 2)
        await besideTwin(bench, pairs, run, found.ours.seconds)
    }
  }
}

type Found = { ours: Cost; peer: Cost | undefined; losses?: { ours: number; peer: number } }

async function besideImplicit(pairs: GeneratedPairs, run: Run, folder: string): Promise<Found> {
  const { factorCount, threadCount } = run
  const { path, byUser } = pairs
  const [ours, implicit] = [join(folder, 'ours'), join(folder, 'implicit')]
  await mkdir(ours)
  await mkdir(implicit)
  return withKernel(threadCount, fastest, async (kernel) => {
    const factors = await startFactors(kernel, pairs, factorCount)
    const { width } = factors.users
    await writeFactors(ours, factors)
    const peer = await startPython('implicitPeer.py', [
      ...['als', path, byUser.rowCount, byUser.columnCount, factorCount, threadCount],
      ...[ours, width, scale, confidence, regularization, implicit],
    ])
    const iteration = () => costOf(() => iterate(kernel, pairs, factors, options))
    const costs = await inTurn(iterationCount - 1, iteration, peer?.cost)
    if (!peer) return costs
    await peer.ask('save')
    await peer.end()
    await writeFactors(ours, factors)
    const losses = {
      ours: await lossOf(path, ours, factorCount, width, scale),
      peer: await lossOf(path, implicit, factorCount, factorCount, 1),
    }
    return { ...costs, losses }
  })
}

/** What the objective of `implicit` is for the factors of a folder, as NumPy finds it. */
async function lossOf(
  path: string,
  folder: string,
  factorCount: number,
  width: number,
  multiplier: number,
): Promise<number> {
  const weights = [multiplier, confidence, regularization]
  const args = ['loss', path, folder, factorCount, width, ...weights]
  const numpy = await startPython('numpyPeer.py', args)
  const [loss = Number.NaN] = (await numpy?.ask('next')) ?? []
  await numpy?.end()
  return loss
}

const nameOf = ({ size, factorCount, threadCount }: Run) =>
  `als.${size}.f${factorCount}.threads${threadCount}`

function addRows({ report }: Bench, run: Run, { ours, peer, losses }: Found): void {
  const name = nameOf(run)
  const smaller = { better: 'smaller' } as const
  const implicit = (value: number | undefined) =>
    value === undefined ? undefined : { name: 'implicit', value }
  report.reach({
    ...{ name: `${name}.seconds`, value: ours.seconds, unit: 's', ...smaller },
    ...{ peer: implicit(peer?.seconds), goal: goals[run.factorCount] },
    note: peer ? `${fastest}; CG steps: ${stepsPerSolve}, implicit 3` : 'no implicit',
  })
  report.reach({
    ...{ name: `${name}.cpu_seconds`, value: ours.cpuSeconds, unit: 's', ...smaller },
    peer: implicit(peer?.cpuSeconds),
    note: `processors busy: ${processorsOf(ours)}${peer ? `, implicit ${processorsOf(peer)}` : ''}`,
  })
  if (losses)
    report.reach({
      ...{ name: `${name}.loss`, value: losses.ours, unit: 'loss', ...smaller },
      ...{ peer: implicit(losses.peer), goal: lossGoal },
      note: `${iterationCount} iterations from the same factors`,
    })
}

/** Once and not warmed up: it takes long. */
async function besideTwin(bench: Bench, pairs: GeneratedPairs, run: Run, seconds: number) {
  const twin = await withKernel(run.threadCount, 'reference', async (kernel) => {
    const factors = await startFactors(kernel, pairs, run.factorCount)
    return costOf(() => iterate(kernel, pairs, factors, options))
  })
  bench.report.reach({
    ...{ name: `${nameOf(run)}.beside_twin_seconds`, value: seconds, unit: 's', better: 'smaller' },
    peer: { name: 'TypeScript twin', value: twin.seconds },
    note: 'the twin once',
  })
}
