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
  const { alpha0, factorCount, seed } = settings
  const optionsOf = ({ columnCount }: Pairs, steps: number | undefined): SolveOptions => ({
    ...{ alpha0, steps },
    ...ridges(byUser, settings, columnCount),
  })
  const deviation = 0.1 / Math.sqrt(factorCount)
  const users = await kernel.init(byUser.rowCount, factorCount, deviation, seed, signal)
  const items = await kernel.init(byItem.rowCount, factorCount, deviation, ~seed, signal)
  for (let sweep = 0; sweep < settings.sweeps; sweep++) {
    onSweep(sweep)
    await kernel.alsSweep(byUser, users, items, optionsOf(byUser, stepsPerSolve), signal)
    await kernel.alsSweep(byItem, items, users, optionsOf(byItem, stepsPerSolve), signal)
  }
  onSweep(settings.sweeps)
  await kernel.alsSweep(byUser, users, items, optionsOf(byUser, undefined), signal)
  return { users, items }
}

/** The ridge of a row among `columnCount` columns, and what each of its pairs adds to it. */
export function ridges(
  byUser: Pairs,
  { alpha0, regularization }: AlsSettings,
  columnCount: number,
) {
  const lambda = regularization / (medianLength(byUser) + alpha0 * byUser.columnCount)
  return { ridge: lambda * alpha0 * columnCount, ridgePerPair: lambda }
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
