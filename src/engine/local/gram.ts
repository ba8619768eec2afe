/** X^T X is summed over at most this many fixed blocks of rows, so that its bits do not depend on threads. */
export const gramBlockCount = 16

/** Lower triangle of one block's X^T X into the block's own width x width part of `partial`. */
export function gramBlock(
  args: { values: Float32Array; width: number; blocks: Uint32Array; partial: Float64Array },
  block: number,
): void {
  const { values, width, blocks } = args
  const base = block * width * width
  const end = blocks[block + 1]!
  let row = blocks[block]!
  const { partial } = args
  for (; row + 4 <= end; row += 4) {
    const x0 = row * width
    const x1 = x0 + width
    const x2 = x1 + width
    const x3 = x2 + width
    for (let i = 0; i < width; i++) {
      const a0 = values[x0 + i]!
      const a1 = values[x1 + i]!
      const a2 = values[x2 + i]!
      const a3 = values[x3 + i]!
      const to = base + i * width
      for (let k = 0; k <= i; k++) {
        partial[to + k]! +=
          a0 * values[x0 + k]! + a1 * values[x1 + k]! + a2 * values[x2 + k]! + a3 * values[x3 + k]!
      }
    }
  }
  for (; row < end; row++) {
    const x = row * width
    for (let i = 0; i < width; i++) {
      for (let k = 0; k <= i; k++) {
        partial[base + i * width + k]! += values[x + i]! * values[x + k]!
      }
    }
  }
}

/** The blocks' triangles added in block order and mirrored: the whole X^T X, width x width. */
export function gramSum(partial: Float64Array, width: number, out: Float64Array): void {
  out.fill(0)
  for (let base = 0; base < partial.length; base += width * width) {
    for (let i = 0; i < width; i++) {
      for (let k = 0; k <= i; k++) out[i * width + k]! += partial[base + i * width + k]!
    }
  }
  for (let i = 0; i < width; i++) {
    for (let k = 0; k < i; k++) out[k * width + i] = out[i * width + k]!
  }
}
