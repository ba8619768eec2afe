/** The judge of `npm run bench -- quality` finds what is planted. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { judge, summary } from '../bench/evaluator.ts'
import { poissonRegression } from '../src/engine/local/poisson.ts'
import { random } from '../src/engine/local/random.ts'
import { testKernel } from './engine/testKernel.ts'

test('hits are users of the list who acted, recall is their share of what K allows', () => {
  deepEqual(judge([1, 2, 3], new Set([2, 9]), 3), { hits: 1, recall: 0.5 })
  deepEqual(judge([1, 2], new Set([1, 2, 3, 4, 5]), 2), { hits: 2, recall: 1 })
  deepEqual(judge([], new Set([1]), 2), { hits: 0, recall: 0 })
})

test('a summary has the means and an interval around them, the same every time', () => {
  const judged = Array.from({ length: 200 }, (_, n) => ({ hits: n % 2, recall: n % 2 }))
  const told = summary(judged)
  equal(told.hits, 0.5)
  equal(told.recall, 0.5)
  ok(told.recallLow > 0.4 && told.recallLow < 0.5)
  ok(told.recallHigh < 0.6 && told.recallHigh > 0.5)
  deepEqual(summary(judged), told)
})

for (const target of ['count', 'any'] as const)
  test(`a Poisson regression of ${target} finds planted coefficients, and leaves out what never changes`, async () => {
    const draw = random(3)
    const count = 20_000
    const values = new Float32Array(count * 3)
    const targets = new Float32Array(count)
    for (let row = 0; row < count; row++) {
      const [a, b] = [4 * draw() - 2, 4 * draw() - 2]
      values.set([a, b, 7], row * 3)
      const rate = Math.exp(-1 + 0.8 * a - 0.5 * b)
      // Knuth's method.
      for (let product = draw(); product > Math.exp(-rate); product *= draw()) targets[row]!++
      if (target === 'any') targets[row] = Math.min(1, targets[row]!)
    }
    const weights = new Float32Array(count).fill(1)
    const { signal } = new AbortController()
    const found = await poissonRegression(
      testKernel(),
      { width: 3, values, targets, weights, target },
      1e-6,
      signal,
    )
    const [a, b, constant] = found.coefficients
    ok(Math.abs(found.intercept + 1) < 0.06, `${found.intercept}`)
    ok(Math.abs(a! - 0.8) < 0.04, `${a}`)
    ok(Math.abs(b! + 0.5) < 0.04, `${b}`)
    equal(constant, 0)
  })
