// Protects: which candidate is chosen, and which users take part in a validation.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pairSets } from '../../src/engine/local/attributes.ts'
import { bestOf } from '../../src/engine/local/learn.ts'
import { countOf, isIn } from '../../src/engine/local/masks.ts'
import { validationUsers } from '../../src/engine/local/split.ts'

test('a candidate must beat the first by a standard error, and the best of those that do is taken', () => {
  const first = Array.from({ length: 100 }, (_, n) => (n % 10) / 10)
  const alike = first.map((recall, n) => recall + (n % 2 ? 0.5 : -0.49))
  const better = first.map((recall, n) => recall + (n % 2 ? 0.06 : 0.02))
  const best = first.map((recall) => recall + 0.05)
  assert.equal(bestOf([first, alike]), 0)
  assert.equal(bestOf([first, alike, better]), 2)
  assert.equal(bestOf([first, better, best, alike]), 2)
  assert.equal(bestOf([first]), 0)
})

test('pairs of values are what two values of an item have in common, each once', () => {
  // Values of tens and of units of the items 0 to 99.
  const values = Array.from({ length: 20 }, (_, value) =>
    Uint32Array.from({ length: 10 }, (_, n) => (value < 10 ? 10 * value + n : 10 * n + value - 10)),
  )
  assert.deepEqual(pairSets(values, 100, 1), [], 'no tens and units have two items in common')
  const odd = Uint32Array.from({ length: 50 }, (_, n) => 2 * n + 1)
  const sets = pairSets([...values, odd], 100, 1)
  assert.deepEqual(sets, pairSets([...values, odd], 100, 1))
  assert.equal(new Set(sets.map(String)).size, sets.length)
  assert(sets.length > 8, `${sets.length} of 15`)
  for (const items of sets)
    assert(
      values.some((of) => String(of.filter((item) => item % 2)) === String(items)),
      String(items),
    )
})

/** Users with so many events each, as ranges. */
function rangesOf(users: Record<number, number>) {
  const counts = Object.entries(users).flatMap(([events, count]) =>
    Array<number>(count).fill(Number(events)),
  )
  const begins = new Uint32Array(counts.length)
  for (let n = 1; n < counts.length; n++) begins[n] = begins[n - 1]! + counts[n - 1]!
  return { begins, ends: begins.map((begin, n) => begin + counts[n]!) }
}

test('of many who came once so many take part that the share who come again is right', () => {
  const once = 20_000
  const [twice, thrice] = [1000, 250]
  const mask = validationUsers(rangesOf({ 1: once, 2: twice, 3: thrice }), 1)!
  const returned = twice * (twice / thrice) ** 1.409
  const kept = countOf(mask) - twice - thrice
  assert(Math.abs(twice / (twice + kept) / (returned / once) - 1) < 0.1)
  for (let user = once; user < once + twice + thrice; user++) assert(isIn(mask, user))
})

test('all take part where the counts say nothing, or nobody is too many', () => {
  assert.equal(validationUsers(rangesOf({ 1: 50, 2: 1000, 3: 900 }), 1), undefined)
  assert.equal(validationUsers(rangesOf({ 1: 5000, 2: 5 }), 1), undefined)
})
