// Protects: what CompareSegments says of two lists is what the definitions say.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from '../../src/segments/comparison.ts'

const list = (...ids: number[]) => Uint32Array.from(ids)
const near = (a: number, b: number) => ok(Math.abs(a - b) < 1e-12, `${a} is not ${b}`)

test('the same list agrees in all, whatever its length', async () => {
  for (const length of [1, 2, 1000, 120_000]) {
    const ids = Uint32Array.from({ length }, (_, k) => length - 1 - k)
    const { rankBiasedOverlap, ...shares } = await compare(ids, ids, length)
    deepEqual(shares, { overlap: length, jaccard: 1, overlapShare: 1 })
    near(rankBiasedOverlap, 1)
  }
})

test('lists without a common user, and empty ones, agree in nothing', async () => {
  const nothing = { overlap: 0, jaccard: 0, overlapShare: 0, rankBiasedOverlap: 0 }
  deepEqual(await compare(list(0, 1), list(2, 3, 4), 5), nothing)
  deepEqual(await compare(list(), list(2, 3, 4), 5), nothing)
  deepEqual(await compare(list(), list(), 0), nothing)
})

test('shares and rank-biased overlap follow their formulas, in either order', async () => {
  const [short, long] = [list(0, 1, 2), list(1, 0, 3, 4, 2)]
  const { rankBiasedOverlap, ...shares } = await compare(short, long, 5)
  deepEqual(shares, { overlap: 3, jaccard: 3 / 5, overlapShare: 1 })
  // X(1..5) = 0, 2, 2, 2, 3 with s = 3, l = 5.
  const p = 0.99
  const sum =
    (2 / 2) * p ** 2 +
    (2 / 3) * p ** 3 +
    (2 / 4) * p ** 4 +
    (3 / 5) * p ** 5 +
    ((2 * 1) / (3 * 4)) * p ** 4 +
    ((2 * 2) / (3 * 5)) * p ** 5
  near(rankBiasedOverlap, ((1 - p) / p) * sum + ((3 - 2) / 5 + 2 / 3) * p ** 5)
  deepEqual(await compare(long, short, 5), { rankBiasedOverlap, ...shares })
})

test('the first ranks count most', async () => {
  const ids = Uint32Array.from({ length: 500 }, (_, k) => k)
  const first = ids.slice().fill(1, 0, 1)
  first[0] = 1
  first[1] = 0
  const last = ids.slice()
  last[498] = 499
  last[499] = 498
  const top = (await compare(ids, first, 500)).rankBiasedOverlap
  const bottom = (await compare(ids, last, 500)).rankBiasedOverlap
  ok(top < bottom && bottom < 1)
  equal((await compare(ids, first, 500)).jaccard, 1)
})
