import type { ModelDocument } from '../engine.ts'
import { historyWidth } from './history.ts'
import type { Kernel } from './kernel.ts'
import { poissonRegression } from './poisson.ts'
import { random, sample } from './random.ts'
import type { Ranges } from './split.ts'

/** How many events a user has in the horizon, by `userHistory`. */
export type Activity = NonNullable<ModelDocument['activity']>

const activityUsers = 100_000
const activityRidge = 1e-3

/** A Poisson regression of the users' events in the newer part on what the older part says of them. */
export function learnActivity(
  kernel: Kernel,
  history: Float32Array,
  newer: Ranges,
  seed: number,
  signal: AbortSignal,
): Promise<Activity> {
  const known: number[] = []
  for (let user = 0; user * historyWidth < history.length; user++)
    if (history[user * historyWidth]! > 0) known.push(user)
  const picked = sample(known.length, activityUsers, random(seed, 11))
  const values = new Float32Array(picked.length * historyWidth)
  const targets = new Float32Array(picked.length)
  picked.forEach((at, row) => {
    const user = known[at]!
    values.set(history.subarray(user * historyWidth, (user + 1) * historyWidth), row * historyWidth)
    targets[row] = newer.ends[user]! - newer.begins[user]!
  })
  const weights = new Float32Array(picked.length).fill(1)
  const rows = { width: historyWidth, values, targets, weights, target: 'count' as const }
  return poissonRegression(kernel, rows, activityRidge, signal)
}

/** activity = the log of the events that the regression foresees. */
export function foresee(
  { intercept, coefficients }: Activity,
  history: Float32Array,
  out: Float32Array,
) {
  for (let user = 0; user < out.length; user++) {
    let sum = intercept
    for (let k = 0; k < historyWidth; k++)
      sum += coefficients[k]! * history[user * historyWidth + k]!
    out[user] = sum
  }
}
