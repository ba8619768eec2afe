import type { Factors, Pairs } from './arrays.ts'
import type { BothPairs, Kernel, SolveOptions } from './kernel.ts'

export type AlsSettings = { alpha0: number; regularization: number; sweeps: number }

/** Two, preconditioned, lower the loss of an iteration more than three without do. */
export const stepsPerSolve = 2

/**
 * Implicit-feedback matrix factorisation: sweeps of a few conjugate-gradient steps over users, then items,
 * and a last user step solved exactly. A row of n pairs of m has the ridge lambda (n + alpha0 m),
 * lambda = regularization / (median user length + alpha0 items).
 */
export async function factorise(
  kernel: Kernel,
  pairs: BothPairs,
  settings: AlsSettings & { factorCount: number; seed: number },
  signal: AbortSignal,
  onSweep: (done: number) => void = () => {},
): Promise<{ users: Factors; items: Factors }> {
  const { byUser, byItem } = pairs
  const { factorCount, seed } = settings
  const optionsOf = ({ columnCount }: Pairs): SolveOptions => ({
    ...ridges(byUser, settings, columnCount),
    steps: stepsPerSolve,
  })
  const deviation = 0.1 / Math.sqrt(factorCount)
  const users = await kernel.init(byUser.rowCount, factorCount, deviation, seed, signal)
  const items = await kernel.init(byItem.rowCount, factorCount, deviation, ~seed, signal)
  for (let sweep = 0; sweep < settings.sweeps; sweep++) {
    onSweep(sweep)
    await kernel.alsSweep(byUser, users, items, optionsOf(byUser), signal)
    await kernel.alsSweep(byItem, items, users, optionsOf(byItem), signal)
  }
  onSweep(settings.sweeps)
  await solveUsers(kernel, byUser, users, items, settings, signal)
  return { users, items }
}

/** The users' factors that fit these items best, solved exactly. */
export function solveUsers(
  kernel: Kernel,
  byUser: Pairs,
  users: Factors,
  items: Factors,
  settings: AlsSettings,
  signal: AbortSignal,
): Promise<void> {
  const options = { ...ridges(byUser, settings, byUser.columnCount), steps: undefined }
  return kernel.alsSweep(byUser, users, items, options, signal)
}

/** What the least squares of a row among `columnCount` columns have beside its pairs. */
export function ridges(
  byUser: Pairs,
  { alpha0, regularization }: AlsSettings,
  columnCount: number,
) {
  const lambda = regularization / (medianLength(byUser) + alpha0 * byUser.columnCount)
  return { alpha0, ridge: lambda * alpha0 * columnCount, ridgePerPair: lambda }
}

/**
 * A of the least squares of one row whose pairs are with these rows y of the other side, whose Gram matrix is given:
 *   alpha0 gram + (ridge + ridgePerPair n) I + sum of y y^T; its lower triangle.
 */
export function leastSquares(
  { values, width }: Factors,
  gram: Float64Array,
  rows: Uint32Array,
  { alpha0, ridge, ridgePerPair }: Omit<SolveOptions, 'steps'>,
): Float64Array {
  const a = gram.map((value) => alpha0 * value)
  for (let k = 0; k < width; k++) a[k * width + k]! += ridge + ridgePerPair * rows.length
  for (const row of rows) {
    const y = values.subarray(row * width, (row + 1) * width)
    for (let i = 0; i < width; i++) for (let k = 0; k <= i; k++) a[i * width + k]! += y[i]! * y[k]!
  }
  return a
}

/** By counting: sorting millions of lengths would hold the event loop. */
function medianLength({ starts, rowCount, columnCount }: Pairs): number {
  const rowsOf = new Uint32Array(columnCount + 1)
  for (let row = 0; row < rowCount; row++) rowsOf[starts[row + 1]! - starts[row]!]!++
  let length = 0
  for (let rows = rowsOf[0]!; rows <= rowCount >>> 1 && length < columnCount; )
    rows += rowsOf[++length]!
  return length
}
