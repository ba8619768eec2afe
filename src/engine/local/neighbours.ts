/** Pairs by user and by item, of which `items` are asked for. */
export type NeighbourArgs = {
  starts: Uint32Array
  columns: Uint32Array
  itemStarts: Uint32Array
  itemColumns: Uint32Array
  items: Uint32Array
  /** Boundaries of the blocks of `items`. */
  blocks: Uint32Array
}

/** out = for each asked item the count of users who have both it and each item: asked items x items. */
export function cooccurrence(args: NeighbourArgs & { out: Uint32Array }, block: number): void {
  const itemCount = args.itemStarts.length - 1
  for (let n = args.blocks[block]!; n < args.blocks[block + 1]!; n++) {
    countTogether(args, args.items[n]!, args.out.subarray(n * itemCount, (n + 1) * itemCount))
  }
}

export type RidgeArgs = NeighbourArgs & {
  lambda: number
  /** Conjugate-gradient steps at most. */
  steps: number
  neighbourCount: number
  /** Results: asked items x neighbourCount items and their weights, and how many there are of each. */
  neighbours: Uint32Array
  neighbourWeights: Float32Array
  counts: Uint32Array
}

/**
 * A column of an item-item ridge regression, cut to the nearest items: EASE (Steck 2019) without its cubic cost. For
 * item i these are the items j with the largest c_ij / sqrt(n_j + lambda), ties by index; their weights are b of
 *   (G + lambda I) b = g
 * where G counts users who have two of them and g those who have i and one of them. A user's score for i is the sum
 * of b over the user's own items.
 */
export function neighbourRidge(args: RidgeArgs, block: number): void {
  const { lambda, steps, neighbourCount } = args
  for (let n = args.blocks[block]!; n < args.blocks[block + 1]!; n++) {
    const near = nearest(args, args.items[n]!)
    const size = near.items.length
    const gram = gramOf(args, near.items)
    for (let k = 0; k < size; k++) gram[k * size + k]! += lambda
    args.counts[n] = size
    args.neighbours.set(near.items, n * neighbourCount)
    const solution = conjugateGradients(gram, near.together, steps)
    args.neighbourWeights.set(solution, n * neighbourCount)
  }
}

function countTogether(args: NeighbourArgs, item: number, out: Uint32Array): void {
  const { starts, columns, itemStarts, itemColumns } = args
  if (item + 1 >= itemStarts.length) throw new Error('columns hold an index past the rows.')
  for (let at = itemStarts[item]!; at < itemStarts[item + 1]!; at++) {
    const user = itemColumns[at]!
    for (let own = starts[user]!; own < starts[user + 1]!; own++) out[columns[own]!]!++
  }
}

/** The nearest items, and how many users have each together with the item. */
function nearest(args: RidgeArgs, item: number) {
  const { itemStarts, lambda, neighbourCount } = args
  const together = new Uint32Array(itemStarts.length - 1)
  countTogether(args, item, together)
  const found: { item: number; near: number }[] = []
  for (let other = 0; other < together.length; other++) {
    if (other === item || together[other] === 0) continue
    const count = itemStarts[other + 1]! - itemStarts[other]!
    found.push({ item: other, near: together[other]! / Math.sqrt(count + lambda) })
  }
  found.sort((a, b) => b.near - a.near || a.item - b.item)
  const items = Uint32Array.from(found.slice(0, neighbourCount), (each) => each.item)
  return { items, together: Float64Array.from(items, (other) => together[other]!) }
}

/** How many users have each two of the items. */
function gramOf(args: NeighbourArgs, items: Uint32Array): Float64Array {
  const { starts, columns, itemStarts, itemColumns } = args
  const size = items.length
  const gram = new Float64Array(size * size)
  const place = new Map(Array.from(items, (item, k) => [item, k]))
  const seen = new Set<number>()
  for (const item of items) {
    for (let at = itemStarts[item]!; at < itemStarts[item + 1]!; at++) {
      const user = itemColumns[at]!
      if (seen.has(user)) continue
      seen.add(user)
      const own: number[] = []
      for (let pair = starts[user]!; pair < starts[user + 1]!; pair++) {
        const k = place.get(columns[pair]!)
        if (k !== undefined) own.push(k)
      }
      for (const a of own) for (const b of own) gram[a * size + b]!++
    }
  }
  return gram
}

/** x of A x = b for a symmetric positive definite A, from 0 on, preconditioned by its diagonal (Jacobi). */
function conjugateGradients(a: Float64Array, b: Float64Array, steps: number): Float64Array {
  const size = b.length
  const x = new Float64Array(size)
  const residual = b.slice()
  const scaled = () => residual.map((value, k) => value / a[k * size + k]!)
  const dot = (u: Float64Array, v: Float64Array) =>
    u.reduce((sum, value, k) => sum + value * v[k]!, 0)
  let direction = scaled()
  let norm = dot(residual, direction)
  const enough = 1e-24 * norm
  for (let step = 0; step < steps && norm > enough; step++) {
    const product = x.map((_, k) => dot(a.subarray(k * size, (k + 1) * size), direction))
    const length = norm / dot(direction, product)
    for (let k = 0; k < size; k++) {
      x[k]! += length * direction[k]!
      residual[k]! -= length * product[k]!
    }
    const next = scaled()
    const nextNorm = dot(residual, next)
    const keep = nextNorm / norm
    direction = next.map((value, k) => value + keep * direction[k]!)
    norm = nextNorm
  }
  return x
}
