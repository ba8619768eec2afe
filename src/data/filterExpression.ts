import { invalidInput, limitExceeded } from '../errors.ts'
import { grammar } from './grammar.ts'
import type { DatasetSchema } from './schema.ts'

/** A filter expression as plain data, names as written. Spec F. */
export type Filter = { expressions: FilterPart[] }

/**
 * One of the expressions between pipes: an OR of ANDs, which applies only if all of `onlyIf` hold.
 */
export type FilterPart = {
  verb: 'INCLUDE' | 'EXCLUDE'
  subject: FilterSubject
  any: FilterCondition[][]
  onlyIf: FilterCondition[]
}
export type FilterSubject = 'ItemID' | 'UserID' | 'ActionID'

/** `IN` and `NOT IN` have one value or more, comparisons exactly one. */
export type FilterCondition = {
  field: { dataset: FilterDataset; name: string }
  operator: 'IN' | 'NOT IN' | '=' | '!=' | '<' | '<=' | '>' | '>='
  values: FilterValue[]
}
export type FilterDataset = 'Interactions' | 'Items' | 'Users' | 'Actions' | 'Action_Interactions'

/** Numbers keep the digits that were written. */
export type FilterValue =
  | { kind: 'string'; text: string }
  | { kind: 'number'; text: string }
  | { kind: 'placeholder'; name: string }
  | { kind: 'currentItem'; name: string }

/**
 * Reads a filter expression: the syntax only, no dataset is looked at.
 * InvalidInputException tells the position, what was found and what was expected. Source:
 * developer guide, "Filter expressions".
 */
export const parseFilter: (text: string) => Filter = grammar('./filter.peggy', invalidInput)

/**
 * Checks that a filter means something for these datasets (by upper-case dataset type): fields
 * exist, can be filtered on and fit their operators, and each rule of spec F.3 holds. Throws
 * InvalidInputException naming the first breach, or LimitExceededException.
 */
export function checkFilter(
  filter: Filter,
  schemas: Map<string, DatasetSchema>,
  limits: { fieldsPerFilter: number },
): void {
  const subject = filterSubject(filter)
  for (const part of filter.expressions) {
    if (part.subject !== subject)
      throw invalidInput(
        'All expressions of a filter must have the same subject, ' +
          `not ${subject} and ${part.subject}.`,
      )
    checkPart(part, schemas)
  }
  const fields = filterFields(filter)
  if (fields.length > limits.fieldsPerFilter)
    throw limitExceeded(
      `A filter can use at most ${limits.fieldsPerFilter} dataset fields, this one uses ` +
        `${fields.length}: ${fields.join(', ')}.`,
    )
}

/** What the filter keeps or drops: users (segments), items or actions. */
export const filterSubject = (filter: Filter): FilterSubject => filter.expressions[0]!.subject

/** The distinct fields a filter uses as `Dataset.FIELD`, the field in upper case, sorted. */
export function filterFields(filter: Filter): string[] {
  const fields = conditions(filter).flatMap(({ field, values }) => [
    `${field.dataset}.${field.name.toUpperCase()}`,
    ...values.flatMap((v) => (v.kind === 'currentItem' ? [`Items.${v.name.toUpperCase()}`] : [])),
  ])
  return [...new Set(fields)].sort()
}

/** Whether events decide: such a filter does not go with aws-item-attribute-affinity. Spec D.8. */
export const usesInteractions = (filter: Filter): boolean =>
  conditions(filter).some(({ field }) => field.dataset === 'Interactions')

const conditions = (filter: Filter): FilterCondition[] =>
  filter.expressions.flatMap((part) => [...part.any.flat(), ...part.onlyIf])

/** Spec F.3: which datasets conditions on a subject may use. */
const datasetsOf: Record<FilterSubject, FilterDataset[]> = {
  ItemID: ['Interactions', 'Items'],
  UserID: ['Interactions', 'Users'],
  ActionID: ['Action_Interactions', 'Actions'],
}

