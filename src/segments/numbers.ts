import { setImmediate } from 'node:timers/promises'
import type { Model, Segment, SegmentRequest } from '../engine/engine.ts'
import { spreadOf } from './spread.ts'

/** Numbers written at once. */
const numbersAtOnce = 4096

/** What a line with `scores` says of each listed user, and how all users are spread. */
export async function* numbersOf(
  model: Model,
  { query, mask }: SegmentRequest,
  { logScores, expectedPerScore }: Segment,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const numbers: [string, (score: number) => number][] = [
    ['scores', (score) => score],
    ['expected', (score) => score * expectedPerScore],
    ['probabilities', (score) => -Math.expm1(-score)],
  ]
  for (const [name, of] of numbers) {
    yield `, "${name}": [`
    for (let from = 0; from < logScores.length; from += numbersAtOnce) {
      const some = Array.from(logScores.subarray(from, from + numbersAtOnce), (log) =>
        Number(of(Math.exp(log)).toPrecision(6)),
      )
      yield (from > 0 ? ',' : '') + some.join(',')
      await setImmediate()
    }
    yield ']'
  }
  const { expected } = await model.expected(query, signal)
  const { liftCurve } = await spreadOf(expected, mask)
  yield `, "liftCurve": ${JSON.stringify(liftCurve)}`
}
