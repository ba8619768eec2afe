/** Random numbers, uniform in (0, 1); the same seed and stream number give the same numbers on every machine. */
export type Random = () => number

/**
 * xoshiro128** (Blackman and Vigna, 2018), its state filled by splitmix32 from seed and stream,
 * so that parallel blocks draw from streams of their own and the thread count changes nothing.
 */
export function random(seed: number, stream = 0): Random {
  const next = splitmix32((seed ^ Math.imul(stream + 1, 0x9e3779b1)) >>> 0)
  let a = next() ^ stream
  let b = next()
  let c = next()
  let d = next() | 1 // the all-zero state would stay zero

  return () => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return ((result >>> 0) + 0.5) / 0x1_0000_0000
  }
}

/** `count` different indexes below `size` in ascending order; all of them when `count` >= `size`. */
export function sample(size: number, count: number, random: Random): Uint32Array {
  const indexes = new Uint32Array(size)
  for (let index = 0; index < size; index++) indexes[index] = index
  if (count >= size) return indexes
  for (let k = 0; k < count; k++) {
    const other = k + Math.floor(random() * (size - k))
    const kept = indexes[other]!
    indexes[other] = indexes[k]!
    indexes[k] = kept
  }
  return indexes.slice(0, count).sort()
}

/**
 * At most about `count` indexes, ascending, each chosen with a chance in proportion to its size, and how many each
 * stands for: systematic sampling (Madow 1949). Sizes are positive.
 */
export function systematicSample(sizes: Float64Array, count: number, random: Random) {
  const step = sizes.reduce((sum, size) => sum + size, 0) / count
  const indexes: number[] = []
  const stands: number[] = []
  let next = random() * step
  let end = 0
  for (const [index, size] of sizes.entries()) {
    end += size
    const times = Math.max(0, Math.ceil((end - next) / step))
    if (times === 0) continue
    next += times * step
    indexes.push(index)
    stands.push((times * step) / size)
  }
  return { indexes, stands: Float64Array.from(stands) }
}

function splitmix32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
}
