import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyFactors, type Factors, sharedFloats32 } from '../../src/engine/local/arrays.ts'
import { nativeInstructions } from '../../src/engine/local/native.ts'
import { random } from '../../src/engine/local/random.ts'
import { plantedScores } from './planted.ts'
import { kernelChoice, testKernel } from './testKernel.ts'

const { signal } = new AbortController()

for (const choice of new Set([kernelChoice, ...nativeInstructions()])) {
  const kernel = testKernel(choice)

  for (const userCount of [1, 37, 5000, 150_000]) {
    test(`${choice}: the best of ${userCount} users are those of a full sort, ties by index, masks respected`, async () => {
      const draw = random(userCount)
      // Rounded, so that many users tie; negative scores and zeros occur.
      const planted = plantedScores(userCount, 3, () => Math.round((4 * draw() - 2) * 50) / 50)
      const weights = sharedFloats32(userCount)
      for (let user = 0; user < userCount; user++) weights[user] = 1 + Math.floor(3 * draw())
      const mask = new Uint8Array(Math.ceil(userCount / 8)).map(() => 256 * draw())
      const masks = [undefined, mask, new Uint8Array(mask.length)]
      const forms = [undefined, weights]
      for (const resultCount of [1, Math.ceil(userCount / 100), userCount, 5_000_000]) {
        const lists = await kernel.topUsers({ ...planted, forms, masks, resultCount }, signal)
        lists.forEach((ofForm, form) => {
          ofForm.forEach((list, query) => {
            const score = (user: number) => {
              const s = planted.score(query, user)
              return s > 0 && form === 1 ? Math.fround(s * weights[user]!) : s
            }
            const expected = sorted(score, userCount, masks[query]).slice(0, resultCount)
            assert.deepEqual([...list], expected)
          })
        })
      }
    })
  }

  test(`${choice}: users with the same score come in the order of their indexes, however many are asked`, async () => {
    const userCount = 100_000
    const planted = plantedScores(userCount, 2, () => 0.5)
    for (const resultCount of [1, 1000, 70_000, userCount]) {
      const options = { ...planted, forms: [undefined], masks: [undefined, undefined], resultCount }
      const [lists] = await kernel.topUsers(options, signal)
      for (const list of lists!)
        assert.deepEqual(
          list,
          Uint32Array.from({ length: resultCount }, (_, k) => k),
        )
    }
  })

  test(`${choice}: a list is whole where a sample of the users promises more than there is`, async () => {
    // Users whose positions a sample takes are the best of all: what they foretell is wrong.
    const userCount = 80_000
    const runs = 1024
    const best = new Set<number>()
    for (let n = 0; n < runs; n++)
      for (let k = 0; k < 8; k++) best.add(Math.floor((n * (userCount - 8)) / runs) + k)
    const planted = plantedScores(userCount, 1, (user) => (best.has(user) ? 2 : 1) + user / 1e6)
    const options = { ...planted, forms: [undefined], masks: [undefined], resultCount: 30_000 }
    const [lists] = await kernel.topUsers(options, signal)
    const expected = sorted((user) => planted.score(0, user), userCount).slice(0, 30_000)
    assert.deepEqual([...lists![0]!], expected)
  })

  test(`${choice}: an affinity is x.y for one item and the sum of positive x.y for a set`, async () => {
    const draw = random(9)
    const users = emptyFactors(601, 7)
    const items = emptyFactors(90, 7)
    for (const { values, rowCount, width } of [users, items])
      for (let row = 0; row < rowCount; row++)
        for (let k = 0; k < 7; k++) values[row * width + k] = 4 * draw() - 2
    const many = Array.from({ length: 70 }, (_, k) => k)
    const queries = [[3], [1, 2, 5, 19, 0], [4], [7, 8], [], many, [6]].map((list) => ({
      items: Uint32Array.from(list),
    }))
    const expected = (query: number, user: number) => {
      const list = [...queries[query]!.items]
      const dots = list.map((item) => dot(users, user, items, item))
      return list.length === 1 ? dots[0]! : dots.reduce((sum, d) => sum + Math.max(0, d), 0)
    }
    const scores = await kernel.score(users, items, queries, signal)
    queries.forEach((_, query) => {
      for (let user = 0; user < users.rowCount; user++)
        assert(Math.abs(scores[query * users.rowCount + user]! - expected(query, user)) < 1e-4)
    })
    const masks = queries.map(() => undefined)
    const options = { users, items, queries, forms: [undefined], masks, resultCount: 50 }
    const [lists] = await kernel.topUsers(options, signal)
    lists!.forEach((list, query) => {
      const best = sorted((user) => expected(query, user), users.rowCount)
      list.forEach((user, place) => {
        assert(Math.abs(expected(query, user) - expected(query, best[place]!)) < 1e-4)
      })
    })
  })
}

/** The plain way: sort everybody. */
function sorted(score: (user: number) => number, userCount: number, mask?: Uint8Array): number[] {
  const users = Array.from({ length: userCount }, (_, user) => user)
  return users
    .filter((user) => mask === undefined || (mask[user >> 3]! & (1 << (user & 7))) !== 0)
    .sort((a, b) => score(b) - score(a) || a - b)
}

function dot(a: Factors, rowA: number, b: Factors, rowB: number): number {
  let sum = 0
  for (let k = 0; k < a.width; k++)
    sum += a.values[rowA * a.width + k]! * b.values[rowB * b.width + k]!
  return sum
}
