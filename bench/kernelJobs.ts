import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { hiddenDimension } from '../src/recipes/userSegmentation.ts'
import { start } from './children.ts'
import { sizes } from './data.ts'
import { delaySince, type LoopDelay, loopWatch } from './loopDelay.ts'
import type { Bench } from './main.ts'
import { median, type Report } from './report.ts'
import { importInto, type Measured, segmentIn, trainIn } from './shop.ts'

type Goal = { must: number; stretch: number }
type Goals = { seconds: Goal; mb: Goal }
type Segments = { size: string; lineCount: number; numResults: number; goals: Goals }

const times = 3
const factorCount = 64
const training = {
  size: '20M',
  goals: { seconds: { must: 360, stretch: 180 }, mb: { must: 8000, stretch: 4000 } },
}
const segments: Segments[] = [
  {
    ...{ size: '1Musers', lineCount: 500, numResults: 100_000 },
    goals: { seconds: { must: 90, stretch: 45 }, mb: { must: 4000, stretch: 2000 } },
  },
  {
    ...{ size: '5Musers', lineCount: 1, numResults: 5_000_000 },
    goals: { seconds: { must: 20, stretch: 8 }, mb: { must: 6000, stretch: 4000 } },
  },
]
const delayMsMax = 20
const limitSeconds = 60

/** Large jobs from Create to ACTIVE beside goals, and the delays of the server's event loop. */
export async function kernelJobs({ report, folder }: Bench): Promise<void> {
  await loopLimit(report, join(folder, 'loneLoop.json'))
  const { size, goals } = training
  const dataDir = join(folder, `${size}-jobs`)
  await importInto(dataDir, size)
  const measured = await trainIn(dataDir, { watch: true })
  await rm(dataDir, { recursive: true })
  const threads = `${availableParallelism()} threads`
  const note = `hidden_dimension ${hiddenDimension.default}, ${threads}, once`
  addRows(report, `job.${size}.train`, [measured], goals, note)
  for (const job of segments) await segmentJob(report, folder, job)
}

/** What delays an event loop on this machine that does nothing, while all processors compute. */
async function loopLimit(report: Report, path: string): Promise<void> {
  const script = fileURLToPath(new URL('./loneLoop.ts', import.meta.url))
  const loop = start(process.execPath, [script], loopWatch(path))
  await loop.line()
  await delaySince(path, loop.process.pid!)
  await sleep(limitSeconds * 1000)
  const { maxMs, p99Ms, workMs } = await delaySince(path, loop.process.pid!)
  await loop.end()
  const note = `an event loop without work beside threads that compute, ${limitSeconds} s`
  report.add(
    'job.limit.longest_delay_ms',
    maxMs,
    'ms',
    undefined,
    `p99 ${p99Ms.toPrecision(3)} ms; ${note}`,
  )
  report.add(
    'job.limit.longest_work_ms',
    workMs,
    'ms',
    undefined,
    'what the system took from it while it ran counts',
  )
}

async function segmentJob(report: Report, folder: string, job: Segments): Promise<void> {
  const { size, lineCount, numResults, goals } = job
  const dataDir = join(folder, `${size}-jobs`)
  await importInto(dataDir, size)
  await trainIn(dataDir, { factorCount })
  const runs = await segmentIn(dataDir, { lineCount, numResults, times, watch: true })
  await rm(dataDir, { recursive: true })
  const users = sizes[size]!.userCount.toLocaleString('en-US')
  const note = `${lineCount} lines x ${numResults.toLocaleString('en-US')} of ${users} users`
  addRows(report, `job.${size}.segment`, runs, goals, note)
}

/** The middle of the times, the most memory, the longest delay, and of the last run the time of each phase. */
function addRows(report: Report, name: string, runs: Measured[], goals: Goals, note: string): void {
  const add = (
    what: string,
    value: number,
    unit: string,
    goal: Partial<Goal> & { must: number },
    said: string,
  ) => {
    const { must, stretch } = goal
    report.reach({
      ...{ name: `${name}_${what}`, value, unit, better: 'smaller', note: said },
      peer: { name: 'goal', value: must },
      goal: { must: 1, ...(stretch !== undefined && { stretch: must / stretch }) },
    })
  }
  add('seconds', median(runs.map((run) => run.seconds)), 's', goals.seconds, note)
  const [peaks, busy, idle] = [
    runs.flatMap(({ peakMb }) => peakMb ?? []),
    runs.flatMap(({ delays }) => delays?.busy ?? []),
    runs.flatMap(({ delays }) => delays?.idle ?? []),
  ]
  if (peaks.length > 0) add('peak_mb', Math.max(...peaks), 'MB', goals.mb, '')
  const longest = (delays: typeof busy, of: keyof LoopDelay) =>
    Math.max(...delays.map((delay) => delay[of]))
  const said = (delays: typeof busy, of: keyof LoopDelay) => longest(delays, of).toPrecision(3)
  const beside = `p99 ${said(busy, 'p99Ms')} ms; idle ${said(idle, 'maxMs')} ms`
  add('longest_delay_ms', longest(busy, 'maxMs'), 'ms', { must: delayMsMax }, beside)
  const own = `the longest of the event loop's own work; idle ${said(idle, 'workMs')} ms`
  add('longest_work_ms', longest(busy, 'workMs'), 'ms', { must: delayMsMax }, own)
  for (const [phase, seconds] of runs.at(-1)?.phases ?? [])
    report.add(`${name}_seconds.${phase}`, seconds, 's')
}
