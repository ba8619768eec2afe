import type { QueryTerm } from '../engine.ts'
import { type Asked, featuresOf, totalsOf } from './asked.ts'
import type { HeldOut } from './examples.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import { poissonRegression } from './poisson.ts'
import { queryValue } from './score.ts'

const ridge = 1e-4

/**
 * The demand for an item, which is how many interactions all users together are expected to have with it:
 * log demand = constant + weight x volume, by a Poisson regression of those that known users had. Its users, who only
 * become more, would foresee too much of the next horizon.
 */
export async function learnDemand(
  kernel: Kernel,
  fitted: Fitted,
  { events, newer: { begins, ends } }: Pick<HeldOut, 'events' | 'newer'>,
  signal: AbortSignal,
): Promise<QueryTerm[]> {
  // One interaction more, that all items share: none has no logarithm.
  const counts = new Float32Array(events.itemCount).fill(1 / events.itemCount)
  for (let user = 0; user < begins.length; user++) {
    if (fitted.features.events[user] === 0) continue
    for (let at = begins[user]!; at < ends[user]!; at++) counts[events.items[at]!]!++
  }
  const items = Array.from(itemsWithEvents(fitted))
  const rows = {
    width: 1,
    values: Float32Array.from(items, (item) => itemFeatures(fitted, item).volume),
    targets: Float32Array.from(items, (item) => counts[item]!),
    weights: new Float32Array(items.length).fill(1),
    target: 'count' as const,
  }
  const { intercept, coefficients } = await poissonRegression(kernel, rows, ridge, signal)
  return [
    { feature: 'constant', weight: intercept },
    { feature: 'volume', weight: coefficients[0]! },
  ]
}

/**
 * The log of a query's demand. That of a set is the sum of its items', so that the values of an attribute add up to
 * what is expected of all items.
 */
export function logDemand(fitted: Fitted, demand: QueryTerm[], asked: Asked): number {
  if (asked.owned.length === 0) return queryValue(demand, asked)
  const sum = asked.owned.reduce((sum, item) => sum + Math.exp(itemValue(fitted, demand, item)), 0)
  return Math.log(sum)
}

const itemFeatures = (fitted: Fitted, item: number) => featuresOf(totalsOf(fitted, [item]))

const itemValue = (fitted: Fitted, terms: QueryTerm[], item: number) =>
  queryValue(terms, { features: itemFeatures(fitted, item) })

function* itemsWithEvents({ pairs: { byItem } }: Fitted) {
  for (let item = 0; item < byItem.rowCount; item++)
    if (byItem.starts[item + 1]! > byItem.starts[item]!) yield item
}
