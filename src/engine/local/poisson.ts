import { emptyFactors, withMemory } from './arrays.ts'
import type { Kernel } from './kernel.ts'

/**
 * Rows of a regression: row r has the features values[r * width..), weights[r] and targets[r], which counts how often
 * something happened, or is 1 where it happened at all. `offsets`: logs of rates that are known before.
 */
export type Rows = {
  width: number
  values: Float32Array
  targets: Float32Array
  weights: Float32Array
  offsets?: Float64Array
  target: 'count' | 'any'
}

const stepsMax = 50
/** A step that lowers the loss by less is the last. */
const enough = 1e-7

/**
 * Poisson regression (Nelder and Wedderburn 1972): intercept b and coefficients w by which the rate
 * exp(offset + b + w.x) makes the targets likeliest, as those that minimise
 *   sum of weight loss / sum of weights + ridge / 2 |scaled w|^2,
 *   loss = rate - target log rate of counts; of `any` rate where the target is 0 and -log(1 - exp(-rate)) where it is 1,
 * the features scaled to a weighted deviation of 1 for the ridge, by Newton's method with halved steps. A stop is heard
 * between steps.
 */
export const poissonRegression = (...args: Parameters<typeof regress>) =>
  withMemory(() => regress(...args))

async function regress(kernel: Kernel, rows: Rows, ridge: number, signal: AbortSignal) {
  const { width, values, targets, weights, offsets, target } = rows
  const lossOf = target === 'count' ? lossOfCount : lossOfAny
  const count = targets.length
  const { means, scales, weightSum } = moments(rows)
  // Its Gram matrix will be the Hessian.
  const curved = emptyFactors(count, width + 1)
  const stride = curved.width
  const x = new Float32Array(count * stride)
  let happened = 0
  let said = 0
  for (let row = 0; row < count; row++) {
    for (let k = 0; k < width; k++)
      x[row * stride + k] = (values[row * width + k]! - means[k]!) * scales[k]!
    x[row * stride + width] = 1
    happened += weights[row]! * targets[row]!
    said += weights[row]! * Math.exp(offsets?.[row] ?? 0)
  }
  let beta = new Float64Array(stride)
  beta[width] = Math.log(Math.max(1e-12, happened / said))
  const loss = (b: Float64Array, logRates: Float64Array) => {
    let total = 0
    for (let row = 0; row < count; row++) {
      let dot = offsets?.[row] ?? 0
      for (let k = 0; k <= width; k++) dot += b[k]! * x[row * stride + k]!
      logRates[row] = dot
      total += weights[row]! * lossOf(dot, targets[row]!).loss
    }
    let penalty = 0
    for (let k = 0; k < width; k++) penalty += b[k]! ** 2
    return total / weightSum + (ridge / 2) * penalty
  }
  let logRates = new Float64Array(count)
  let best = loss(beta, logRates)
  for (let step = 0; step < stepsMax; step++) {
    const gradient = new Float64Array(stride)
    for (let row = 0; row < count; row++) {
      const weight = weights[row]! / weightSum
      const { slope, bend } = lossOf(logRates[row]!, targets[row]!)
      const excess = weight * slope
      const root = Math.sqrt(weight * bend)
      for (let at = row * stride, k = 0; k <= width; at++, k++) {
        gradient[k]! += excess * x[at]!
        curved.values[at] = root * x[at]!
      }
    }
    const hessian = await kernel.gram(curved, signal)
    for (let k = 0; k < width; k++) {
      gradient[k]! += ridge * beta[k]!
      hessian[k * stride + k]! += ridge
    }
    const direction = solveSymmetric(hessian, gradient)
    const tried = new Float64Array(count)
    let next = beta
    let value = best
    for (let length = 1; length > 1e-4; length /= 2) {
      next = beta.map((b, k) => b - length * direction[k]!)
      value = loss(next, tried)
      if (value < best) break
    }
    if (!(value < best)) break
    const gained = best - value
    ;[beta, best, logRates] = [next, value, tried]
    if (gained < enough * Math.abs(best)) break
  }
  const coefficients = Array.from({ length: width }, (_, k) => beta[k]! * scales[k]!)
  const intercept = beta[width]! - coefficients.reduce((total, b, k) => total + b * means[k]!, 0)
  return { intercept, coefficients }
}

/** A loss and its first two derivatives by the log of the rate. */
function lossOfCount(logRate: number, target: number) {
  const rate = Math.exp(logRate)
  return { loss: rate - target * logRate, slope: rate - target, bend: rate }
}

function lossOfAny(logRate: number, target: number) {
  const rate = Math.exp(Math.max(logRateMin, logRate))
  if (target === 0) return { loss: rate, slope: rate, bend: rate }
  const falls = rate / Math.expm1(rate)
  return {
    loss: -Math.log(-Math.expm1(-rate)),
    slope: -falls,
    bend: Math.max(0, falls * (rate + falls - 1)),
  }
}

/** Rates below say as little, and have a logarithm. */
const logRateMin = -70

/** What hardly ever changes must not get a weight that other data would multiply. */
const deviationMin = 0.05

/** Weighted mean of each feature, and 1 over its deviation, 0 where it hardly ever changes. */
function moments({ width, values, targets, weights }: Rows) {
  const means = new Float64Array(width)
  const scales = new Float64Array(width)
  let weightSum = 0
  for (let row = 0; row < targets.length; row++) {
    weightSum += weights[row]!
    for (let k = 0; k < width; k++) means[k]! += weights[row]! * values[row * width + k]!
  }
  for (let k = 0; k < width; k++) means[k]! /= weightSum
  for (let row = 0; row < targets.length; row++)
    for (let k = 0; k < width; k++)
      scales[k]! += weights[row]! * (values[row * width + k]! - means[k]!) ** 2
  for (let k = 0; k < width; k++) {
    const deviation = Math.sqrt(scales[k]! / weightSum)
    scales[k] = deviation > deviationMin ? 1 / deviation : 0
  }
  return { means, scales, weightSum }
}

/** x of A x = b by Cholesky's decomposition; A's lower triangle is overwritten. */
export function solveSymmetric(a: Float64Array, b: Float64Array): Float64Array {
  const size = b.length
  for (let i = 0; i < size; i++) {
    for (let k = 0; k <= i; k++) {
      let sum = a[i * size + k]!
      for (let m = 0; m < k; m++) sum -= a[i * size + m]! * a[k * size + m]!
      if (i > k) a[i * size + k] = sum / a[k * size + k]!
      else a[i * size + i] = Math.sqrt(Math.max(sum, 1e-12))
    }
  }
  const x = b.slice()
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i]! -= a[i * size + k]! * x[k]!
    x[i]! /= a[i * size + i]!
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i]! -= a[k * size + i]! * x[k]!
    x[i]! /= a[i * size + i]!
  }
  return x
}
