import { rm } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { benchFile, interactions } from './cache.ts'
import { startNode } from './children.ts'
import { sizes } from './data.ts'
import type { Bench } from './main.ts'
import { median } from './report.ts'
import { importInto, type Measured } from './shop.ts'

const times = 3

/**
 * An import job from Create to ACTIVE, in turn with DuckDB alone, which converts the same file and
 * checks nothing.
 */
export async function importing({ report, folder, sizes: names, imported }: Bench): Promise<void> {
  for (const size of names) {
    const ours: Measured[] = []
    const duckdb: Measured[] = []
    for (let n = 0; n < times; n++) {
      duckdb.push(await bareDuckDb(await interactions(size), join(folder, 'bare.parquet')))
      const dataDir = join(folder, `${size}-import`)
      ours.push(n === 0 ? (await imported(size)).measured : await importInto(dataDir, size))
      await rm(dataDir, { recursive: true, force: true })
    }
    const seconds = median(ours.map((run) => run.seconds))
    const rows = sizes[size]!.eventCount
    const limit = {
      name: 'DuckDB alone',
      value: rows / median(duckdb.map((run) => run.seconds)),
    }
    report.add(`import.${size}.seconds`, seconds, 's')
    report.add(`import.${size}.rows_per_second`, rows / seconds, 'rows/s', limit)
    const [peak, barePeak] = [ours, duckdb].map((runs) =>
      runs.map((run) => run.peakMb ?? Number.NaN),
    )
    if (ours[0]!.peakMb !== undefined)
      report.add(`import.${size}.peak_mb`, median(peak!), 'MB', {
        name: 'DuckDB alone',
        value: median(barePeak!),
      })
  }
}

/** The same threads and memory as the server has for imports by default. */
async function bareDuckDb(csv: string, out: string): Promise<Measured> {
  const options = [availableParallelism(), Math.floor(totalmem() / 8)].map(String)
  const child = startNode([benchFile('bareDuckDb.ts'), csv, out, ...options])
  const measured = JSON.parse(await child.line()) as Measured
  await child.end()
  await rm(out)
  return measured
}
