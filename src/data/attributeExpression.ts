import { limits } from '../limits.ts'
import { grammar } from './grammar.ts'
import { LineError } from './queryLine.ts'

/** An `itemAttributes` expression as plain data. Spec D.5. */
export type AttributeQuery =
  | { and: AttributeQuery[] }
  | { or: AttributeQuery[] }
  | { not: AttributeQuery }
  | AttributeTerm

/** `IN` and `NOT IN` have one value or more, comparisons exactly one. */
export type AttributeTerm = {
  /** As written, without `ITEMS.`. */
  column: string
  operator: '=' | '!=' | '<' | '<=' | '>' | '>=' | 'IN' | 'NOT IN'
  values: AttributeValue[]
}

/** Numbers keep the digits that were written. */
export type AttributeValue = { kind: 'string' | 'number'; text: string }

/**
 * Reads an expression such as `ITEMS.genres = "Comedy" AND NOT ITEMS.PRICE < 20`, or, `strict`, only
 * what AWS documents: `=` joined with AND. LineError tells the position, what was found and what was
 * expected, or which limit is exceeded. Source: developer guide, "Batch segment input".
 */
export function parseItemAttributes(text: string, strict = false): AttributeQuery {
  atMost(limits.expressionChars, text.length, 'characters')
  const query = (strict ? parseStrict : parse)(text)
  const terms = termsOf(query)
  atMost(limits.expressionComparisons, terms.length, 'comparisons')
  atMost(limits.expressionValues, terms.flatMap(({ values }) => values).length, 'values')
  return query
}

const refuse = (message: string) => new LineError(message)
const file = './itemAttributes.peggy'
const parse = grammar<AttributeQuery>(file, refuse, { depthMax: limits.expressionDepth })
const parseStrict = grammar<AttributeQuery>(file, refuse, { startRule: 'strictQuery' })

function atMost(most: number, count: number, what: string): void {
  if (count > most)
    throw new LineError(`"itemAttributes" has ${count} ${what}, at most ${most} are allowed.`)
}

/** The comparisons of an expression, in the order in which they are written. */
export function termsOf(query: AttributeQuery): AttributeTerm[] {
  if ('column' in query) return [query]
  if ('not' in query) return termsOf(query.not)
  return ('and' in query ? query.and : query.or).flatMap(termsOf)
}

/** An expression as text, from which it is read again. */
export function written(query: AttributeQuery): string {
  if ('and' in query)
    return query.and.map((part) => inner(part, 'and' in part || 'or' in part)).join(' AND ')
  if ('or' in query) return query.or.map((part) => inner(part, 'or' in part)).join(' OR ')
  if ('not' in query) return `NOT ${inner(query.not, !('column' in query.not))}`
  const values = query.values.map(literal).join(', ')
  const isSet = query.operator === 'IN' || query.operator === 'NOT IN'
  return `ITEMS.${query.column} ${query.operator} ${isSet ? `(${values})` : values}`
}

const inner = (query: AttributeQuery, parentheses: boolean) =>
  parentheses ? `(${written(query)})` : written(query)

/** A value as expressions write it. */
export const literal = ({ kind, text }: AttributeValue) =>
  kind === 'number' ? text : `"${text.replace(/["\\]/g, '\\$&')}"`

/** An expression without NOT: each comparison that it stands before has become its opposite. */
export function withoutNot(query: AttributeQuery, negated = false): AttributeQuery {
  if ('not' in query) return withoutNot(query.not, !negated)
  if ('column' in query) return negated ? { ...query, operator: opposites[query.operator] } : query
  const isAnd = 'and' in query
  const parts = (isAnd ? query.and : query.or).map((part) => withoutNot(part, negated))
  return isAnd !== negated ? { and: parts } : { or: parts }
}

const opposites = {
  '=': '!=',
  '!=': '=',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  IN: 'NOT IN',
  'NOT IN': 'IN',
} as const
