/** What an `itemAttributes` expression says, and how a wrong one is told. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type AttributeTerm,
  parseItemAttributes,
  written,
} from '../../src/data/attributeExpression.ts'
import { anyQueries } from './itemQueries.ts'

const is = (column: string, text: string): AttributeTerm => ({
  column,
  operator: '=',
  values: [{ kind: 'number', text }],
})

test('an expression becomes a tree: AND before OR, NOT before both, parentheses first', () => {
  const [a, b, c] = [is('a', '1'), is('b', '2'), is('c', '3')]
  deepEqual(parseItemAttributes(' ITEMS.a = 1 '), a)
  deepEqual(parseItemAttributes('items.a=1 or items.b=2 AND Items.c = 3'), {
    or: [a, { and: [b, c] }],
  })
  deepEqual(parseItemAttributes('(ITEMS.a=1 OR ITEMS.b=2)AND ITEMS.c=3'), {
    and: [{ or: [a, b] }, c],
  })
  deepEqual(parseItemAttributes('NOT ITEMS.a = 1 AND NOT(NOT (ITEMS.b = 2))'), {
    and: [{ not: a }, { not: { not: b } }],
  })
  deepEqual(parseItemAttributes(`ITEMS.a NOT\tIN ('x\\'', "\\\\", -0.50)`), {
    column: 'a',
    operator: 'NOT IN',
    values: [
      { kind: 'string', text: "x'" },
      { kind: 'string', text: '\\' },
      { kind: 'number', text: '-0.50' },
    ],
  })
})

test('an expression that is written down is read as the same', () => {
  const property = fc.property(anyQueries, (query) =>
    deepEqual(parseItemAttributes(written(query)), query),
  )
  fc.assert(property, { seed: 7, numRuns: 500 })
})

test('any text is read or refused as a line error', () => {
  const words = [
    'ITEMS.A',
    '=',
    '!=',
    '<',
    '"x"',
    "'",
    '7',
    ',',
    '(',
    ')',
    'AND',
    'OR',
    'NOT',
    'IN',
    '\\',
  ]
  const texts = fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 30 })
  const property = fc.property(texts, fc.boolean(), (parts, strict) => {
    try {
      parseItemAttributes(parts.join(' '), strict)
    } catch (error) {
      equal((error as Error).name, 'LineError')
    }
  })
  fc.assert(property, { seed: 7, numRuns: 1000 })
})

test('a syntax error tells where, what was found and what was expected', () => {
  const column = '"(", NOT or a column such as ITEMS.GENRES'
  const comparison = 'IN, NOT IN or a comparison (=, !=, <, <=, >, >=)'
  const errors: [string, string][] = [
    ['', `position 1: found its end, expected ${column}.`],
    ['ITEMS.GENRES "a"', `position 14: found "\\"", expected ${comparison}.`],
    ['ITEMS.A IN "a"', 'position 12: found "\\"", expected "(".'],
    ['ITEMS.A IN ()', 'position 13: found ")", expected a number or a string in quotes.'],
    ['ITEMS.A NOT "a"', `position 9: found "NOT", expected ${comparison}.`],
    ['ITEMS.A = "a" XOR ITEMS.A = "b"', 'position 15: found "XOR", expected AND, OR or its end.'],
    ['(ITEMS.A = 1', 'position 13: found its end, expected ")", AND or OR.'],
    [
      'NOT NOT ITEMS.A = 1',
      'position 5: found "NOT", expected "(" or a column such as ITEMS.GENRES.',
    ],
    ['ITEMS.A = a', 'position 11: found "a", expected a number or a string in quotes.'],
    ['ITEMS.A = 1.2.3', 'position 11: found "1", expected a number or a string in quotes.'],
    ['USERS.A = 1', `position 1: found "USERS", expected ${column}.`],
  ]
  for (const [text, message] of errors)
    throws(() => parseItemAttributes(text), {
      name: 'LineError',
      message: `Invalid expression at ${message}`,
    })
})

test('strict expressions have = and AND only', () => {
  deepEqual(parseItemAttributes('items.a=1 and ITEMS.b = 2', true), {
    and: [is('a', '1'), is('b', '2')],
  })
  deepEqual(parseItemAttributes('ITEMS.a = 1', true), is('a', '1'))
  const errors: [string, string][] = [
    ['ITEMS.A = 1 OR ITEMS.A = 2', 'position 13: found "OR", expected AND or its end.'],
    ['NOT ITEMS.A = 1', 'position 1: found "NOT", expected a column such as ITEMS.GENRES.'],
    ['(ITEMS.A = 1)', 'position 1: found "(", expected a column such as ITEMS.GENRES.'],
    ['ITEMS.A IN (1)', 'position 9: found "IN", expected "=".'],
    ['ITEMS.A < 1', 'position 9: found "<", expected "=".'],
    ['ITEMS.A != 1', 'position 9: found "!", expected "=".'],
  ]
  for (const [text, message] of errors)
    throws(() => parseItemAttributes(text, true), {
      name: 'LineError',
      message: `Invalid expression at ${message}`,
    })
})

test('an expression is bounded, and its length costs no more than time', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}ITEMS.A = 1${')'.repeat(depth)}`
  const many = (count: number) => Array(count).fill('ITEMS.A = 1').join(' AND ')
  const set = (count: number) => `ITEMS.A IN (${Array(count).fill('1')})`
  for (const right of [nested(32), `${nested(32)} AND ${nested(32)}`, many(100), set(1000)])
    ok(parseItemAttributes(right))
  const errors: [string, string][] = [
    [nested(33), 'The expression nests deeper than 32 levels.'],
    ['('.repeat(99_999), 'The expression nests deeper than 32 levels.'],
    ['NOT ('.repeat(20_000), 'The expression nests deeper than 32 levels.'],
    [many(101), '"itemAttributes" has 101 comparisons, at most 100 are allowed.'],
    [set(1001), '"itemAttributes" has 1001 values, at most 1000 are allowed.'],
    [' '.repeat(100_001), '"itemAttributes" has 100001 characters, at most 100000 are allowed.'],
  ]
  for (const [text, message] of errors)
    throws(() => parseItemAttributes(text), { name: 'LineError', message })
  const start = performance.now()
  throws(() => parseItemAttributes(`ITEMS.A = "${'\\"'.repeat(49_990)}`), /found "\\"", expected/)
  ok(performance.now() - start < 2000)
})
