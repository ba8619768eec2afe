import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedInts } from '../../src/engine/local/arrays.ts'
import { factorise } from '../../src/engine/local/factorise.ts'
import { random, sample, systematicSample } from '../../src/engine/local/random.ts'
import { testKernel } from './testKernel.ts'

const kernel = testKernel()
const { signal } = new AbortController()

const userCount = 40
const itemCount = 30

/** Random events of 40 users, some of them repeated, the last user's none. */
async function randomPairs(weighted: boolean) {
  const draw = random(11)
  const items: number[] = []
  const begins = sharedInts(userCount)
  const ends = sharedInts(userCount)
  for (let user = 0; user < userCount; user++) {
    begins[user] = items.length
    const count = user === userCount - 1 ? 0 : 1 + Math.floor(draw() * 15)
    for (let k = 0; k < count; k++) items.push(Math.floor(draw() * itemCount))
    ends[user] = items.length
  }
  const eventItems = Uint32Array.from(items)
  const eventWeights = weighted ? Float32Array.from(items, () => draw()) : undefined
  const events = { eventItems, eventWeights, begins, ends, itemCount }
  return { events, ...(await kernel.pairs(events, signal)) }
}

test('pairs hold each item of a user once, with the largest weight, by user and by item alike', async () => {
  const { events, byUser, byItem } = await randomPairs(true)
  const expected = new Map<string, number>()
  for (let user = 0; user < userCount; user++) {
    for (let e = events.begins[user]!; e < events.ends[user]!; e++) {
      const key = `${user} ${events.eventItems[e]}`
      expected.set(key, Math.max(expected.get(key) ?? 0, events.eventWeights![e]!))
    }
  }
  const users = new Map<string, number>()
  const items = new Map<string, number>()
  for (let user = 0; user < userCount; user++) {
    for (let at = byUser.starts[user]!; at < byUser.starts[user + 1]!; at++)
      users.set(`${user} ${byUser.columns[at]}`, byUser.weights![at]!)
  }
  for (let item = 0; item < itemCount; item++) {
    for (let at = byItem.starts[item]!; at < byItem.starts[item + 1]!; at++)
      items.set(`${byItem.columns[at]} ${item}`, byItem.weights![at]!)
  }
  const sorted = (map: Map<string, number>) => [...map].sort()
  assert.deepEqual(sorted(users), sorted(expected))
  assert.deepEqual(sorted(items), sorted(expected))
})

test('the last user step solves the dense normal equations', async () => {
  const { byUser, byItem } = await randomPairs(true)
  const settings = { alpha0: 0.1, regularization: 3, sweeps: 2, factorCount: 6, seed: 5 }
  const { users, items } = await factorise(kernel, { byUser, byItem }, settings, signal)
  const lengths = Array.from(
    { length: userCount },
    (_, u) => byUser.starts[u + 1]! - byUser.starts[u]!,
  )
  const median = lengths.toSorted((a, b) => a - b)[userCount / 2]!
  const lambda = settings.regularization / (median + settings.alpha0 * itemCount)
  const y = (item: number, k: number) => items.values[item * items.width + k]!
  for (let user = 0; user < userCount; user++) {
    const matrix = Array.from({ length: 6 }, (_, i) =>
      Array.from({ length: 6 }, (_, k) => {
        let sum = i === k ? lambda * (lengths[user]! + settings.alpha0 * itemCount) : 0
        for (let item = 0; item < itemCount; item++)
          sum += settings.alpha0 * y(item, i) * y(item, k)
        return sum
      }),
    )
    const right = Array.from({ length: 6 }, () => 0)
    for (let at = byUser.starts[user]!; at < byUser.starts[user + 1]!; at++) {
      const item = byUser.columns[at]!
      for (let i = 0; i < 6; i++) {
        right[i]! += byUser.weights![at]! * y(item, i)
        for (let k = 0; k < 6; k++) matrix[i]![k]! += byUser.weights![at]! * y(item, i) * y(item, k)
      }
    }
    solveDense(matrix, right).forEach((expected, k) => {
      const found = users.values[user * users.width + k]!
      assert(Math.abs(found - expected) < 1e-5, `user ${user}: ${found} is not ${expected}`)
    })
  }
})

test('a systematic sample stands for the whole, and has all that is large', () => {
  const draw = random(7)
  const sizes = Float64Array.from({ length: 2000 }, (_, n) => (n === 900 ? 1e6 : draw()))
  for (let seed = 0; seed < 20; seed++) {
    const { indexes, stands } = systematicSample(sizes, 200, random(seed))
    assert(indexes.includes(900))
    assert(Math.abs(stands[indexes.indexOf(900)]! - 1) < 0.01)
    assert.deepEqual(
      indexes,
      [...new Set(indexes)].sort((a, b) => a - b),
    )
  }
  const even = new Float64Array(1000).fill(1)
  const { indexes, stands } = systematicSample(even, 100, draw)
  assert.equal(indexes.length, 100)
  assert(stands.every((count) => Math.abs(count - 10) < 1e-9))
  // Everything, where as much is asked for.
  const whole = systematicSample(Float64Array.of(1, 1, 1), 3, draw)
  assert.deepEqual(whole.indexes, [0, 1, 2])
})

test('a seeded stream is the same every time, differs by stream number, and is fair', () => {
  const first = random(42, 1)
  const again = random(42, 1)
  const other = random(42, 2)
  const numbers = Array.from({ length: 20_000 }, first)
  assert.deepEqual(numbers.slice(0, 5), Array.from({ length: 5 }, again))
  assert.notEqual(numbers[0], other())
  const mean = numbers.reduce((sum, n) => sum + n, 0) / numbers.length
  const square = numbers.reduce((sum, n) => sum + n * n, 0) / numbers.length
  assert(Math.abs(mean - 1 / 2) < 0.01 && Math.abs(square - 1 / 3) < 0.01)
  assert.equal(new Set(sample(1000, 100, random(1))).size, 100)
  assert.deepEqual([...sample(3, 100, random(1))], [0, 1, 2])
})

/** Gauss elimination; the matrices here are positive definite. */
function solveDense(matrix: number[][], right: number[]): number[] {
  const size = right.length
  for (let p = 0; p < size; p++) {
    for (let row = p + 1; row < size; row++) {
      const factor = matrix[row]![p]! / matrix[p]![p]!
      for (let k = p; k < size; k++) matrix[row]![k]! -= factor * matrix[p]![k]!
      right[row]! -= factor * right[p]!
    }
  }
  for (let p = size - 1; p >= 0; p--) {
    for (let k = p + 1; k < size; k++) right[p]! -= matrix[p]![k]! * right[k]!
    right[p]! /= matrix[p]![p]!
  }
  return right
}
