import type { Factors, Pairs } from './arrays.ts'
import type { Kernel } from './kernel.ts'

export type AlsSettings = { alpha0: number; regularization: number; sweeps: number }

const stepsPerSolve = 3

/**
 * Implicit-feedback matrix factorisation: sweeps of three conjugate-gradient steps over users, then items,
 * and a last user step solved exactly. lambda = regularization / (median user length + alpha0 items).
 */
export async function factorise(
  kernel: Kernel,
  pairs: { byUser: Pairs; byItem: Pairs },
  settings: AlsSettings & { factorCount: number; seed: number },
  signal: AbortSignal,
  onSweep: (done: number) => void = () => {},
): Promise<{ users: Factors; items: Factors }> {
  const { byUser, byItem } = pairs
  const { alpha0, factorCount, seed } = settings
  const lambda = settings.regularization / (medianLength(byUser) + alpha0 * byUser.columnCount)
  const deviation = 0.1 / Math.sqrt(factorCount)
  const users = await kernel.init(byUser.rowCount, factorCount, deviation, seed, signal)
  const items = await kernel.init(byItem.rowCount, factorCount, deviation, ~seed, signal)
  const steps = { alpha0, lambda, steps: stepsPerSolve }
  for (let sweep = 0; sweep < settings.sweeps; sweep++) {
    onSweep(sweep)
    await kernel.solve(byUser, users, items, steps, signal)
    await kernel.solve(byItem, items, users, steps, signal)
  }
  onSweep(settings.sweeps)
  await kernel.solve(byUser, users, items, { alpha0, lambda, steps: undefined }, signal)
  return { users, items }
}

function medianLength({ starts, rowCount }: Pairs): number {
  const lengths = new Uint32Array(rowCount)
  for (let row = 0; row < rowCount; row++) lengths[row] = starts[row + 1]! - starts[row]!
  return lengths.sort()[rowCount >>> 1] ?? 0
}
