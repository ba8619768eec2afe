import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import type { ModelDocument } from '../src/engine/engine.ts'
import { paddedWidth } from '../src/engine/local/arrays.ts'
import type { Bench } from './main.ts'
import { startPython } from './python.ts'
import { median } from './report.ts'
import { filesNamed, segmentIn } from './shop.ts'

const times = 3
const lineCount = 100
const numResults = 1000

/**
 * A batch segment job from Create to ACTIVE, beside `implicit`, which only scores and selects with
 * the same factors.
 */
export async function segment({ report, sizes, trained }: Bench): Promise<void> {
  for (const size of sizes) {
    const { dataDir } = await trained(size)
    const runs = await segmentIn(dataDir, { lineCount, numResults, times })
    const seconds = median(runs.map((run) => run.seconds))
    const [modelFile = ''] = await filesNamed(dataDir, 'models/*/model.json')
    const { userCount, plan } = JSON.parse(await readFile(modelFile, 'utf8')) as ModelDocument
    const { factorCount } = plan
    const shape = [factorCount, paddedWidth(factorCount), lineCount, numResults]
    const peer = await startPython('implicitPeer.py', [
      ...['topk', dirname(modelFile), ...shape, availableParallelism()],
    ])
    const peerSeconds: number[] = []
    for (let n = 0; peer && n < times; n++) peerSeconds.push((await peer.cost()).seconds)
    await peer?.end()

    const what = `${lineCount} lines x ${numResults} of ${userCount} users`
    report.add(`segment.${size}.seconds`, seconds, 's', undefined, what)
    report.add(
      `segment.${size}.lines_per_second`,
      lineCount / seconds,
      'lines/s',
      peer && { name: 'implicit topk', value: lineCount / median(peerSeconds) },
      peer ? 'implicit starts no job and writes no file' : 'no implicit',
    )
    const peakMb = runs.at(-1)!.peakMb
    if (peakMb !== undefined) report.add(`segment.${size}.peak_mb`, peakMb, 'MB')
  }
}
