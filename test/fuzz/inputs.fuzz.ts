import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { inputs } from './fuzz.ts'

test('all fuzzers together take 100,000 inputs at least', (t) => {
  const all = Object.values(inputs).reduce((sum: number, count) => sum + count, 0)
  t.diagnostic(`all fuzzers: ${all} inputs`)
  ok(all >= 100_000)
})
