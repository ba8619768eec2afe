import {
  type EvidenceFeature,
  evidenceFeatures,
  type QueryFeature,
  userFeatures,
} from '../engine.ts'
import { queryBlocks, sharedFloats32, sharedInts } from './arrays.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import type { Columns, EvidenceArgs, Lists } from './rankUsers.ts'
import type { KnownUsers } from './someUsers.ts'

/** Indexes, ascending or not, and a weight of each. */
export type Weighted = { columns: Uint32Array; weights: Float32Array }

/** Queries that share one pass over the users' factors: a panel of the kernel. */
const queriesTogether = 32
/** Results that the lists of a block have at most; those of one query may be more. */
const blockResults = 4_000_000

/** Blocks of queries for `findEvidence` and `rankUsers`. */
export function askedBlocks(
  { threadCount }: Kernel,
  { queryStarts }: EvidenceArgs,
  resultsPerQuery = 1,
): Uint32Array {
  const most = Math.floor(blockResults / Math.max(1, resultsPerQuery))
  return queryBlocks(queryStarts, Math.min(queriesTogether, most), threadCount)
}

/** A query with all that its evidence is found by. */
export type Asked = {
  /** Factor vectors of its items, one after the other. */
  rows: Float32Array
  /** The nearest items, by ridge weights. */
  near: Weighted
  /** The items whose users count as having acted on it. */
  owned: Uint32Array
  traits: Weighted
  features: Record<QueryFeature, number>
  /** Its share of all events, and of all decayed ones, by which relative offsets are multiplied. */
  shares: Partial<Record<EvidenceFeature, number>>
}

/** Nearest items of an item, their ridge, and the most steps of its solver. */
export const neighbourhood = { neighbourCount: 200, lambda: 100, steps: 50 }
/** Of larger sets, those with the most users have neighbourhoods. */
const nearItemsMax = 200

/** Queries for an item, or for any of a set, that have events. */
export async function askForItems(
  kernel: Kernel,
  fitted: Fitted,
  sets: Uint32Array[],
  signal: AbortSignal,
): Promise<Asked[]> {
  const { pairs, items } = fitted
  const usersOf = (item: number) => pairs.byItem.starts[item + 1]! - pairs.byItem.starts[item]!
  const busiest = (set: Uint32Array) =>
    set.length <= nearItemsMax
      ? set
      : set.toSorted((a, b) => usersOf(b) - usersOf(a) || a - b).subarray(0, nearItemsMax)
  const heads = sets.map(busiest)
  const neighbours = await neighboursOf(kernel, fitted, heads, signal)
  const all = totalsOf(fitted, fitted.itemEvents.keys())
  return sets.map((set, n) => {
    const { width } = items
    const rows = new Float32Array(set.length * width)
    for (const [k, item] of set.entries())
      rows.set(items.values.subarray(item * width, (item + 1) * width), k * width)
    return {
      rows,
      near: sum(Array.from(heads[n]!, (item) => neighbours.get(item)!)),
      owned: set,
      traits: sum(Array.from(set, (item) => traitsOf(fitted, item))),
      ...told(totalsOf(fitted, set), all),
    }
  })
}

/** Items most alike that stand for an item without events, and those of them with neighbourhoods. */
const alikeMax = 30
const alikeNearMax = 10

/**
 * Queries for items as if they had no events: their factors and neighbourhoods are means of those of the items with
 * events that are most alike by traits.
 */
export async function askForNewItems(
  kernel: Kernel,
  fitted: Fitted,
  sets: Uint32Array[],
  signal: AbortSignal,
): Promise<Asked[]> {
  const itemsOf = transposed(fitted)
  const traits = sets.map((set) => sum(Array.from(set, (item) => traitsOf(fitted, item))))
  const alike = sets.map((set, n) => alikeItems(fitted, itemsOf, traits[n]!, set))
  const heads = alike.map((items) => items.subarray(0, alikeNearMax))
  const neighbours = await neighboursOf(kernel, fitted, heads, signal)
  const all = totalsOf(fitted, fitted.itemEvents.keys())
  const { values, width } = fitted.items
  return sets.map((_, n) => {
    const rows = new Float32Array(width)
    for (const item of alike[n]!)
      for (let k = 0; k < width; k++) rows[k]! += values[item * width + k]! / alike[n]!.length
    const near = sum(Array.from(heads[n]!, (item) => neighbours.get(item)!))
    // As much is done with it as with one of these.
    const count = Math.max(1, alike[n]!.length)
    const { users, events, volume } = totalsOf(fitted, alike[n]!)
    return {
      ...{ rows, owned: new Uint32Array(0), traits: traits[n]! },
      near: { ...near, weights: near.weights.map((weight) => weight / heads[n]!.length) },
      ...told({ users: users / count, events: events / count, volume: volume / count }, all),
    }
  })
}

/** The items of each trait that have events. */
function transposed({ itemTraits, pairs }: Fitted): number[][] {
  const itemsOf: number[][] = Array.from(itemTraits.weights, () => [])
  for (let item = 0; item < pairs.byItem.rowCount; item++) {
    if (pairs.byItem.starts[item] === pairs.byItem.starts[item + 1]) continue
    for (let k = itemTraits.starts[item]!; k < itemTraits.starts[item + 1]!; k++)
      itemsOf[itemTraits.traits[k]!]!.push(item)
  }
  return itemsOf
}

