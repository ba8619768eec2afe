import fc from 'fast-check'
import type { AttributeQuery, AttributeTerm } from '../../src/data/attributeExpression.ts'

/** An item with its values, as the readable twin of the search looks at it. */
export type Item = {
  index: number
  GENRES: string | null
  PRICE: number | null
  YEAR: number | null
}

/** Expressions of these terms, a few levels deep. */
export const queriesOf = (term: fc.Arbitrary<AttributeTerm>): fc.Arbitrary<AttributeQuery> =>
  fc.letrec<{ query: AttributeQuery }>((tie) => {
    const parts = fc.array(tie('query'), { minLength: 2, maxLength: 3 })
    return {
      query: fc.oneof(
        { maxDepth: 4 },
        term,
        parts.map((and) => ({ and })),
        parts.map((or) => ({ or })),
        tie('query').map((not) => ({ not })),
      ),
    }
  }).query

const termOf = (
  column: string,
  operators: AttributeTerm['operator'][],
  value: fc.Arbitrary<AttributeTerm['values'][number]>,
): fc.Arbitrary<AttributeTerm> =>
  fc
    .tuple(fc.constantFrom(...operators), fc.array(value, { minLength: 1, maxLength: 3 }))
    .map(([operator, values]) => ({
      ...{ column, operator },
      values: operator.endsWith('IN') ? values : values.slice(0, 1),
    }))

const comparisons = ['=', '!=', '<', '<=', '>', '>=', 'IN', 'NOT IN'] as const
const numberOf = (...texts: string[]) =>
  fc.constantFrom(...texts).map((text) => ({ kind: 'number' as const, text }))

/** Expressions about items of the type Item, most of which some item meets. */
export const itemQueries = queriesOf(
  fc.oneof(
    termOf(
      'GENRES',
      ['=', '!=', 'IN', 'NOT IN'],
      fc
        .constantFrom('tea', 'wine', 'water', 'tea|wine', 'beer')
        .map((text) => ({ kind: 'string', text })),
    ),
    termOf('PRICE', [...comparisons], numberOf('-1.5', '0', '2', '2.0', '3')),
    termOf('YEAR', [...comparisons], numberOf('1999', '1999.0', '2000', '2001', '1998.5')),
  ),
)

const digits = fc.tuple(fc.bigInt(), fc.nat()).map(([n, part]) => [`${n}`, `${n}.${part}`])

/** Expressions of any columns and values. */
export const anyQueries = queriesOf(
  fc
    .tuple(
      fc.string({ unit: fc.constantFrom(...'azAZ_059'), maxLength: 5 }),
      termOf(
        '',
        [...comparisons],
        fc.oneof(
          fc.string({ unit: 'binary' }).map((text) => ({ kind: 'string' as const, text })),
          digits.chain((texts) => numberOf(...texts)),
        ),
      ),
    )
    .map(([name, term]) => ({ ...term, column: `c${name}` })),
)

/** Whether an item meets an expression: what is not known meets nothing, nor does its opposite. */
export const meets = (item: Item, query: AttributeQuery): boolean => truth(item, query) === true

/** The truth of SQL: undefined is unknown. */
function truth(item: Item, query: AttributeQuery): boolean | undefined {
  if ('not' in query) {
    const inner = truth(item, query.not)
    return inner === undefined ? undefined : !inner
  }
  if ('column' in query) return termTruth(item, query)
  const decides = 'or' in query
  const parts = (decides ? query.or : query.and).map((part) => truth(item, part))
  if (parts.includes(decides)) return decides
  return parts.includes(undefined) ? undefined : !decides
}

function termTruth(item: Item, { column, operator, values }: AttributeTerm) {
  const value = item[column as keyof Item]
  if (value === null) return undefined
  const holds = (text: string) =>
    typeof value === 'string' ? [...value.split('|'), value].includes(text) : value === Number(text)
  const first = Number(values[0]!.text)
  if (operator === '<') return Number(value) < first
  if (operator === '<=') return Number(value) <= first
  if (operator === '>') return Number(value) > first
  if (operator === '>=') return Number(value) >= first
  const isAny = values.some(({ text }) => holds(text))
  return operator === '=' || operator === 'IN' ? isAny : !isAny
}
