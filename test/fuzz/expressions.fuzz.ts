/** Filters and attribute expressions: what is printed is read as the same, any text is read or refused, quickly. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseItemAttributes, written } from '../../src/data/attributeExpression.ts'
import { checkFilter, parseFilter } from '../../src/data/filterExpression.ts'
import { bindFilter } from '../../src/data/filterValues.ts'
import { parseSchema } from '../../src/data/schema.ts'
import { anyQueries } from '../data/itemQueries.ts'
import { schemaTexts } from '../smallShop.ts'
import { filters, print } from './filters.ts'
import { fuzz } from './fuzz.ts'

const schemas = new Map(
  Object.values(schemaTexts)
    .map((text) => parseSchema(text))
    .map((schema) => [schema.datasetType as string, schema]),
)

/** What `run` gives; undefined where it refuses with one of these. Any other error is a fault of ours. */
function readOrRefused<Result>(run: () => Result, ...names: string[]): Result | undefined {
  try {
    return run()
  } catch (error) {
    const { name, code } = error as { name: string; code?: string }
    ok(names.includes(code ?? name), `${name}: ${error}`)
    return undefined
  }
}

test('a filter that is printed is read as the same', async (t) => {
  const cased = fc.constantFrom<(word: string) => string>(
    (word) => word,
    (word) => word.toLowerCase(),
    (word) => word.toUpperCase(),
  )
  await fuzz(t, 'filters of the grammar', {
    arbitrary: fc.tuple(filters, cased, fc.constantFrom(' ', '\t', '\r\n', '  \n ')),
    bytesOf: ([filter]) => JSON.stringify(filter).length,
    check([filter, cased, blank]) {
      deepEqual(parseFilter(print(filter, cased, blank)), filter)
    },
  })
})

const filterWords = [
  'INCLUDE',
  'EXCLUDE',
  'UserID',
  'ItemID',
  'WHERE',
  'Users.AGE',
  'Items.GENRES',
  'Interactions.EVENT_TYPE',
  'CurrentUser.AGE',
  'CurrentItem.PRICE',
  'IN',
  'NOT IN',
  '(',
  ')',
  ',',
  '"a"',
  "'",
  '"',
  '\\',
  '$A',
  '|',
  'IF',
  'AND',
  'OR',
  '=',
  '<=',
  '7',
  '-1.5',
  'true',
]
const ofWords = (words: string[]) =>
  fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...words) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(' '))
const nearly = (texts: fc.Arbitrary<string>) =>
  fc
    .tuple(texts, fc.nat(), fc.nat(6), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([text, place, cut, put]) => {
      const at = place % (text.length + 1)
      return text.slice(0, at) + put + text.slice(at + cut)
    })

test('any text is a filter or is refused', async (t) => {
  const printed = filters.map((filter) => print(filter, (word) => word, ' '))
  await fuzz(t, 'filters of any text', {
    arbitrary: fc.oneof(
      ofWords(filterWords),
      nearly(printed),
      fc.string({ unit: 'binary', maxLength: 2500 }),
    ),
    bytesOf: (text) => text.length,
    check(text) {
      const filter = readOrRefused(() => parseFilter(text), 'InvalidInputException')
      if (!filter) return
      const check = () => checkFilter(filter, schemas, { fieldsPerFilter: 3 })
      readOrRefused(check, 'InvalidInputException', 'LimitExceededException')
    },
  })
})

test('an attribute expression that is printed is read as the same', async (t) => {
  await fuzz(t, 'attribute expressions of the grammar', {
    arbitrary: anyQueries,
    bytesOf: (query) => JSON.stringify(query).length,
    check(query) {
      deepEqual(parseItemAttributes(written(query)), query)
    },
  })
})