/** The items that share the most weight of traits with a query, most alike first, its own left out. */
function alikeItems(
  { pairs: { byItem } }: Fitted,
  itemsOf: number[][],
  { columns, weights }: Weighted,
  own: Uint32Array,
): Uint32Array {
  const shared = new Float64Array(byItem.rowCount)
  columns.forEach((trait, k) => {
    for (const item of itemsOf[trait]!) shared[item]! += weights[k]!
  })
  for (const item of own) shared[item] = 0
  const found: number[] = []
  for (let item = 0; item < shared.length; item++) if (shared[item]! > 0) found.push(item)
  found.sort((a, b) => shared[b]! - shared[a]! || a - b)
  return Uint32Array.from(found.slice(0, alikeMax))
}

async function neighboursOf(
  kernel: Kernel,
  { pairs, neighbours = new Map() }: Fitted,
  sets: Uint32Array[],
  signal: AbortSignal,
): Promise<Map<number, Weighted>> {
  const wanted = new Set<number>()
  for (const set of sets) for (const item of set) if (!neighbours.has(item)) wanted.add(item)
  const items = Uint32Array.from(wanted).sort()
  const found = await kernel.neighbourRidge(pairs, items, neighbourhood, signal)
  for (const [n, { items: columns, weights }] of found.entries())
    neighbours.set(items[n]!, { columns, weights })
  return neighbours
}

function traitsOf({ itemTraits }: Fitted, item: number): Weighted {
  const { starts, traits, weights } = itemTraits
  const columns = traits.subarray(starts[item]!, starts[item + 1]!)
  return { columns, weights: Float32Array.from(columns, (trait) => weights[trait]!) }
}

type Totals = { users: number; events: number; volume: number }

/** What was done with these items, or with all. */
export function totalsOf(
  { pairs, itemEvents, itemVolumes }: Fitted,
  items: Iterable<number>,
): Totals {
  const { starts } = pairs.byItem
  const totals = { users: 0, events: 0, volume: 0 }
  for (const item of items) {
    totals.users += starts[item + 1]! - starts[item]!
    totals.events += itemEvents[item]!
    totals.volume += itemVolumes[item]!
  }
  return totals
}

export const featuresOf = ({ users, volume }: Pick<Totals, 'users' | 'volume'>) => ({
  users: Math.log1p(users),
  volume: Math.log(volume + 0.1),
})

/** The features and shares of a query with these totals, out of all. */
const told = (totals: Totals, all: Totals) => ({
  features: featuresOf(totals),
  shares: {
    own: (totals.events + 1) / (all.events + 1),
    ownRecent: (totals.volume + 0.1) / (all.volume + 0.1),
  },
})

/** The sum of lists, by ascending index. */
function sum(lists: Weighted[]): Weighted {
  if (lists.length === 1) return lists[0]!
  const sums = new Map<number, number>()
  for (const { columns, weights } of lists)
    for (let k = 0; k < columns.length; k++)
      sums.set(columns[k]!, (sums.get(columns[k]!) ?? 0) + weights[k]!)
  const columns = Uint32Array.from(sums.keys()).sort()
  return { columns, weights: Float32Array.from(columns, (column) => sums.get(column)!) }
}

/** What the kernel needs to find the evidence for these queries. */
export function evidenceArgs(known: KnownUsers, asked: Asked[]): EvidenceArgs {
  const { users, pairs, history, traitUsers, features } = known
  const { width } = users
  const queryStarts = sharedInts(asked.length + 1)
  for (const [n, { rows }] of asked.entries())
    queryStarts[n + 1] = queryStarts[n]! + rows.length / width
  const rows = sharedFloats32(queryStarts[asked.length]! * width)
  for (const [n, each] of asked.entries()) rows.set(each.rows, queryStarts[n]! * width)
  return {
    ...{ users: users.values, userCount: users.rowCount, width, rows, queryStarts },
    near: listsOf(asked.map(({ near }) => near)),
    features: userFeatures.map((name) => features[name]),
    owned: columnsOf(asked.map(({ owned }) => owned)),
    traits: listsOf(asked.map(({ traits }) => traits)),
    itemUsers: { starts: pairs.byItem.starts, columns: pairs.byItem.columns },
    itemCounts: history.counts,
    itemRecents: history.recents,
    itemNewer: history.newer,
    itemNewest: history.newest,
    traitUsers: { starts: traitUsers.starts, columns: traitUsers.columns },
    traitShares: traitUsers.shares,
    traitNewer: traitUsers.newer,
  }
}

function listsOf(lists: Weighted[]): Lists {
  const made = columnsOf(lists.map(({ columns }) => columns))
  const weights = sharedFloats32(made.columns.length)
  for (const [n, list] of lists.entries()) weights.set(list.weights, made.starts[n])
  return { ...made, weights }
}

function columnsOf(lists: Uint32Array[]): Columns {
  const starts = sharedInts(lists.length + 1)
  for (const [n, list] of lists.entries()) starts[n + 1] = starts[n]! + list.length
  const columns = sharedInts(starts[lists.length]!)
  for (const [n, list] of lists.entries()) columns.set(list, starts[n])
  return { starts, columns }
}

/** Evidence of users for each query: queries x evidenceFeatures x users. */
export async function findEvidence(
  kernel: Kernel,
  known: KnownUsers,
  asked: Asked[],
  signal: AbortSignal,
): Promise<Float32Array> {
  const out = sharedFloats32(asked.length * evidenceFeatures.length * known.users.rowCount)
  const evidence = evidenceArgs(known, asked)
  const blocks = askedBlocks(kernel, evidence)
  const args = { evidence, blocks, out }
  await kernel.run('findEvidence', args, blocks.length - 1, signal)
  return out
}
