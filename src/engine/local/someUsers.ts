import { userFeatures } from '../engine.ts'
import { emptyFactors, sharedFloats32, sharedInts } from './arrays.ts'
import type { Fitted } from './fitted.ts'
import { type Random, sample } from './random.ts'
import type { Columns } from './rankUsers.ts'

/** What is known of users: all that they are ranked by. */
export type KnownUsers = Pick<Fitted, 'users' | 'history' | 'features' | 'traitUsers'> & {
  pairs: Pick<Fitted['pairs'], 'byItem'>
}

/** Some users with indexes of their own, and the index of each of all users among them; those who are not have the largest number. */
export type SomeUsers = { known: KnownUsers; placeOf: Uint32Array }

const notAmong = 0xffff_ffff

/** `count` users at random; all of them when there are not more. */
export const usersAtRandom = (all: Fitted, count: number, draw: Random): SomeUsers =>
  someUsers(all, sample(all.users.rowCount, count, draw))

/** The indexes of those of all users who are among some, ascending like these. */
export const placesOf = (users: Uint32Array, { placeOf }: SomeUsers): Uint32Array =>
  users.map((user) => placeOf[user]!).filter((place) => place !== notAmong)

/** These users, ascending. */
export function someUsers(all: Fitted, chosen: Uint32Array): SomeUsers {
  const { rowCount, factorCount, width, values } = all.users
  const placeOf = new Uint32Array(rowCount).fill(notAmong)
  for (const [place, user] of chosen.entries()) placeOf[user] = place
  if (chosen.length === rowCount) return { known: all, placeOf }
  const users = emptyFactors(chosen.length, factorCount)
  const features = {} as Fitted['features']
  for (const name of userFeatures) features[name] = sharedFloats32(chosen.length)
  for (const [place, user] of chosen.entries()) {
    users.values.set(values.subarray(user * width, (user + 1) * width), place * width)
    for (const name of userFeatures) features[name][place] = all.features[name][user]!
  }
  const { byItem } = all.pairs
  const { counts, recents, newer, newest } = all.history
  const items = columnsOf(byItem, placeOf, [counts, recents, newer, newest])
  const { shares, newer: newerShares } = all.traitUsers
  const traits = columnsOf(all.traitUsers, placeOf, [shares, newerShares])
  const [ownCounts, ownRecents, ownNewer, ownNewest] = items.values
  const { starts, columns } = items
  return {
    known: {
      users,
      features,
      pairs: { byItem: { ...byItem, columnCount: chosen.length, starts, columns } },
      history: {
        ...{ counts: ownCounts!, recents: ownRecents!, newer: ownNewer!, newest: ownNewest! },
      },
      traitUsers: {
        ...{ starts: traits.starts, columns: traits.columns },
        ...{ shares: traits.values[0]!, newer: traits.values[1]! },
      },
    },
    placeOf,
  }
}

/** What of some columns, and of numbers beside them, is of users who have a place. */
function columnsOf({ starts, columns }: Columns, placeOf: Uint32Array, values: Float32Array[]) {
  const ownStarts = sharedInts(starts.length)
  let size = 0
  for (let row = 0; row + 1 < starts.length; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++)
      if (placeOf[columns[at]!] !== notAmong) size++
    ownStarts[row + 1] = size
  }
  const own = { columns: sharedInts(size), values: values.map(() => sharedFloats32(size)) }
  for (let at = 0, to = 0; to < size; at++) {
    const place = placeOf[columns[at]!]!
    if (place === notAmong) continue
    own.columns[to] = place
    for (const [k, all] of values.entries()) own.values[k]![to] = all[at]!
    to++
  }
  return { starts: ownStarts, ...own }
}
