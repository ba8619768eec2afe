import type { ScoreForm } from '../engine.ts'

/** What ranks users besides the affinity: the event counts a and the sum z of positive affinities to random items. */
export type UserWeights = { activity: Uint32Array; normaliser: Float32Array }

/** out = the factor by which a form multiplies each user's affinity. */
export function formWeights(
  args: UserWeights & { form: ScoreForm; out: Float32Array },
  _block: number,
): void {
  const { form, activity, normaliser, out } = args
  let floor = 0
  if (form === 's*a/z') {
    // A user with hardly any affinity to anything must not win by a division through almost nothing.
    let sum = 0
    for (let u = 0; u < out.length; u++) sum += normaliser[u]!
    floor = 1e-3 * (sum / out.length) + 1e-12
  }
  for (let u = 0; u < out.length; u++) {
    const a = activity[u]!
    if (form === 's') out[u] = 1
    else if (form === 's*sqrt(a)') out[u] = Math.sqrt(a)
    else out[u] = form === 's*a' ? a : a / (normaliser[u]! + floor)
  }
}
