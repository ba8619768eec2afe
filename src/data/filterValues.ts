import assert from 'node:assert/strict'
import { isNumber } from './columnCondition.ts'
import type { Filter, FilterCondition, FilterPart } from './filterExpression.ts'
import { LineError } from './queryLine.ts'

/** A filter whose placeholders have got their values. */
export type BoundFilter = BoundPart[]
export type BoundPart = { verb: FilterPart['verb']; any: BoundCondition[][] }
export type BoundCondition = Pick<FilterCondition, 'field' | 'operator'> & { values: string[] }

/**
 * Puts one line's `filterValues` into a filter (spec F.5). A value that INCLUDE needs and
 * does not get is a LineError naming it; with EXCLUDE the part that misses its value is
 * left out. Other keys are ignored.
 */
export function bindFilter(filter: Filter, filterValues: Record<string, string>): BoundFilter {
  return filter.expressions
    .map(({ verb, any }) => ({
      verb,
      any: any
        .map((all) => all.flatMap((condition) => bindCondition(condition, verb, filterValues)))
        .filter((all) => all.length > 0),
    }))
    .filter(({ any }) => any.length > 0)
}

/** No condition where all its values are missing and may be. */
function bindCondition(
  condition: FilterCondition,
  verb: FilterPart['verb'],
  filterValues: Record<string, string>,
): BoundCondition[] {
  const { field, operator } = condition
  const values = condition.values.flatMap((value) => {
    assert(value.kind !== 'currentItem', 'a filter on users has no current item')
    if (value.kind !== 'placeholder') return [value.text]
    const given = givenValues(value.name, filterValues)
    if (given.length === 0 && verb === 'INCLUDE')
      throw new LineError(
        `The filter needs a value for $${value.name}: add "${value.name}" to "filterValues".`,
      )
    if (given.length > 0 && operator !== 'IN') checkNumber(value.name, given)
    return given
  })
  return values.length > 0 ? [{ field, operator, values }] : []
}

function checkNumber(name: string, given: string[]): void {
  if (given.length !== 1 || !isNumber(given[0]!))
    throw new LineError(
      `The filter value "${name}" must be one number, not ${JSON.stringify(given.join(','))}.`,
    )
}

/**
 * The list in a value such as `"gold","silver"` or, without inner quotes, `gold,silver` or `18`.
 * A quoted string may hold commas, `\"` and `\\`. Missing or blank: no values.
 */
function givenValues(name: string, filterValues: Record<string, string>): string[] {
  const text = Object.hasOwn(filterValues, name) ? filterValues[name]!.trim() : ''
  const values: string[] = []
  let at = 0
  while (at < text.length) {
    element.lastIndex = at
    const match = element.exec(text)
    if (!match)
      throw new LineError(
        `The filter value "${name}" must be strings in double quotes with commas between them, ` +
          `not ${JSON.stringify(text)}.`,
      )
    values.push(match[1]?.replace(/\\(["\\])/g, '$1') ?? match[2]!.trim())
    at = element.lastIndex
  }
  return values
}

/** The developer guide's own example ends in one quote too many, `"United States""`: it may. */
const element = /\s*(?:"((?:[^"\\]|\\.)*)"\s*(?:,|"?$)|([^",][^,]*)(?:,|$))/sy
