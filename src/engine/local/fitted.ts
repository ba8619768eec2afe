import type { UserFeature } from '../engine.ts'
import { evenBlocks, type Factors, sharedFloats32, sharedFloats64, sharedInts } from './arrays.ts'
import type { Weighted } from './asked.ts'
import { normaliserOf } from './evaluate.ts'
import { historyWidth } from './history.ts'
import type { BothPairs, Kernel } from './kernel.ts'
import type { Events } from './prepare.ts'
import type { Columns } from './rankUsers.ts'
import { pairsOf, type Ranges } from './split.ts'
import type { ItemTraits } from './traits.ts'

/** What a part of the events says of every user and item: all that scores are made from. */
export type Fitted = {
  pairs: BothPairs
  /** Numbers of each pair, by item (`pairHistory`). */
  history: Record<'counts' | 'recents' | 'newer' | 'newest', Float32Array>
  /** Events and decayed events of each item. */
  itemEvents: Float64Array
  itemVolumes: Float64Array
  users: Factors
  items: Factors
  /** A number per user; a user without events has 0 events. */
  features: Record<UserFeature, Float32Array>
  itemTraits: ItemTraits
  /** Users of each trait, and the shares of their events that have it. */
  traitUsers: Columns & Record<'shares' | 'newer', Float32Array>
  /** The nearest items of those that were asked for, kept while a score is learned. */
  neighbours?: Map<number, Weighted>
}

/** Events up to a moment, in seconds since the first event, and the horizon after it. */
export type Past = { ranges: Ranges; now: number; horizon: number }

const userBlock = 4096

/** Makes the factors of users and items from pairs. */
export type Factorise = (pairs: BothPairs) => Promise<{ users: Factors; items: Factors }>

/** `userHistory` is what the verb of that name says. Until a regression says better, activity is the events. */
export async function fit(
  kernel: Kernel,
  events: Events,
  { ranges, now, horizon }: Past,
  factorise: Factorise,
  seed: number,
  itemTraits: ItemTraits,
  signal: AbortSignal,
): Promise<{ fitted: Fitted; userHistory: Float32Array }> {
  const pairs = await pairsOf(kernel, events, ranges, signal)
  const { users, items } = await factorise(pairs)
  const normaliser = await normaliserOf(kernel, users, items, seed, signal)
  const when = { times: events.times, ...ranges, now, horizon }
  const { starts: itemStarts, columns } = pairs.byItem
  const history = {
    counts: sharedFloats32(columns.length),
    recents: sharedFloats32(columns.length),
    newer: sharedFloats32(columns.length),
    newest: sharedFloats32(columns.length),
  }
  const itemSums = {
    itemEvents: sharedFloats64(items.rowCount),
    itemVolumes: sharedFloats64(items.rowCount),
  }
  const pairArgs = { ...when, eventItems: events.items, itemStarts, ...history, ...itemSums }
  await kernel.run('pairHistory', pairArgs, 1, signal)
  const blocks = evenBlocks(users.rowCount, userBlock)
  const userHistory = sharedFloats32(users.rowCount * historyWidth)
  await kernel.run('userHistory', { ...when, blocks, out: userHistory }, blocks.length - 1, signal)
  const features = featuresOf(userHistory, normaliser)
  const traitUsers = await usersOfTraits(kernel, events, ranges, itemTraits, signal)
  const neighbours = new Map<number, Weighted>()
  const fitted = {
    pairs,
    history,
    ...itemSums,
    users,
    items,
    features,
    itemTraits,
    traitUsers,
    neighbours,
  }
  return { fitted, userHistory }
}

function featuresOf(history: Float32Array, normaliser: Float32Array): Fitted['features'] {
  const userCount = normaliser.length
  const features = {
    events: sharedFloats32(userCount),
    activity: sharedFloats32(userCount),
    normaliser: sharedFloats32(userCount),
  }
  let sum = 0
  for (let user = 0; user < userCount; user++) sum += normaliser[user]!
  // A user with hardly any affinity to anything must not win by a division through almost nothing.
  const floor = (1e-3 * sum) / userCount + 1e-12
  for (let user = 0; user < userCount; user++) {
    features.events[user] = history[user * historyWidth]!
    features.activity[user] = features.events[user]!
    features.normaliser[user] = Math.log(normaliser[user]! + floor)
  }
  return features
}

async function usersOfTraits(
  kernel: Kernel,
  events: Events,
  ranges: Ranges,
  { starts: itemTraitStarts, traits: itemTraits, weights }: ItemTraits,
  signal: AbortSignal,
): Promise<Fitted['traitUsers']> {
  const traitStarts = sharedInts(weights.length + 1)
  const args = { ...ranges, eventItems: events.items, itemTraitStarts, itemTraits, traitStarts }
  await kernel.run('traitSizes', args, 1, signal)
  const traitUsers = sharedInts(traitStarts[weights.length]!)
  const traitShares = sharedFloats32(traitUsers.length)
  const traitNewer = sharedFloats32(traitUsers.length)
  await kernel.run('traitColumns', { ...args, traitUsers, traitShares, traitNewer }, 1, signal)
  return { starts: traitStarts, columns: traitUsers, shares: traitShares, newer: traitNewer }
}
