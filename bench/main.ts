import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sizes, usualSizes } from './data.ts'
import { growth } from './growth.ts'
import { http } from './http.ts'
import { importing } from './import.ts'
import { kernelAls } from './kernelAls.ts'
import { kernelJobs } from './kernelJobs.ts'
import { kernelTop } from './kernelTop.ts'
import { loading } from './load.ts'
import { quality } from './quality.ts'
import { type Report, report } from './report.ts'
import { request } from './request.ts'
import { segment } from './segment.ts'
import { importInto, type Measured, trainIn } from './shop.ts'
import { start } from './start.ts'
import { train } from './train.ts'

/** What a benchmark is given. */
export type Bench = {
  report: Report
  /** Temporary, removed at the end. */
  folder: string
  /** Names of the sizes to measure. */
  sizes: string[]
  /**
   * The data directory of a size, its interactions imported, or a model trained too; the work is
   * done once in a run.
   */
  imported(size: string): Promise<Prepared>
  trained(size: string): Promise<Prepared>
}
type Prepared = { dataDir: string; measured: Measured }

const benchmarks: Record<string, (bench: Bench) => Promise<void>> = {
  import: importing,
  train,
  segment,
  start,
  request,
  http,
  load: loading,
  'kernel.als': kernelAls,
  'kernel.top': kernelTop,
  'kernel.jobs': kernelJobs,
  growth,
  quality,
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, size: { type: 'string', multiple: true } },
})
/** `kernel` stands for all whose names begin with `kernel.`. */
const benchmarksOf = (name: string) =>
  Object.keys(benchmarks).filter((key) => key === name || key.startsWith(`${name}.`))
const names = positionals.length > 0 ? positionals.flatMap(benchmarksOf) : Object.keys(benchmarks)
const wrong = [
  ...positionals.filter((name) => benchmarksOf(name).length === 0),
  ...(values.size ?? []).filter((size) => !(size in sizes)),
]
if (wrong.length > 0) {
  const known = [benchmarks, sizes].map((record) => Object.keys(record).join(', '))
  process.stderr.write(
    `There is no ${wrong.join(', ')}. The benchmarks are ${known[0]}; the sizes are ${known[1]}.\n`,
  )
  process.exit(1)
}

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const bench: Bench = {
  report: report(),
  folder,
  sizes: values.size ?? usualSizes,
  imported: oncePerSize(async (size) => {
    const dataDir = join(folder, size)
    return { dataDir, measured: await importInto(dataDir, size) }
  }),
  trained: oncePerSize(async (size) => {
    const { dataDir } = await bench.imported(size)
    return { dataDir, measured: await trainIn(dataDir) }
  }),
}
for (const name of names) await benchmarks[name]!(bench)
process.stdout.write(`${bench.report.table()}\n`)
if (values.json) await bench.report.writeJson(values.json)

function oncePerSize(prepare: (size: string) => Promise<Prepared>) {
  const prepared = new Map<string, Promise<Prepared>>()
  return (size: string): Promise<Prepared> => {
    const found = prepared.get(size) ?? prepare(size)
    prepared.set(size, found)
    return found
  }
}
