import { emptyFactors, withMemory } from './arrays.ts'
import type { Kernel } from './kernel.ts'

/** Rows of a regression: row r has the features values[r * width..) and happened targets[r] times, with weights[r]. */
export type Rows = {
  width: number
  values: Float32Array
  targets: Float32Array
  weights: Float32Array
}

const stepsMax = 50
/** A step that lowers the loss by less is the last. */
const enough = 1e-7

/**
 * Poisson regression (Nelder and Wedderburn 1972): intercept b and coefficients w that minimise
 *   sum of weight (exp(b + w.x) - target (b + w.x)) / sum of weights + ridge / 2 |scaled w|^2,
 * the features scaled to a weighted deviation of 1 for the ridge, by Newton's method with halved steps. A stop is heard
 * between steps.
 */
export const poissonRegression = (...args: Parameters<typeof regress>) =>
  withMemory(() => regress(...args))

async function regress(kernel: Kernel, rows: Rows, ridge: number, signal: AbortSignal) {
  const { width, values, targets, weights } = rows
  const count = targets.length
  const { means, scales, weightSum } = moments(rows)
  // Its Gram matrix will be the Hessian.
  const curved = emptyFactors(count, width + 1)
  const stride = curved.width
  const x = new Float32Array(count * stride)
  let sum = 0
  for (let row = 0; row < count; row++) {
    for (let k = 0; k < width; k++)
      x[row * stride + k] = (values[row * width + k]! - means[k]!) * scales[k]!
    x[row * stride + width] = 1
    sum += weights[row]! * targets[row]!
  }
  let beta = new Float64Array(stride)
  beta[width] = Math.log(Math.max(1e-12, sum / weightSum))
  const loss = (b: Float64Array, rates: Float64Array) => {
    let total = 0
    for (let row = 0; row < count; row++) {
      let dot = 0
      for (let k = 0; k <= width; k++) dot += b[k]! * x[row * stride + k]!
      rates[row] = Math.exp(dot)
      total += weights[row]! * (rates[row]! - targets[row]! * dot)
    }
    let penalty = 0
    for (let k = 0; k < width; k++) penalty += b[k]! ** 2
    return total / weightSum + (ridge / 2) * penalty
  }
  let rates = new Float64Array(count)
  let best = loss(beta, rates)
  for (let step = 0; step < stepsMax; step++) {
    const gradient = new Float64Array(stride)
    for (let row = 0; row < count; row++) {
      const weight = weights[row]! / weightSum
      const excess = weight * (rates[row]! - targets[row]!)
      const root = Math.sqrt(weight * rates[row]!)
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
    ;[beta, best, rates] = [next, value, tried]
    if (gained < enough * Math.abs(best)) break
  }
  const coefficients = Array.from({ length: width }, (_, k) => beta[k]! * scales[k]!)
  const intercept = beta[width]! - coefficients.reduce((total, b, k) => total + b * means[k]!, 0)
  return { intercept, coefficients }
}

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
