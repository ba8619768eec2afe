import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { emptyFactors, sharedFloats32 } from '../../src/engine/local/arrays.ts'
import { threadKernel } from '../../src/engine/local/kernel.ts'
import { random } from '../../src/engine/local/random.ts'
import { openThreads } from '../../src/engine/local/threads.ts'

const threads = openThreads(2)
const kernel = threadKernel(threads)
const { signal } = new AbortController()
after(() => threads.close())

/** The plain way: sort everybody. */
function sorted(score: (user: number) => number, userCount: number, mask?: Uint8Array): number[] {
  const users = Array.from({ length: userCount }, (_, user) => user)
  return users
    .filter((user) => mask === undefined || (mask[user >> 3]! & (1 << (user & 7))) !== 0)
    .sort((a, b) => score(b) - score(a) || a - b)
}

for (const userCount of [1, 37, 5000, 150_000]) {
  test(`the best of ${userCount} users are those of a full sort, ties by index, masks respected`, async () => {
    const draw = random(userCount)
    const scores = sharedFloats32(3 * userCount)
    // Rounded, so that many users tie; negative scores and both zeros occur.
    for (let k = 0; k < scores.length; k++) scores[k] = Math.round(draw.normal() * 50) / 50
    const weights = sharedFloats32(userCount)
    for (let user = 0; user < userCount; user++) weights[user] = 1 + Math.floor(3 * draw.uniform())
    const mask = new Uint8Array(Math.ceil(userCount / 8)).map(() => 256 * draw.uniform())
    const masks = [undefined, mask, new Uint8Array(mask.length)]
    for (const resultCount of [1, Math.ceil(userCount / 100), userCount, 5_000_000]) {
      for (const used of [undefined, weights]) {
        const options = { scores, userCount, weights: used, masks, resultCount }
        const lists = await kernel.topUsers(options, signal)
        lists.forEach((list, query) => {
          const score = (user: number) => {
            const s = scores[query * userCount + user]!
            return s > 0 && used !== undefined ? Math.fround(s * used[user]!) : s
          }
          const expected = sorted(score, userCount, masks[query]).slice(0, resultCount)
          assert.deepEqual([...list], expected)
        })
      }
    }
  })
}

test('an affinity is x.y for one item and the sum of positive x.y for a set', async () => {
  const draw = random(9)
  const users = emptyFactors(601, 7)
  const items = emptyFactors(20, 7)
  for (const { values, rowCount, width } of [users, items])
    for (let row = 0; row < rowCount; row++)
      for (let k = 0; k < 7; k++) values[row * width + k] = draw.normal()
  const queries = [[3], [1, 2, 5, 19, 0], [4], [7, 8], []].map((list) => ({
    items: Uint32Array.from(list),
  }))
  const scores = await kernel.score(users, items, queries, signal)
  queries.forEach((query, q) => {
    for (let user = 0; user < users.rowCount; user++) {
      let expected = 0
      for (const item of query.items) {
        let dot = 0
        for (let k = 0; k < 7; k++)
          dot += users.values[user * users.width + k]! * items.values[item * items.width + k]!
        expected += query.items.length === 1 ? dot : Math.max(0, dot)
      }
      assert(Math.abs(scores[q * users.rowCount + user]! - expected) < 1e-5)
    }
  })
})
