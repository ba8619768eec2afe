/** Factor vectors, one row of `width` float32 per user or item; columns past `factorCount` are zero. */
export type Factors = { values: Float32Array; rowCount: number; factorCount: number; width: number }

/** A sparse matrix by rows: row r holds `columns[starts[r]..starts[r+1])`, each column once. */
export type Pairs = {
  rowCount: number
  columnCount: number
  starts: Uint32Array
  columns: Uint32Array
  /** The largest weight of the pair's events, 1 unless the plan weighs events. */
  weights: Float32Array
}

/** Arrays that every thread sees, zeroed. */
export const sharedFloats32 = (size: number) => new Float32Array(new SharedArrayBuffer(size * 4))
export const sharedFloats64 = (size: number) => new Float64Array(new SharedArrayBuffer(size * 8))
export const sharedInts = (size: number) => new Uint32Array(new SharedArrayBuffer(size * 4))
export const sharedBytes = (size: number) => new Uint8Array(new SharedArrayBuffer(size))

/** Rows are padded to a multiple of four, so that the unrolled loops need no tail. */
export const paddedWidth = (factorCount: number) => Math.ceil(factorCount / 4) * 4

/** Zero factors for `rowCount` rows. */
export function emptyFactors(rowCount: number, factorCount: number): Factors {
  const width = paddedWidth(factorCount)
  return { values: sharedFloats32(rowCount * width), rowCount, factorCount, width }
}
