import { stoppedAt } from './verbs.ts'

/** Halves of weight that decayed counts of a user's events have, in horizons. */
const halfLives = [0.25, 0.5, 1, 2, 4, 8, 16] as const
/** Half-life of a user's events with one item, in horizons. */
const pairHalfLife = 2

/** Events of some users up to a moment: event positions begins[k]..ends[k]) of the k-th user, oldest first. */
export type HistoryArgs = {
  /** Seconds since the first event of all. */
  times: Uint32Array
  begins: Uint32Array
  ends: Uint32Array
  /** The moment that age is counted from, and the horizon, in the same seconds. */
  now: number
  horizon: number
}

/** Of a user's n events the k-th newest, counted from 0, weighs a half to the power of k / max(1, share x n). */
const shares = { newer: 0.25, newest: 0.05 }

const weightByAge = (share: number, count: number) => 0.5 ** (1 / Math.max(1, share * count))

/**
 * How often and how lately the user of each pair acted on its item, in the order of the pairs by item: counts, counts
 * in which an event weighs half as much after two horizons, and two in which the user's newest events weigh most; and
 * of each item its events, and these with half the weight after one horizon.
 */
export function pairHistory(
  args: HistoryArgs & {
    eventItems: Uint32Array
    itemStarts: Uint32Array
    counts: Float32Array
    recents: Float32Array
    newer: Float32Array
    newest: Float32Array
    itemEvents: Float64Array
    itemVolumes: Float64Array
  },
  _block: number,
  shared: Int32Array,
): void {
  const { eventItems, times, begins, ends, itemStarts, counts, recents, newer, newest } = args
  const { itemEvents, itemVolumes } = args
  const itemCount = itemStarts.length - 1
  const next = itemStarts.slice(0, itemCount)
  const place = new Uint32Array(itemCount)
  const seenBy = new Int32Array(itemCount).fill(-1)
  const decay = Math.LN2 / (pairHalfLife * args.horizon)
  for (let user = 0; user < begins.length; user++) {
    if (stoppedAt(user, shared)) return
    const [begin, end] = [begins[user]!, ends[user]!]
    const slower = weightByAge(shares.newer, end - begin)
    const faster = weightByAge(shares.newest, end - begin)
    let byAge = 1
    let byAgeFast = 1
    for (let event = end - 1; event >= begin; event--) {
      const item = eventItems[event]!
      if (seenBy[item] !== user) {
        seenBy[item] = user
        place[item] = next[item]!++
      }
      const at = place[item]!
      const recent = Math.exp(decay * (times[event]! - args.now))
      counts[at]!++
      recents[at]! += recent
      itemEvents[item]!++
      // As a half-life of one horizon weighs it: demand is foreseen best by that.
      itemVolumes[item]! += recent * recent
      newer[at]! += byAge
      newest[at]! += byAgeFast
      byAge *= slower
      byAgeFast *= faster
    }
  }
}

/** Numbers that `userHistory` says of each user. */
export const historyWidth = 8 + halfLives.length
export const daySeconds = 86_400

/**
 * What a user's events say of how much it will do: log(1 + events), log(1 + different days), log(1 + days since the
 * last), log(1 + days since the first), the squares of these four, and log(1 + decayed counts). out: users x
 * historyWidth.
 */
export function userHistory(
  args: HistoryArgs & { blocks: Uint32Array; out: Float32Array },
  block: number,
): void {
  const { times, begins, ends, now, horizon, blocks, out } = args
  const slowest = halfLives.at(-1)!
  const decay = Math.LN2 / (slowest * horizon)
  for (let user = blocks[block]!; user < blocks[block + 1]!; user++) {
    const [begin, end] = [begins[user]!, ends[user]!]
    const to = user * historyWidth
    let days = 0
    let lastDay = -1
    for (let event = begin; event < end; event++) {
      const time = times[event]!
      const today = Math.floor(time / daySeconds)
      if (today !== lastDay) days++
      lastDay = today
      // Each half-life is half the one after it, so that its weight is that one's square.
      let weight = Math.exp(decay * (time - now))
      for (let k = halfLives.length - 1; k >= 0; k--) {
        out[to + 8 + k]! += weight
        weight *= weight
      }
    }
    const ages = end > begin ? [now - times[end - 1]!, now - times[begin]!] : [now, now]
    const values = [end - begin, days, ages[0]! / daySeconds, ages[1]! / daySeconds]
    for (let k = 0; k < 4; k++) {
      out[to + k] = Math.log1p(values[k]!)
      out[to + 4 + k] = Math.log1p(values[k]!) ** 2
    }
    for (let k = 8; k < historyWidth; k++) out[to + k] = Math.log1p(out[to + k]!)
  }
}

export type TraitArgs = Pick<HistoryArgs, 'begins' | 'ends'> & {
  eventItems: Uint32Array
  itemTraitStarts: Uint32Array
  itemTraits: Uint32Array
  /** One element more than traits. */
  traitStarts: Uint32Array
}

/** traitStarts = where the users of each trait of items begin in `traitColumns`. */
export function traitSizes(args: TraitArgs, _block: number, shared: Int32Array): void {
  const { traitStarts } = args
  const seenBy = new Int32Array(traitStarts.length).fill(-1)
  eachTrait(args, shared, (trait, user) => {
    if (seenBy[trait] !== user) traitStarts[trait + 1]!++
    seenBy[trait] = user
  })
  for (let trait = 1; trait < traitStarts.length; trait++)
    traitStarts[trait]! += traitStarts[trait - 1]!
}

/**
 * For each trait the users who acted on an item that has it, ascending, with the share of their events that have it,
 * and the same share where newer events weigh more.
 */
export function traitColumns(
  args: TraitArgs & {
    traitUsers: Uint32Array
    traitShares: Float32Array
    traitNewer: Float32Array
  },
  _block: number,
  shared: Int32Array,
): void {
  const { traitStarts, traitUsers, traitShares, traitNewer } = args
  const next = traitStarts.slice()
  const seenBy = new Int32Array(traitStarts.length).fill(-1)
  eachTrait(args, shared, (trait, user, share, newer) => {
    if (seenBy[trait] !== user) traitUsers[next[trait]!++] = user
    seenBy[trait] = user
    traitShares[next[trait]! - 1]! += share
    traitNewer[next[trait]! - 1]! += newer
  })
}

type Visit = (trait: number, user: number, share: number, newer: number) => void

function eachTrait(args: TraitArgs, shared: Int32Array, visit: Visit): void {
  const { begins, ends, eventItems, itemTraitStarts, itemTraits } = args
  for (let user = 0; user < begins.length; user++) {
    if (stoppedAt(user, shared)) return
    const [begin, end] = [begins[user]!, ends[user]!]
    const slower = weightByAge(shares.newer, end - begin)
    const all = (1 - slower ** (end - begin)) / (1 - slower)
    let byAge = 1
    for (let event = end - 1; event >= begin; event--) {
      const item = eventItems[event]!
      for (let k = itemTraitStarts[item]!; k < itemTraitStarts[item + 1]!; k++)
        visit(itemTraits[k]!, user, 1 / (end - begin), byAge / all)
      byAge *= slower
    }
  }
}
