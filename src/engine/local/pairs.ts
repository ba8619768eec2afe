import { stoppedAt } from './verbs.ts'

/** Sorted events of some users: event positions `begins[k]..ends[k])` of the k-th user become row k. */
export type PairsOfEventsArgs = {
  eventItems: Uint32Array
  /** Undefined: every event weighs 1. */
  eventWeights: Float32Array | undefined
  begins: Uint32Array
  ends: Uint32Array
  itemCount: number
  /** Results: one row per user ... */
  starts: Uint32Array
  columns: Uint32Array
  /** Undefined where the events have no weights. */
  weights: Float32Array | undefined
  /** ... and the same pairs with one row per item. */
  itemStarts: Uint32Array
  itemColumns: Uint32Array
  itemWeights: Float32Array | undefined
}

/** Events -> different (user, item) pairs by user and by item; a pair weighs as much as its heaviest event. */
export function pairsOfEvents(args: PairsOfEventsArgs, _block: number, shared: Int32Array): void {
  pairsByUser(args, shared)
  transpose(args, shared)
}

function pairsByUser(args: PairsOfEventsArgs, shared: Int32Array): void {
  const { eventItems, eventWeights, begins, ends, starts, columns, weights, itemStarts } = args
  const seenAt = new Int32Array(args.itemCount).fill(-1)
  let size = 0
  for (let row = 0; row < begins.length; row++) {
    if (stoppedAt(row, shared)) return
    const rowStart = size
    starts[row] = rowStart
    for (let event = begins[row]!; event < ends[row]!; event++) {
      const item = eventItems[event]!
      let at = seenAt[item]!
      if (at < rowStart) {
        at = size++
        seenAt[item] = at
        columns[at] = item
        itemStarts[item + 1]!++
      }
      if (weights !== undefined) weights[at] = Math.max(weights[at]!, eventWeights![event]!)
    }
  }
  starts[begins.length] = size
}

function transpose(args: PairsOfEventsArgs, shared: Int32Array): void {
  const { begins, starts, columns, weights, itemStarts, itemColumns, itemWeights } = args
  for (let item = 0; item < args.itemCount; item++) itemStarts[item + 1]! += itemStarts[item]!
  const next = itemStarts.slice()
  for (let row = 0; row < begins.length; row++) {
    if (stoppedAt(row, shared)) return
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const to = next[columns[at]!]!++
      itemColumns[to] = row
      if (itemWeights !== undefined) itemWeights[to] = weights![at]!
    }
  }
}
