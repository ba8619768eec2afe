import { setTimeout } from 'node:timers/promises'

/**
 * Asks once at a time, however many want to know, and lets them wait for `ms` at most: what hangs
 * must not collect questions. `who` begins the error of one that is late.
 */
export function askedOnce<Answer>(
  who: string,
  ms: number,
  ask: () => Promise<Answer>,
): () => Promise<Answer> {
  let asked: Promise<Answer> | undefined
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined
    })
    const late = setTimeout(ms, undefined, { ref: false }).then(() => {
      throw new Error(`${who} has not answered within ${ms} ms.`)
    })
    return Promise.race([asked, late])
  }
}
