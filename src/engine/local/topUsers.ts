export type TopUsersArgs = {
  /** Affinities, queries x users. */
  scores: Float32Array
  userCount: number
  /** A positive factor per user by which positive affinities are multiplied; undefined: 1. */
  weights: Float32Array | undefined
  /** Allowed users of each query as bits (bit u&7 of byte u>>3), undefined: everybody. */
  masks: (Uint8Array | undefined)[]
  resultCount: number
  /** Results: queries x resultCount user indexes, and how many of them are filled. */
  out: Uint32Array
  counts: Uint32Array
}

/**
 * The best users of one query, best first, ties by user index: a histogram of the keys' top bits finds the
 * bin where the list ends, what lies above is sorted by radix. Time is linear in users for every length.
 */
export function topUsers(args: TopUsersArgs, query: number): void {
  const { userCount, resultCount, out, counts } = args
  // A large histogram leaves fewer keys to sort, but clearing it must not cost more than it saves.
  const shift = userCount < 100_000 ? 20 : 16
  const keys = scratch.keysOf(userCount)
  const histogram = scratch.histogram.subarray(0, 0x1_0000_0000 / 2 ** shift)
  histogram.fill(0)
  fillKeys(args, query, keys)
  const mask = args.masks[query]
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
  const count = Math.min(size, resultCount)
  counts[query] = count
  out.set(sorted.subarray(0, count), query * resultCount)
}

const allowed = (mask: Uint8Array | undefined, user: number) =>
  mask === undefined || ((mask[user >>> 3]! >>> (user & 7)) & 1) === 1

/** Keys whose unsigned order is "best first": the float's bits, made monotone, then turned round. */
function fillKeys(args: TopUsersArgs, query: number, keys: Uint32Array): void {
  const { scores, userCount, weights } = args
  const floats = new Float32Array(keys.buffer, keys.byteOffset, userCount)
  const base = query * userCount
  for (let user = 0; user < userCount; user++) {
    const score = scores[base + user]!
    // Adding 0 turns -0 into 0, so that the two are a tie.
    floats[user] = (weights !== undefined && score > 0 ? score * weights[user]! : score) + 0
  }
  for (let user = 0; user < userCount; user++) {
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
  keys: new Uint32Array(0),
  users: new Uint32Array(0),
  spare: new Uint32Array(0),
  histogram: new Uint32Array(65_536),
  places: new Uint32Array(257),
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
