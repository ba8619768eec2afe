import { setImmediate } from 'node:timers/promises'

/** Steps after which others have the event loop: about a millisecond. */
const stepsMax = 50_000

/** Consecutive ranges from..to of a loop of so many steps; between two of them others have the event loop. */
export async function* slices(count: number): AsyncGenerator<{ from: number; to: number }> {
  for (let from = 0; from < count; from += stepsMax) {
    if (from > 0) await setImmediate()
    yield { from, to: Math.min(count, from + stepsMax) }
  }
}
