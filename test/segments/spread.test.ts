// Protects: histogram, lift and rank of PreviewSegment and ExplainSegment, beside a plain sort.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { rankOf, spreadOf } from '../../src/segments/spread.ts'

/** Values over many powers of ten, some of them 0, and a mask of two thirds of the users. */
const userCount = 120_001
const expected = Float32Array.from({ length: userCount }, (_, u) =>
  u % 11 === 0 ? 0 : Math.exp(((u * 7919) % userCount) / 9000 - 12),
)
const mask = new Uint8Array(Math.ceil(userCount / 8))
for (let u = 0; u < userCount; u++) if (u % 3 !== 0) mask[u >> 3]! |= 1 << (u & 7)

for (const [name, bits] of [
  ['everybody', undefined],
  ['a mask', mask],
] as const) {
  const users = Array.from(expected.keys()).filter((u) => bits === undefined || u % 3 !== 0)
  const best = users.toSorted((a, b) => expected[b]! - expected[a]! || a - b)
  const sum = (ids: number[]) => ids.reduce((total, u) => total + expected[u]!, 0)

  test(`the lift curve of ${name}`, async () => {
    const { liftCurve, userCount: count } = await spreadOf(expected, bits)
    equal(count, users.length)
    deepEqual(
      liftCurve.map(({ percent }) => percent),
      [1, 2, 5, 10, 20, 50, 100],
    )
    for (const { percent, users: size, expectedHits, lift } of liftCurve) {
      equal(size, Math.round((percent * count) / 100))
      const hits = sum(best.slice(0, size))
      ok(Math.abs(expectedHits / hits - 1) < 1e-4, `${percent} %: ${expectedHits}, not ${hits}`)
      ok(Math.abs(lift / (hits / size / (sum(users) / count)) - 1) < 1e-4)
    }
    ok(Math.abs(liftCurve.at(-1)!.lift - 1) < 1e-12)
  })

  test(`the histogram of ${name}`, async () => {
    const { histogram } = await spreadOf(expected, bits)
    equal(histogram.length, 20)
    equal(histogram[0]!.lower, 0)
    equal(histogram.at(-1)!.upper, Math.max(...users.map((u) => expected[u]!)))
    for (const [n, { lower, upper, users: size }] of histogram.entries()) {
      if (n > 0) equal(lower, histogram[n - 1]!.upper)
      const inside = users.filter((u) => expected[u]! >= lower && expected[u]! < upper).length
      ok(Math.abs(inside - size) <= 2, `${n}: ${size}, not ${inside}`)
    }
    equal(
      histogram.reduce((total, { users: size }) => total + size, 0),
      users.length,
    )
  })

  test(`ranks of ${name}`, async () => {
    for (const place of [0, 1, 17, users.length - 1])
      deepEqual(await rankOf(expected, bits, best[place]!), {
        rank: place + 1,
        userCount: users.length,
      })
  })
}

test('a user outside the mask has no rank', async () => {
  equal((await rankOf(expected, mask, 3)).rank, undefined)
})

test('nobody, one user, equal users and users who do nothing', async () => {
  deepEqual(await spreadOf(expected, new Uint8Array(mask.length)), {
    userCount: 0,
    histogram: [],
    liftCurve: [],
  })
  const one = await spreadOf(Float32Array.of(0.5), undefined)
  deepEqual(one.histogram, [{ lower: 0, upper: 0.5, users: 1 }])
  ok(one.liftCurve.every((point) => point.lift === 1 && point.users === 1))
  for (const value of [0, 0.25]) {
    const { histogram, liftCurve } = await spreadOf(new Float32Array(1000).fill(value), undefined)
    deepEqual(histogram, [{ lower: 0, upper: value, users: 1000 }])
    ok(liftCurve.every((point) => point.lift === 1))
    equal(liftCurve[0]!.expectedHits, 10 * value)
  }
})
