import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namedMetrics, onePercent, segmentMetrics } from '../../src/engine/local/metrics.ts'
import { newestFifth } from '../../src/engine/local/split.ts'

const list = (...users: number[]) => Uint32Array.from(users)

test('hits, recall and coverage are those worked out by hand (spec H.3, H.5)', async () => {
  // 300 users: K = 3. Hits 2, 0, 1; recall 2/3, 0/1, 1/2; users in segments 0 1 2 3 4.
  const metrics = await segmentMetrics(
    [list(0, 1, 2), list(0, 1, 3), list(4, 0, 1)],
    [list(1, 2, 10, 11), list(99), list(4, 200)],
    300,
  )
  assert.deepEqual(namedMetrics(metrics), {
    coverage: 0.0167,
    hits_at_1_percent: 1,
    recall_at_1_percent: 0.3889,
  })
})

test('K is one percent of the users, rounded, at least one', () => {
  assert.deepEqual([1, 49, 149, 150, 26_235].map(onePercent), [1, 1, 1, 2, 262])
})

test('the newest 20 percent of each user, rounded up, are the test, but never the only event', () => {
  const begins = list(0, 0, 1, 3, 8)
  const ends = list(0, 1, 3, 8, 14)
  const { older, newer } = newestFifth({ begins, ends })
  assert.deepEqual([...older.ends], [0, 1, 2, 7, 12])
  assert.deepEqual([...newer.begins], [0, 1, 2, 7, 12])
  assert.deepEqual([...newer.ends], [...ends])
})
