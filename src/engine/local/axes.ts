/**
 * Principal axes of a width x width matrix X^T X: its rows become unit eigenvectors, `lengths` the eigenvalues.
 * One-sided Jacobi rotations (Hestenes 1958): rows are turned in pairs until all are at right angles.
 */
export function principalAxes(args: { gram: Float64Array; lengths: Float64Array }): void {
  const { gram, lengths } = args
  const width = lengths.length
  let trace = 0
  for (let k = 0; k < width; k++) trace += gram[k * width + k]!
  if (!Number.isFinite(trace)) throw new Error('Factors must be finite numbers.')
  // Without this the rows of a singular matrix would end as zeros, which have no direction.
  const floor = 1e-9 * trace + 1e-30
  for (let k = 0; k < width; k++) gram[k * width + k]! += floor
  for (let sweep = 0; sweep < sweepsMax && turnAllPairs(gram, width); sweep++);
  for (let k = 0; k < width; k++) {
    const length = Math.sqrt(rowDot(gram, k, k, width))
    lengths[k] = Math.max(0, length - floor)
    for (let j = 0; j < width; j++) gram[k * width + j]! /= length
  }
}

/** Expresses one block of rows in other axes, in place: x -> (axis_0 . x, axis_1 . x, ...). */
export function rotateRows(
  args: { values: Float32Array; width: number; axes: Float64Array; blocks: Uint32Array },
  block: number,
): void {
  const { values, width, axes, blocks } = args
  const x = new Float64Array(width)
  for (let row = blocks[block]!; row < blocks[block + 1]!; row++) {
    rotate(values, row * width, axes, x)
    for (let k = 0; k < width; k++) values[row * width + k] = x[k]!
  }
}

/** out = the vector at `values[at]` in other axes, four axes at a time. */
export function rotate(
  values: Float32Array,
  at: number,
  axes: Float64Array,
  out: Float64Array,
): void {
  const width = out.length
  for (let i = 0; i < width; i += 4) {
    const a0 = i * width
    const a1 = a0 + width
    const a2 = a1 + width
    const a3 = a2 + width
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let k = 0; k < width; k++) {
      const value = values[at + k]!
      s0 += axes[a0 + k]! * value
      s1 += axes[a1 + k]! * value
      s2 += axes[a2 + k]! * value
      s3 += axes[a3 + k]! * value
    }
    out[i] = s0
    out[i + 1] = s1
    out[i + 2] = s2
    out[i + 3] = s3
  }
}

const sweepsMax = 30
/** Cosine below which two rows count as being at right angles. */
const rightAngle = 1e-7

/** One sweep over all pairs of rows; false when none had to be turned. */
function turnAllPairs(matrix: Float64Array, width: number): boolean {
  let turned = false
  const squares = new Float64Array(width)
  for (let k = 0; k < width; k++) squares[k] = rowDot(matrix, k, k, width)
  for (let p = 0; p < width; p++) {
    for (let q = p + 1; q < width; q++) {
      const product = rowDot(matrix, p, q, width)
      if (Math.abs(product) <= rightAngle * Math.sqrt(squares[p]! * squares[q]!)) continue
      turned = true
      const cotangent = (squares[q]! - squares[p]!) / (2 * product)
      const tangent =
        (cotangent < 0 ? -1 : 1) / (Math.abs(cotangent) + Math.sqrt(1 + cotangent * cotangent))
      turn(matrix, p * width, q * width, width, tangent)
      squares[p]! -= tangent * product
      squares[q]! += tangent * product
    }
  }
  return turned
}

function turn(matrix: Float64Array, p: number, q: number, width: number, tangent: number): void {
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = cosine * tangent
  for (let k = 0; k < width; k++) {
    const a = matrix[p + k]!
    const b = matrix[q + k]!
    matrix[p + k] = cosine * a - sine * b
    matrix[q + k] = sine * a + cosine * b
  }
}

function rowDot(matrix: Float64Array, p: number, q: number, width: number): number {
  const a = p * width
  const b = q * width
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  for (let k = 0; k < width; k += 4) {
    s0 += matrix[a + k]! * matrix[b + k]!
    s1 += matrix[a + k + 1]! * matrix[b + k + 1]!
    s2 += matrix[a + k + 2]! * matrix[b + k + 2]!
    s3 += matrix[a + k + 3]! * matrix[b + k + 3]!
  }
  return s0 + s1 + (s2 + s3)
}