const attributeWords = [
  'ITEMS.A',
  'ITEMS.GENRES',
  'items.b',
  '=',
  '!=',
  '<',
  '>=',
  '"x"',
  "'y'",
  "'",
  '"',
  '\\',
  '7',
  '-0.5',
  '1.',
  ',',
  '(',
  ')',
  '((',
  '))',
  'AND',
  'OR',
  'NOT',
  'NOT IN',
  'IN',
  'IN ("a", "b")',
]

test('any text is an attribute expression or is refused', async (t) => {
  await fuzz(t, 'attribute expressions of any text', {
    arbitrary: fc.tuple(
      fc.oneof(
        ofWords(attributeWords),
        nearly(anyQueries.map(written)),
        fc.string({ unit: 'binary', maxLength: 3000 }),
      ),
      fc.boolean(),
    ),
    bytesOf: ([text]) => text.length,
    check([text, strict]) {
      const query = readOrRefused(() => parseItemAttributes(text, strict), 'LineError')
      if (query) deepEqual(parseItemAttributes(written(query)), query)
    },
  })
})

test('filter values in quotes come back, any other text is read or refused', async (t) => {
  const filter = parseFilter('INCLUDE UserID WHERE Users.NAME IN ($X)')
  const valuesOf = (text: string) => bindFilter(filter, { X: text })[0]?.any[0]?.[0]?.values
  const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
  await fuzz(t, 'filter values', {
    arbitrary: fc.oneof(
      fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 8 }),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 1000 }),
        fc.string({ unit: fc.constantFrom(...'",\\ a\n'), maxLength: 1000 }),
      ),
    ),
    bytesOf: (given) => given.toString().length,
    check(given) {
      if (typeof given !== 'string') deepEqual(valuesOf(given.map(quoted).join(',')), given)
      else readOrRefused(() => valuesOf(given), 'LineError')
    },
  })
})

/** The milliseconds that `run` takes at best. */
function fastest(run: () => unknown): number {
  const took = Array.from({ length: 5 }, () => {
    const began = performance.now()
    run()
    return performance.now() - began
  })
  return Math.min(...took)
}

test('the time that a text takes grows no faster than the text', (t) => {
  const units = [
    '(',
    'NOT ',
    '"',
    "'",
    '\\',
    '"a",',
    '((ITEMS.A=1) AND ',
    'ITEMS.A=1 AND ',
    'ITEMS.A=1 OR NOT (',
    'ITEMS.A IN (1, ',
    'INCLUDE UserID WHERE Users.A=1 |',
    'INCLUDE UserID WHERE Users.A IN ("',
    'Users.A=1 AND ',
    'Users.A=1 OR ',
    '1',
    '-',
    ' ',
    '\t\n',
    'IF CurrentUser.A=1 ',
    '$A,',
    'a',
    '_',
    '.',
  ]
  const heads = [
    '',
    'INCLUDE UserID WHERE Users.A=1 AND ',
    'INCLUDE UserID WHERE Users.A IN ("a", ',
    'ITEMS.A = 1 AND ',
    'ITEMS.A IN ("a", ',
  ]
  const readers: ((text: string) => unknown)[] = [
    (text) => readOrRefused(() => parseFilter(text), 'InvalidInputException'),
    (text) => readOrRefused(() => parseItemAttributes(text), 'LineError'),
    (text) => readOrRefused(() => parseItemAttributes(text, true), 'LineError'),
  ]
  let count = 0
  for (const head of heads)
    for (const unit of units)
      for (const read of readers) {
        const [short, long] = [4000, 32_000].map((size) =>
          (head + unit.repeat(size)).slice(0, size),
        )
        const [least, most] = [fastest(() => read(short!)), fastest(() => read(long!))]
        ok(
          most < 5 + 8 * 4 * least,
          `${head}${unit}...: ${least} ms, then ${most} ms for eight times as much`,
        )
        count++
      }
  t.diagnostic(`texts that repeat themselves: ${count} inputs`)
  equal(count, heads.length * units.length * readers.length)
})
