import { sharedInts } from './arrays.ts'
import type { BothPairs, EventRanges, Kernel } from './kernel.ts'
import { type Mask, maskOf } from './masks.ts'
import type { Events } from './prepare.ts'
import { random, sample } from './random.ts'

/** For each of some users the range of its events that belongs to a part: begins[k]..ends[k]). */
export type Ranges = { begins: Uint32Array; ends: Uint32Array }

/** All events of all users. */
export function wholeRanges({ starts, userCount }: Events): Ranges {
  const begins = sharedInts(userCount)
  const ends = sharedInts(userCount)
  begins.set(starts.subarray(0, userCount))
  ends.set(starts.subarray(1))
  return { begins, ends }
}

/**
 * Cuts off each user's newest 20 %, rounded up (spec H.4, H.5). A user's only event stays in the older part: such
 * users would otherwise be unknown to training, and be most of its users where repeat visits are rare.
 */
export function newestFifth({ begins, ends }: Ranges): { older: Ranges; newer: Ranges } {
  const cuts = sharedInts(begins.length)
  for (let k = 0; k < begins.length; k++) {
    const count = ends[k]! - begins[k]!
    cuts[k] = ends[k]! - Math.min(Math.ceil(0.2 * count), Math.max(0, count - 1))
  }
  return { older: { begins, ends: cuts }, newer: { begins: cuts, ends } }
}

/** Fewer users with two events say nothing of how many there are. */
const pairedMin = 20
/** ln(3/2) / ln(4/3): how counts of users fall from two events to one less, by a power law. */
const power = 1.409
const returningMax = 0.9

/**
 * Which users take part in a validation by `newestFifth`, as bits; undefined: all. Of the users that training knows by
 * one event, some had two, whose newest is to be foreseen: a share that the counts of users with two and three events
 * tell. In the validation those with one event never act again. Where they are too many for that share, as where hardly
 * anyone comes twice, only so many take part, at random.
 */
export function validationUsers(ranges: Ranges, seed: number): Mask | undefined {
  const { begins, ends } = ranges
  const usersOf = [0, 0, 0, 0]
  for (let k = 0; k < begins.length; k++) {
    const count = ends[k]! - begins[k]!
    if (count < usersOf.length) usersOf[count]!++
  }
  const [, once, twice, thrice] = usersOf as [number, number, number, number]
  if (twice < pairedMin || thrice === 0) return undefined
  const returned = twice * Math.max(1, twice / thrice) ** power
  const share = Math.min(returningMax, returned / once)
  const kept = (twice * (1 - share)) / (share * once)
  if (kept >= 1) return undefined
  const draw = random(seed, 4)
  return maskOf(begins.length, (user) => ends[user]! - begins[user]! !== 1 || draw() < kept)
}

/** Cuts each user's events at a moment: what comes before it, and what comes then. */
export function cutAt(ranges: Ranges, times: Uint32Array, moment: number) {
  const { begins, ends } = ranges
  const cuts = sharedInts(begins.length)
  for (let k = 0; k < begins.length; k++) {
    let low = begins[k]!
    let high = ends[k]!
    while (low < high) {
      const middle = (low + high) >>> 1
      if (times[middle]! < moment) low = middle + 1
      else high = middle
    }
    cuts[k] = low
  }
  return { older: { begins, ends: cuts }, newer: { begins: cuts, ends } }
}

/** A seeded sample of users, as many as have about `eventsMax` events together; all when they have fewer. */
export function sampleUsers({ begins, ends }: Ranges, eventsMax: number, seed: number): Ranges {
  let events = 0
  for (let k = 0; k < begins.length; k++) events += ends[k]! - begins[k]!
  const share = Math.min(1, eventsMax / Math.max(1, events))
  const users = sample(begins.length, Math.ceil(share * begins.length), random(seed))
  const picked = (from: Uint32Array) => {
    const to = sharedInts(users.length)
    for (let k = 0; k < to.length; k++) to[k] = from[users[k]!]!
    return to
  }
  return { begins: picked(begins), ends: picked(ends) }
}

/** Events per listed user. */
export function eventCounts({ begins, ends }: Ranges): Uint32Array {
  const counts = new Uint32Array(ends.length)
  for (let k = 0; k < counts.length; k++) counts[k] = ends[k]! - begins[k]!
  return counts
}

/** The different pairs of a part, by user and by item. */
export function pairsOf(
  kernel: Kernel,
  events: Events,
  ranges: Ranges,
  signal: AbortSignal,
): Promise<BothPairs> {
  const parts: EventRanges = {
    eventItems: events.items,
    eventWeights: events.weights,
    itemCount: events.itemCount,
    ...ranges,
  }
  return kernel.pairs(parts, signal)
}
