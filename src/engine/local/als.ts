import { rotate } from './axes.ts'
import { random } from './random.ts'

export type InitArgs = {
  values: Float32Array
  width: number
  factorCount: number
  deviation: number
  seed: number
  /** Boundaries of the blocks of rows. */
  blocks: Uint32Array
}

export type SolveArgs = {
  blocks: Uint32Array
  /** The observed pairs, by rows (`Pairs`). */
  starts: Uint32Array
  columns: Uint32Array
  weights: Float32Array | undefined
  /** The side that is solved for, with its start values, which are not turned into those axes yet. */
  rows: Float32Array
  /** The side that stays: one row per column, in its principal axes: X^T X is diagonal. */
  fixed: Float32Array
  width: number
  /** Those axes, width x width, and that diagonal. */
  axes: Float64Array
  gram: Float64Array
  /** Weight of every pair, observed or not. */
  alpha0: number
  /** The ridge of a row of n pairs is ridge + n ridgePerPair. */
  ridge: number
  ridgePerPair: number
  /** Conjugate-gradient steps; undefined: until the solution is exact to float32. */
  steps: number | undefined
}

/** Squared residual, relative to the right side's, at which a float32 solution cannot get better. */
const exactly = 1e-13
/** The smallest of float32 that has all its digits. */
export const smallest = 2 ** -126
export const notFinite = 'Factors and weights must be finite numbers.'
export const negativeWeights = 'Weights must be finite numbers, not negative.'

/** Fills one block of rows with uniform numbers of mean 0 and this deviation, each block from its own stream. */
export function initRows(args: InitArgs, block: number): void {
  const { values, width, factorCount, blocks, deviation } = args
  const draw = random(args.seed, block)
  const range = deviation * Math.sqrt(12)
  for (let row = blocks[block]!; row < blocks[block + 1]!; row++) {
    for (let k = 0; k < factorCount; k++) values[row * width + k] = (draw() - 0.5) * range
  }
}

/**
 * Solves one block of rows x of
 *   min sum over observed w (1 - x.y)^2 + alpha0 sum over all (x.y)^2 + (ridge + n ridgePerPair) |x|^2
 * where n is the row's length (Hu, Koren, Volinsky 2008; a ridge that grows with n: Rendle, Krichene, Zhang,
 * Koren 2021).
 */
export function solveRows(args: SolveArgs, block: number): void {
  const { blocks, starts, rows, width } = args
  const scratch = scratchOf(width)
  for (let row = blocks[block]!; row < blocks[block + 1]!; row++) {
    const count = starts[row + 1]! - starts[row]!
    if (count === 0) rows.fill(0, row * width, (row + 1) * width)
    else solveRow(args, row, args.ridge + count * args.ridgePerPair, scratch)
  }
}

type Scratch = {
  base: Float64Array
  x: Float64Array
  residual: Float64Array
  scaled: Float64Array
  direction: Float64Array
  product: Float64Array
}
let kept: Scratch | undefined

function scratchOf(width: number): Scratch {
  if (kept?.x.length === width) return kept
  const vector = () => new Float64Array(width)
  kept = {
    base: vector(),
    x: vector(),
    residual: vector(),
    scaled: vector(),
    direction: vector(),
    product: vector(),
  }
  return kept
}

/**
 * Conjugate gradients (Hestenes, Stiefel 1952; for iALS: Takacs, Pilaszy, Tikk 2011) from the present x on
 *   A x = b,  A = D + sum w y y^T,  b = sum w y,  D = alpha0 gram + ridge,
 * preconditioned by D. What is left of A then differs from 1 in as many dimensions as the row has pairs, so that a
 * row of n pairs is exact after n steps: most users after a few.
 */
function solveRow(args: SolveArgs, row: number, ridge: number, scratch: Scratch): void {
  const { rows, width, weights } = args
  const { base, x, residual, scaled, direction, product } = scratch
  const [from, to] = [args.starts[row]!, args.starts[row + 1]!]
  if (weights?.subarray(from, to).some((weight) => !(weight >= 0))) throw new Error(negativeWeights)
  // A row that its steps solve exactly needs no good start.
  if (to - from <= (args.steps ?? 0)) x.fill(0)
  else rotate(rows, row * width, args.axes, x)
  for (let k = 0; k < width; k++) {
    base[k] = args.alpha0 * args.gram[k]! + ridge
    residual[k] = -base[k]! * x[k]!
  }
  addObserved(args, row, x, 1, residual)
  let norm = scale(residual, base, scaled)
  if (!(norm >= 0 && norm < Infinity)) throw new Error(notFinite)
  direction.set(scaled)
  const enough = Math.max(args.steps === undefined ? exactly * norm : 0, smallest)
  const stepsMax = Math.min(args.steps ?? Infinity, 2 * width)
  for (let step = 0; step < stepsMax && norm > enough; step++) {
    for (let k = 0; k < width; k++) product[k] = -base[k]! * direction[k]!
    addObserved(args, row, direction, 0, product)
    const length = -norm / dot(direction, product)
    for (let k = 0; k < width; k++) {
      x[k]! += length * direction[k]!
      residual[k]! += length * product[k]!
    }
    const next = scale(residual, base, scaled)
    const keep = next / norm
    for (let k = 0; k < width; k++) direction[k] = scaled[k]! + keep * direction[k]!
    norm = next
  }
  for (let k = 0; k < width; k++) rows[row * width + k] = x[k]!
}

/** scaled = residual / base; returns residual . scaled. */
function scale(residual: Float64Array, base: Float64Array, scaled: Float64Array): number {
  let norm = 0
  for (let k = 0; k < residual.length; k++) {
    scaled[k] = residual[k]! / base[k]!
    norm += residual[k]! * scaled[k]!
  }
  return norm
}

/** out += sum over the row's columns of w (target - y.v) y, four y at a time so that v and out are read once. */
function addObserved(
  { starts, columns, weights, fixed }: SolveArgs,
  row: number,
  v: Float64Array,
  target: number,
  out: Float64Array,
): void {
  const width = v.length
  const end = starts[row + 1]!
  let at = starts[row]!
  const weight = (pair: number) => (weights === undefined ? 1 : weights[pair]!)
  for (; at + 4 <= end; at += 4) {
    const y0 = columns[at]! * width
    const y1 = columns[at + 1]! * width
    const y2 = columns[at + 2]! * width
    const y3 = columns[at + 3]! * width
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let k = 0; k < width; k++) {
      const value = v[k]!
      s0 += fixed[y0 + k]! * value
      s1 += fixed[y1 + k]! * value
      s2 += fixed[y2 + k]! * value
      s3 += fixed[y3 + k]! * value
    }
    s0 = weight(at) * (target - s0)
    s1 = weight(at + 1) * (target - s1)
    s2 = weight(at + 2) * (target - s2)
    s3 = weight(at + 3) * (target - s3)
    for (let k = 0; k < width; k++) {
      out[k]! +=
        s0 * fixed[y0 + k]! + s1 * fixed[y1 + k]! + s2 * fixed[y2 + k]! + s3 * fixed[y3 + k]!
    }
  }
  for (; at < end; at++) {
    const y = columns[at]! * width
    let s = 0
    for (let k = 0; k < width; k++) s += fixed[y + k]! * v[k]!
    s = weight(at) * (target - s)
    for (let k = 0; k < width; k++) out[k]! += s * fixed[y + k]!
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}
