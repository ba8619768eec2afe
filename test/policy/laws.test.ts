/** Laws of every set of policies: a Deny more never widens, an Allow more never narrows, order is irrelevant. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Decision, decide, parsePolicy } from '../../src/policy.ts'

const actions = ['personalize:CreateFilter', 'personalize:DeleteFilter', 'iam:PassRole']
const resources = ['a', 'b', 'ab'].map((name) => `arn:aws:personalize:us-east-1:1:filter/${name}`)
const users = ['anna', 'bert']

const variable = (key: string) => `\${${key}}`
const some = (...values: string[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 })
const either = (name: string, values: fc.Arbitrary<string[]>) =>
  fc.tuple(fc.constantFrom(name, `Not${name}`), values).map((pair) => Object.fromEntries([pair]))
const condition = fc
  .record({
    quantifier: fc.constantFrom('', 'ForAllValues:', 'ForAnyValue:'),
    operator: fc.constantFrom('StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike'),
    ifExists: fc.constantFrom('', 'IfExists'),
    key: fc.constantFrom('aws:username', 'aws:TagKeys'),
    values: some(...users, 'a*', '*', variable('aws:username')),
  })
  .map(({ quantifier, operator, ifExists, key, values }) => ({
    [`${quantifier}${operator}${ifExists}`]: { [key]: values },
  }))
const body = fc
  .tuple(
    either('Action', some(...actions, 'personalize:*', '*', '*:Delete*')),
    either(
      'Resource',
      some(
        ...resources,
        '*',
        'arn:*:personalize:*:*:*/a*',
        'arn:*:personalize:*:*:*/?',
        `arn:*:personalize:*:*:*/${variable('aws:username')}`,
      ),
    ),
    fc.oneof(fc.constant({}), condition),
  )
  .map(([action, resource, Condition]) => ({ ...action, ...resource, Condition }))
const statement = fc
  .tuple(fc.constantFrom('Allow', 'Deny'), body)
  .map(([Effect, rest]) => ({ Effect, ...rest }))
const statements = fc.array(statement, { maxLength: 6 })
const question = fc.record({
  action: fc.constantFrom(...actions),
  resource: fc.constantFrom(...resources, '*'),
  facts: fc
    .tuple(fc.subarray(users, { maxLength: 1 }), fc.subarray(users))
    .map(
      ([username, tagKeys]) =>
        new Map(
          Object.entries({ 'aws:username': username, 'aws:tagkeys': tagKeys }).filter(
            ([, values]) => values.length > 0,
          ),
        ),
    ),
})
type Asked = Parameters<typeof decide>[1]
const decided = (documents: object[], asked: Asked) =>
  decide(parsePolicy({ Version: '2012-10-17', Statement: documents }, 'p'), asked)

/** Runs a law on many policies, among which each decision must be common. */
function law(holds: (before: Decision, statements: object[], asked: Asked, more: object) => void) {
  const seen = { allowed: 0, explicitDeny: 0, implicitDeny: 0 }
  fc.assert(
    fc.property(statements, question, body, (documents, asked, more) => {
      const before = decided(documents, asked)
      seen[before]++
      holds(before, documents, asked, more)
    }),
    { numRuns: 2000, seed: 7 },
  )
  for (const [decision, count] of Object.entries(seen)) ok(count > 200, `${decision}: ${count}`)
}

test('a Deny more never widens, and what a Deny forbids stays forbidden', () =>
  law((before, documents, asked, more) => {
    const after = decided([...documents, { Effect: 'Deny', ...more }], asked)
    if (before !== 'allowed') ok(after !== 'allowed')
    if (before === 'explicitDeny') equal(after, 'explicitDeny')
  }))

test('an Allow more never narrows, and lifts no explicit Deny', () =>
  law((before, documents, asked, more) => {
    const after = decided([...documents, { Effect: 'Allow', ...more }], asked)
    if (before !== 'implicitDeny') equal(after, before)
    else ok(after !== 'explicitDeny')
  }))

test('order is irrelevant, and so is saying something twice', () =>
  law((before, documents, asked) => {
    equal(decided(documents.toReversed(), asked), before)
    equal(decided([...documents.slice(2), ...documents.slice(0, 2)], asked), before)
    equal(decided([...documents, ...documents], asked), before)
  }))
