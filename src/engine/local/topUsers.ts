import { negativeWeights } from './als.ts'
import { isIn } from './masks.ts'
import { affinities, type QueryArgs } from './scores.ts'
import { sharedSlots } from './verbs.ts'

export type TopUsersArgs = QueryArgs & {
  /** Boundaries of the blocks of queries. */
  blocks: Uint32Array
  /** Each form's positive factor per user by which positive affinities are multiplied; null: 1. */
  forms: (Float32Array | null)[]
  /** Allowed users of each query as bits (bit u&7 of byte u>>3), null: everybody. */
  masks: (Uint8Array | null)[]
  resultCount: number
  /** Results: forms x queries x resultCount user indexes, and how many of each list are filled. */
  out: Uint32Array
  counts: Uint32Array
}

/** Scores held at once, 16 MB, or one query's where that is more. */
const scoresMax = 4_000_000

/** The best users of one block of queries under each form, best first, ties by user index. */
export function topUsers(args: TopUsersArgs, block: number, shared: Int32Array): void {
  const { userCount, blocks, forms } = args
  const end = blocks[block + 1]!
  const groupSize = Math.max(1, Math.floor(scoresMax / userCount))
  for (let from = blocks[block]!; from < end; from += groupSize) {
    const count = Math.min(groupSize, end - from)
    const scores = scratch.scoresOf(count * userCount)
    affinities(args, { from: 0, count: userCount }, { from, count }, scores)
    for (let form = 0; form < forms.length; form++) {
      for (let n = 0; n < count; n++) {
        if (Atomics.load(shared, sharedSlots.stopped) === 1) return
        const own = scores.subarray(n * userCount, (n + 1) * userCount)
        const weighted = scratch.weightedOf(userCount)
        weigh(own, forms[form]!, weighted)
        const top = selectTop(weighted, args.masks[from + n]!, args.resultCount)
        const place = form * args.masks.length + from + n
        args.counts[place] = top.length
        args.out.set(top, place * args.resultCount)
      }
    }
  }
}

/**
 * The users of the largest scores, best first, ties by index; the list holds until the next call. A histogram of the
 * keys' top bits finds the bin where the list ends, what lies above is sorted by radix. Time is linear in users for
 * every length.
 */
export function selectTop(
  scores: Float32Array,
  mask: Uint8Array | null,
  resultCount: number,
): Uint32Array {
  const userCount = scores.length
  // A large histogram leaves fewer keys to sort, but clearing it must not cost more than it saves.
  const shift = userCount < 100_000 ? 20 : 16
  const keys = scratch.keysOf(userCount)
  const histogram = scratch.histogram.subarray(0, 0x1_0000_0000 / 2 ** shift)
  histogram.fill(0)
  fillKeys(scores, keys)
  for (let user = 0; user < userCount; user++) {
    if (allowed(mask, user)) histogram[keys[user]! >>> shift]!++
  }
  let total = 0
  let last = 0
  for (; last < histogram.length; last++) {
    total += histogram[last]!
    if (total >= resultCount) break
  }
  const users = scratch.usersOf(total)
  let size = 0
  for (let user = 0; user < userCount; user++) {
    if (keys[user]! >>> shift <= last && allowed(mask, user)) users[size++] = user
  }
  const sorted = sortByKey(users, scratch.spareOf(size), size, keys)
  return sorted.subarray(0, Math.min(size, resultCount))
}

const allowed = (mask: Uint8Array | null, user: number) => mask === null || isIn(mask, user)

/** out = scores, positive ones times the user's weight. */
function weigh(scores: Float32Array, weights: Float32Array | null, out: Float32Array): void {
  if (weights?.some((weight) => !(weight >= 0 && weight < Infinity)))
    throw new Error(negativeWeights)
  for (let user = 0; user < out.length; user++) {
    const score = scores[user]!
    out[user] = weights !== null && score > 0 ? score * weights[user]! : score
  }
}

/** Keys whose unsigned order is "best first": the float's bits, made monotone, then turned round. */
function fillKeys(scores: Float32Array, keys: Uint32Array): void {
  const floats = new Float32Array(keys.buffer, keys.byteOffset, scores.length)
  // Adding 0 turns -0 into 0, so that the two are a tie.
  for (let user = 0; user < scores.length; user++) floats[user] = scores[user]! + 0
  for (let user = 0; user < scores.length; user++) {
    const bits = keys[user]!
    keys[user] = bits >>> 31 === 1 ? bits : ~bits & 0x7fff_ffff
  }
}

/** Sorts the first `size` users by key, stably, eight bits per pass; returns the array that holds the result. */
function sortByKey(
  users: Uint32Array,
  spare: Uint32Array,
  size: number,
  keys: Uint32Array,
): Uint32Array {
  let from = users
  let to = spare
  const { places } = scratch
  for (let shift = 0; shift < 32; shift += 8) {
    places.fill(0)
    for (let k = 0; k < size; k++) places[((keys[from[k]!]! >>> shift) & 255) + 1]!++
    for (let bin = 0; bin < 256; bin++) places[bin + 1]! += places[bin]!
    for (let k = 0; k < size; k++) {
      const user = from[k]!
      to[places[(keys[user]! >>> shift) & 255]!++] = user
    }
    const swap = from
    from = to
    to = swap
  }
  return from
}

const scratch = {
  scores: new Float32Array(0),
  keys: new Uint32Array(0),
  users: new Uint32Array(0),
  spare: new Uint32Array(0),
  histogram: new Uint32Array(65_536),
  places: new Uint32Array(257),
  weighted: new Float32Array(0),
  weightedOf(size: number) {
    if (this.weighted.length < size) this.weighted = new Float32Array(size)
    return this.weighted.subarray(0, size)
  },
  scoresOf(size: number) {
    if (this.scores.length < size) this.scores = new Float32Array(size)
    return this.scores
  },
  keysOf(size: number) {
    if (this.keys.length < size) this.keys = new Uint32Array(size)
    return this.keys
  },
  usersOf(size: number) {
    if (this.users.length < size) this.users = new Uint32Array(size)
    return this.users
  },
  spareOf(size: number) {
    if (this.spare.length < size) this.spare = new Uint32Array(size)
    return this.spare
  },
}
