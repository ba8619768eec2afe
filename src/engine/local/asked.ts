import { type EvidenceFeature, evidenceFeatures, type QueryFeature } from '../engine.ts'
import { evenBlocks, sharedFloats32, sharedInts } from './arrays.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import type { EvidenceArgs, Lists } from './rankUsers.ts'

/** Indexes, ascending or not, and a weight of each. */
export type Weighted = { columns: Uint32Array; weights: Float32Array }

/** A query with all that its evidence is found by. */
/** Queries that share one pass over the users' factors. */
export const queriesTogether = 8

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
  const totals = totalsOf(fitted)
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
      ...levelOf(fitted, set, totals),
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
  const totals = totalsOf(fitted)
  const { values, width } = fitted.items
  return sets.map((_, n) => {
    const rows = new Float32Array(width)
    for (const item of alike[n]!)
      for (let k = 0; k < width; k++) rows[k]! += values[item * width + k]! / alike[n]!.length
    const near = sum(Array.from(heads[n]!, (item) => neighbours.get(item)!))
    const { features, shares } = levelOf(fitted, alike[n]!, totals)
    const each = Math.log(Math.max(1, alike[n]!.length))
    return {
      ...{ rows, owned: new Uint32Array(0), traits: traits[n]!, shares },
      near: { ...near, weights: near.weights.map((weight) => weight / heads[n]!.length) },
      features: { users: features.users - each, volume: features.volume - each },
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
  { pairs }: Fitted,
  sets: Uint32Array[],
  signal: AbortSignal,
): Promise<Map<number, Weighted>> {
  const items = Uint32Array.from(new Set(sets.flatMap((set) => Array.from(set)))).sort()
  const found = await kernel.neighbourRidge(pairs, items, neighbourhood, signal)
  return new Map(found.map(({ items: columns, weights }, n) => [items[n]!, { columns, weights }]))
}

export function traitsOf({ itemTraits }: Fitted, item: number): Weighted {
  const { starts, traits, weights } = itemTraits
  const columns = traits.subarray(starts[item]!, starts[item + 1]!)
  return { columns, weights: Float32Array.from(columns, (trait) => weights[trait]!) }
}

type Totals = { events: number; recents: number }

function totalsOf({ history: { counts, recents } }: Fitted): Totals {
  const totals = { events: 0, recents: 0 }
  for (let at = 0; at < counts.length; at++) {
    totals.events += counts[at]!
    totals.recents += recents[at]!
  }
  return totals
}

function levelOf(
  { pairs, history: { counts, recents } }: Fitted,
  items: Uint32Array,
  totals: Totals,
) {
  const { starts } = pairs.byItem
  let users = 0
  let events = 0
  let volume = 0
  for (const item of items) {
    users += starts[item + 1]! - starts[item]!
    for (let at = starts[item]!; at < starts[item + 1]!; at++) {
      events += counts[at]!
      volume += recents[at]!
    }
  }
  return {
    features: { users: Math.log1p(users), volume: Math.log(volume + 0.1) },
    shares: {
      own: (events + 1) / (totals.events + 1),
      ownRecent: (volume + 0.1) / (totals.recents + 0.1),
    },
  }
}

/** The sum of lists, by ascending index. */
export function sum(lists: Weighted[]): Weighted {
  if (lists.length === 1) return lists[0]!
  const sums = new Map<number, number>()
  for (const { columns, weights } of lists)
    for (let k = 0; k < columns.length; k++)
      sums.set(columns[k]!, (sums.get(columns[k]!) ?? 0) + weights[k]!)
  const columns = Uint32Array.from(sums.keys()).sort()
  return { columns, weights: Float32Array.from(columns, (column) => sums.get(column)!) }
}

/** What the kernel needs to find the evidence for these queries. */
export function evidenceArgs(fitted: Fitted, asked: Asked[]): EvidenceArgs {
  const { users, pairs, history, traitUsers } = fitted
  const { width } = users
  const queryStarts = sharedInts(asked.length + 1)
  for (const [n, { rows }] of asked.entries())
    queryStarts[n + 1] = queryStarts[n]! + rows.length / width
  const rows = sharedFloats32(queryStarts[asked.length]! * width)
  for (const [n, each] of asked.entries()) rows.set(each.rows, queryStarts[n]! * width)
  return {
    ...{ users: users.values, userCount: users.rowCount, width, rows, queryStarts },
    near: listsOf(asked.map(({ near }) => near)),
    owned: listsOf(
      asked.map(({ owned }) => ({ columns: owned, weights: new Float32Array(owned.length) })),
    ),
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
  const starts = sharedInts(lists.length + 1)
  for (const [n, { columns }] of lists.entries()) starts[n + 1] = starts[n]! + columns.length
  const columns = sharedInts(starts[lists.length]!)
  const weights = sharedFloats32(columns.length)
  for (const [n, list] of lists.entries()) {
    columns.set(list.columns, starts[n])
    weights.set(list.weights, starts[n])
  }
  return { starts, columns, weights }
}

/** Evidence of all users for each query: queries x evidenceFeatures x users. */
export async function findEvidence(
  kernel: Kernel,
  fitted: Fitted,
  asked: Asked[],
  signal: AbortSignal,
): Promise<Float32Array> {
  const out = sharedFloats32(asked.length * evidenceFeatures.length * fitted.users.rowCount)
  const blocks = evenBlocks(asked.length, queriesTogether)
  const args = { evidence: evidenceArgs(fitted, asked), blocks, out }
  await kernel.run('findEvidence', args, blocks.length - 1, signal)
  return out
}
