import assert from 'node:assert/strict'
import { type Pairs, sharedFloats32, sharedInts } from '../../src/engine/local/arrays.ts'
import type { BothPairs } from '../../src/engine/local/kernel.ts'
import { random } from '../../src/engine/local/random.ts'

export function randomPairs(
  userCount: number,
  itemCount: number,
  most: number,
  weighted = false,
): BothPairs {
  const draw = random(userCount * 31 + itemCount)
  const rows = Array.from({ length: userCount }, (_, user) => {
    const count = userCount > 1 && user % 7 === 3 ? 0 : 1 + Math.floor(draw() * most)
    const items = Array.from({ length: count }, () => Math.floor(draw() ** 2 * itemCount))
    return [...new Set(items)].sort((a, b) => a - b)
  })
  return bothPairs(rows, itemCount, weighted ? draw : undefined)
}

export function withFullRow({ byUser }: BothPairs): BothPairs {
  const { starts, columns, rowCount, columnCount } = byUser
  const rows = Array.from({ length: rowCount }, (_, row) => [
    ...columns.subarray(starts[row], starts[row + 1]),
  ])
  rows[2] = Array.from({ length: columnCount }, (_, column) => column)
  return bothPairs(
    rows.map((row) => [...new Set([5, ...row])].sort((a, b) => a - b)),
    columnCount,
  )
}

export function bothPairs(rows: number[][], columnCount: number, weight?: () => number): BothPairs {
  const byUser = pairsOf(rows, columnCount, weight)
  const turned = Array.from({ length: columnCount }, () => [] as number[])
  const weights = Array.from({ length: columnCount }, () => [] as number[])
  rows.forEach((row, user) => {
    row.forEach((item, n) => {
      turned[item]!.push(user)
      if (byUser.weights) weights[item]!.push(byUser.weights[byUser.starts[user]! + n]!)
    })
  })
  const given = weights.flat()
  const byItem = pairsOf(turned, rows.length, weight && (() => given.shift()!))
  return { byUser, byItem }
}

function pairsOf(rows: number[][], columnCount: number, weight?: () => number): Pairs {
  const starts = sharedInts(rows.length + 1)
  rows.forEach((row, n) => {
    starts[n + 1] = starts[n]! + row.length
  })
  const size = starts[rows.length]!
  const columns = sharedInts(size)
  columns.set(rows.flat())
  const weights = weight && sharedFloats32(size).map(() => weight())
  return { rowCount: rows.length, columnCount, starts, columns, weights }
}

export function close(a: ArrayLike<number>, b: ArrayLike<number>, most: number): void {
  assert.equal(a.length, b.length)
  for (let k = 0; k < a.length; k++)
    assert(Math.abs(a[k]! - b[k]!) <= most, `at ${k}: ${a[k]} is not ${b[k]}`)
}