function checkPart(part: FilterPart, schemas: Map<string, DatasetSchema>): void {
  const first = part.any[0]![0]!.field.dataset
  for (const condition of part.any.flat()) {
    const { dataset } = condition.field
    const usable = datasetsOf[part.subject]
    if (!usable.includes(dataset))
      throw invalidInput(
        `A filter on ${part.subject} can use ${usable.join(' or ')}, not ${dataset}.`,
      )
    if (dataset !== first)
      throw invalidInput(
        'All conditions of one expression must use the same dataset, ' +
          `not ${first} and ${dataset}. Combine datasets with a pipe (|).`,
      )
    checkCondition(condition, part.subject, schemas)
    if (isText(typeOf(condition, schemas)) && !isMembership(condition))
      throw invalidInput(
        `${name(condition)} is a string. Use IN or NOT IN, not ${condition.operator}.`,
      )
  }
  if (part.onlyIf.length > 0 && part.subject === 'UserID')
    throw invalidInput('A filter on UserID cannot have IF: a segment has no current user.')
  for (const condition of part.onlyIf) checkCondition(condition, part.subject, schemas)
}

/** What holds before and after IF alike. */
function checkCondition(
  condition: FilterCondition,
  subject: FilterSubject,
  schemas: Map<string, DatasetSchema>,
): void {
  const type = typeOf(condition, schemas)
  if (isMembership(condition) && !isText(type))
    throw invalidInput(`${name(condition)} is a number. Use =, !=, <, <=, > or >=, not IN.`)
  if (isText(type) && !isMembership(condition) && !['=', '!='].includes(condition.operator))
    throw invalidInput(`${name(condition)} is a string. ${condition.operator} compares numbers.`)
  if (!isMembership(condition)) checkLiteral(condition, type)
  checkStar(condition)
  checkCurrentItem(condition, subject, type, schemas)
}

function checkLiteral(condition: FilterCondition, type: string): void {
  const literal = condition.values[0]!
  if (literal.kind === 'string' && !isText(type))
    throw invalidInput(`${name(condition)} is a number and cannot be compared with a string.`)
  if (literal.kind === 'number' && isText(type))
    throw invalidInput(`${name(condition)} is a string and cannot be compared with a number.`)
}

function checkStar({ field, operator, values }: FilterCondition): void {
  if (!values.some((value) => value.kind === 'string' && value.text === '*')) return
  if (operator !== 'IN' || field.name.toUpperCase() !== 'EVENT_TYPE')
    throw invalidInput('"*" can only be used as EVENT_TYPE IN ("*").')
}

function checkCurrentItem(
  condition: FilterCondition,
  subject: FilterSubject,
  type: string,
  schemas: Map<string, DatasetSchema>,
): void {
  for (const value of condition.values) {
    if (value.kind !== 'currentItem') continue
    if (subject !== 'ItemID')
      throw invalidInput(`CurrentItem can only be used in filters on ItemID, not ${subject}.`)
    const current = filterable({ dataset: 'Items', name: value.name }, schemas)
    if (isText(current) !== isText(type))
      throw invalidInput(
        `${name(condition)} and CurrentItem.${value.name} must both be strings or both be numbers.`,
      )
  }
}

const typeOf = (condition: FilterCondition, schemas: Map<string, DatasetSchema>) =>
  filterable(condition.field, schemas)

/** The type of a field that exists and may be filtered on. */
function filterable(field: FilterCondition['field'], schemas: Map<string, DatasetSchema>): string {
  const full = `${field.dataset}.${field.name}`
  const schema = schemas.get(field.dataset.toUpperCase())
  if (!schema)
    throw invalidInput(
      `The filter uses ${full}, but the dataset group has no ${field.dataset} dataset.`,
    )
  const upper = field.name.toUpperCase()
  const found = schema.fields.find((candidate) => candidate.name.toUpperCase() === upper)
  if (!found)
    throw invalidInput(`The schema of the ${field.dataset} dataset has no field ${field.name}.`)
  if (/interactions$/i.test(field.dataset) && upper !== 'EVENT_TYPE')
    throw invalidInput(
      `${full} cannot be used in a filter: of ${field.dataset}, only EVENT_TYPE can.`,
    )
  if (found.type === 'boolean')
    throw invalidInput(
      `Invalid Expression: ${full} is boolean, and boolean fields cannot be used in a filter.`,
    )
  if (found.textual)
    throw invalidInput(`${full} is textual, and textual fields cannot be used in a filter.`)
  if (field.dataset === 'Actions' && unfilterableActionFields.has(upper))
    throw invalidInput(`${full} cannot be used in a filter.`)
  return found.type
}

const unfilterableActionFields = new Set([
  'ACTION_EXPIRATION_TIMESTAMP',
  'EXPIRATION_TIMESTAMP',
  'REPEAT_FREQUENCY',
])

const isText = (type: string) => type === 'string'
const isMembership = ({ operator }: FilterCondition) => operator === 'IN' || operator === 'NOT IN'
const name = ({ field }: FilterCondition) => `${field.dataset}.${field.name}`
