import fc from 'fast-check'
import type {
  Filter,
  FilterCondition,
  FilterPart,
  FilterValue,
} from '../../src/data/filterExpression.ts'

const letters = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/)
const name = fc.oneof(
  letters,
  fc.constantFrom('AGE', 'IN', 'NOT', 'AND', 'OR', 'IF', 'WHERE', 'true'),
)
const string = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('*', '"', "\\'", '\\', '|'),
)
const stringValue = string.map((text): FilterValue => ({ kind: 'string', text }))
const placeholder = fc
  .stringMatching(/^[A-Za-z0-9_]{1,50}$/)
  .map((name): FilterValue => ({ kind: 'placeholder', name }))
const currentItem = name.map((name): FilterValue => ({ kind: 'currentItem', name }))
const numberValue = fc
  .tuple(fc.bigInt(), fc.option(fc.nat()))
  .map(
    ([n, part]): FilterValue => ({ kind: 'number', text: part === null ? `${n}` : `${n}.${part}` }),
  )

const comparisons = ['=', '!=', '<', '<=', '>', '>='] as const
const datasets = ['Interactions', 'Items', 'Users', 'Actions', 'Action_Interactions'] as const

type Test = Omit<FilterCondition, 'field'>
const membership: fc.Arbitrary<Test> = fc.oneof(
  fc
    .array(fc.oneof(stringValue, placeholder), { minLength: 1, maxLength: 4 })
    .map((values): Test => ({ operator: 'IN', values })),
  fc
    .array(stringValue, { minLength: 1, maxLength: 4 })
    .map((values): Test => ({ operator: 'NOT IN', values })),
)
const comparison = (value: fc.Arbitrary<FilterValue>): fc.Arbitrary<Test> =>
  fc
    .tuple(fc.constantFrom(...comparisons), value)
    .map(([operator, only]): Test => ({ operator, values: [only] }))
const ofCurrentItem = currentItem.map((only): Test => ({ operator: 'IN', values: [only] }))

const condition: fc.Arbitrary<FilterCondition> = fc
  .tuple(
    fc.tuple(fc.constantFrom(...datasets), name).map(([dataset, name]) => ({ dataset, name })),
    fc.oneof(
      membership,
      ofCurrentItem,
      comparison(fc.oneof(numberValue, placeholder, currentItem)),
    ),
  )
  .map(([field, test]) => ({ field, ...test }))

const userCondition: fc.Arbitrary<FilterCondition> = fc
  .tuple(name, fc.oneof(membership, comparison(fc.oneof(numberValue, stringValue, placeholder))))
  .map(([name, test]) => ({ field: { dataset: 'Users', name }, ...test }))

/** Filters that the grammar allows, whether they mean something or not. */
export const filters: fc.Arbitrary<Filter> = fc
  .array(
    fc.record<FilterPart>(
      {
        verb: fc.constantFrom('INCLUDE', 'EXCLUDE'),
        subject: fc.constantFrom('ItemID', 'UserID', 'ActionID'),
        any: fc.array(fc.array(condition, { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 3,
        }),
        onlyIf: fc.array(userCondition, { maxLength: 2 }),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((expressions) => ({ expressions }))

/** A filter as text; `cased` writes its words, `blank` is what stands between them. */
export function print(
  { expressions }: Filter,
  cased: (word: string) => string,
  blank: string,
): string {
  const word = (text: string) => `${blank}${cased(text)}${blank}`
  const all = (conditions: FilterCondition[], owner?: string) =>
    conditions.map((each) => printCondition(each, cased, blank, owner)).join(word('AND'))
  return expressions
    .map(({ verb, subject, any, onlyIf }) => {
      const what = any.map((each) => all(each)).join(word('OR'))
      const when = onlyIf.length > 0 ? word('IF') + all(onlyIf, 'CurrentUser') : ''
      return word(verb) + word(subject) + word('WHERE') + what + when
    })
    .join(`${blank}|${blank}`)
}

function printCondition(
  { field, operator, values }: FilterCondition,
  cased: (word: string) => string,
  blank: string,
  owner: string = field.dataset,
): string {
  const printed = values.map((value) => {
    if (value.kind === 'placeholder') return `$${value.name}`
    if (value.kind === 'currentItem') return `${cased('CurrentItem')}.${value.name}`
    if (value.kind === 'number') return value.text
    return `"${value.text.replace(/["\\]/g, '\\$&')}"`
  })
  const isSet = operator.endsWith('IN') && values[0]?.kind !== 'currentItem'
  const list = printed.join(`${blank},${blank}`)
  const words = operator.split(' ').map(cased).join(blank)
  return [`${cased(owner)}.${field.name}`, words, isSet ? `(${blank}${list}${blank})` : list].join(
    blank,
  )
}
