/** Policies mean what they mean to IAM, or are refused with the place that is wrong. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config.ts'
import { type Decision, decide, parsePolicy } from '../../src/policy.ts'
import { actionCases, conditionCases, orderCases, resourceCases, variableCases } from './cases.ts'

const variable = (key: string) => `\${${key}}`
const valuesOf = (text: string) => (text === '-' ? [] : text.split('; '))
const red = 'arn:aws:personalize:us-east-1:111122223333:solution/red'
const question = { action: 'personalize:DescribeSolution', resource: red, facts: new Map() }
const everything = { Effect: 'Allow', Action: '*', Resource: '*' }

/** What a statement says alone when it allows, and beside one that allows everything when it denies. */
function outcome(statement: object, asked: Partial<typeof question>, version = '2012-10-17') {
  const decided = (...statements: object[]) => {
    const document = { ...(version !== '-' && { Version: version }), Statement: statements }
    return decide(parsePolicy(document, 'p'), { ...question, ...asked })
  }
  try {
    const allowed = decided({ ...statement, Effect: 'Allow' })
    const denied = decided(everything, { ...statement, Effect: 'Deny' })
    equal(denied, allowed === 'allowed' ? 'explicitDeny' : 'allowed')
    return allowed === 'allowed' ? 'yes' : 'no'
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    match(error.message, /^p\.Statement\[0\]\.\w+/)
    return 'refused'
  }
}

/** Compares all at once, so that a failure shows each case that is wrong. */
function check(cases: string[][], outcomeOf: (parts: string[]) => string) {
  const found = cases.map((parts) => [...parts.slice(0, -1), outcomeOf(parts)].join(' | '))
  deepEqual(
    found,
    cases.map((parts) => parts.join(' | ')),
  )
}

test('there are more than 300 cases, and none twice', () => {
  const all = [actionCases, resourceCases, conditionCases, variableCases, orderCases].flat()
  ok(all.length > 300, `${all.length}`)
  equal(new Set(all.map((parts) => parts.join())).size, all.length)
})

test('Action and NotAction: wildcards, without regard to case', () =>
  check(actionCases, ([element, names, action]) =>
    outcome({ [element!]: valuesOf(names!), Resource: '*' }, { action: action! }),
  ))

test('Resource and NotResource: wildcards, with regard to case', () =>
  check(resourceCases, ([element, names, resource]) =>
    outcome({ [element!]: valuesOf(names!), Action: '*' }, { resource: resource! }),
  ))

test('Condition: all operators, a key that is missing, IfExists and the set operators', () =>
  check(conditionCases, ([operator, values, given]) => {
    const condition = { Condition: { [operator!]: { k: valuesOf(values!) } } }
    const facts = new Map(given === '-' ? [] : [['k', valuesOf(given!)]])
    return outcome({ Action: '*', Resource: '*', ...condition }, { facts })
  }))

test('several values without a set operator: an Allow is about them when all fit, a Deny when one does', () => {
  const statement = (Effect: string, operator: string) => ({
    ...everything,
    ...{ Effect, Condition: { [operator]: { k: 'red' } } },
  })
  const facts = (...values: string[]) => ({ ...question, facts: new Map([['k', values]]) })
  for (const [operator, values, allowed, denied] of [
    ['StringEquals', ['red', 'red'], true, true],
    ['StringEquals', ['blue', 'red'], false, true],
    ['StringEquals', ['blue', 'green'], false, false],
    ['StringNotEquals', ['red', 'red'], false, false],
    ['StringNotEquals', ['blue', 'red'], false, true],
    ['StringNotEquals', ['blue', 'green'], true, true],
  ] as const) {
    const asked = facts(...values)
    const decided = (...Statement: object[]) => decide(parsePolicy({ Statement }, 'p'), asked)
    const told = `${operator} ${values}`
    equal(decided(statement('Allow', operator)), allowed ? 'allowed' : 'implicitDeny', told)
    const end = decided(everything, statement('Deny', operator))
    equal(end, denied ? 'explicitDeny' : 'allowed', told)
  }
})

test('variables: in resources, with default and escapes, in the newer version only', () =>
  check(variableCases, ([version, pattern, given, resource]) => {
    const pairs = given === '-' ? [] : given!.split(', ').map((pair) => pair.split('='))
    const facts = new Map(pairs.map(([key, value]) => [key!, value!.split(';')]))
    return outcome({ Action: '*', Resource: pattern! }, { facts, resource: resource! }, version)
  }))

test('evaluation order: an explicit Deny, then an Allow, then nothing', () =>
  check(orderCases, ([statements, action, end]) => {
    const arn = (text: string) =>
      text === '*' ? '*' : `arn:aws:personalize:us-east-1:111122223333:${text}`
    const Statement = valuesOf(statements!).map((each) => {
      const [Effect, Action, Resource = ''] = each.split(' ')
      return { Effect, Action, Resource: arn(Resource) }
    })
    return decide(parsePolicy({ Statement }, 'p'), {
      ...question,
      action: action!,
      resource: arn(end!),
    })
  }))

test('all keys of a condition must hold, whatever their case; values of the policy may have variables', () => {
  const facts = new Map([
    ['aws:username', ['anna']],
    ['aws:resourcetag/owner', ['anna']],
    ['aws:securetransport', ['true']],
  ])
  const decided = (Condition: object): Decision =>
    decide(parsePolicy({ Version: '2012-10-17', Statement: { ...everything, Condition } }, 'p'), {
      ...question,
      facts,
    })
  const owner = { 'AWS:ResourceTag/Owner': variable('aws:UserName') }
  equal(decided({ StringEquals: owner }), 'allowed')
  equal(decided({ StringEquals: owner, Bool: { 'aws:SecureTransport': 'true' } }), 'allowed')
  equal(decided({ StringEquals: owner, Bool: { 'aws:SecureTransport': 'false' } }), 'implicitDeny')
  equal(decided({ StringEquals: { ...owner, 'aws:username': 'bert' } }), 'implicitDeny')
  equal(
    decided({ StringEqualsIgnoreCase: { 'aws:username': `A${variable('aws:nobody, "x"')}` } }),
    'implicitDeny',
  )
  equal(
    decided({ StringEqualsIgnoreCase: { 'aws:username': variable("aws:nobody, 'ANNA'") } }),
    'allowed',
  )
  equal(decided({ StringNotEquals: { 'aws:username': variable('aws:nobody') } }), 'allowed')
  const arn = { 'aws:x': `arn:aws:iam::*:user/${variable('aws:username')}` }
  facts.set('aws:x', ['arn:aws:iam::111122223333:user/anna'])
  equal(decided({ ArnLike: arn }), 'allowed')
  facts.set('aws:x', ['arn:aws:iam::111122223333:user/bert'])
  equal(decided({ ArnLike: arn }), 'implicitDeny')
})

test('a document that is no policy is refused with the place and what would be right', () => {
  const broken: [unknown, string][] = [
    [[], 'p must be an object.'],
    ['Allow', 'p must be an object.'],
    [{}, 'p has no Statement.'],
    [{ Version: '2012', Statement: [] }, 'p.Version must be 2012-10-17, or 2008-10-17.'],
    [{ Statements: [] }, 'p has Statements; it may have Version, Id, Statement.'],
    [{ Statement: 'x' }, 'p.Statement[0] must be an object.'],
    [{ Statement: [everything, {}] }, 'p.Statement[1].Effect must be Allow or Deny.'],
    [
      { Statement: { ...everything, Effect: 'allow' } },
      'p.Statement[0].Effect must be Allow or Deny.',
    ],
    [
      { Statement: { ...everything, Principal: '*' } },
      'p.Statement[0] has Principal; it may have Sid, Effect, Action, NotAction, Resource, NotResource, Condition.',
    ],
    [
      { Statement: { ...everything, ['k'.repeat(40)]: '*' } },
      'p.Statement[0] has an unknown member; it may have Sid, Effect, Action, NotAction, Resource, NotResource, Condition.',
    ],
    [
      { Statement: { ...everything, NotAction: '*' } },
      'p.Statement[0] must have either Action or NotAction.',
    ],
    [
      { Statement: { Effect: 'Allow', Action: '*' } },
      'p.Statement[0] must have either Resource or NotResource.',
    ],
    [
      { Statement: { ...everything, Action: [] } },
      'p.Statement[0].Action must be a text or a list of texts.',
    ],
    [
      { Statement: { ...everything, Action: 'personalize' } },
      "p.Statement[0].Action: 'personalize' must be * or like personalize:Describe*.",
    ],
    [
      { Statement: { ...everything, Resource: 'solution/a' } },
      "p.Statement[0].Resource: 'solution/a' must be *, or an ARN as arn:aws:personalize:*:*:solution/red or arn:aws:personalize:*.",
    ],
    [
      { Statement: { ...everything, Condition: { StringEquals: 'a' } } },
      'p.Statement[0].Condition.StringEquals must be an object.',
    ],
    [
      { Statement: { ...everything, Condition: { StringEqual: { k: 'a' } } } },
      'p.Statement[0].Condition.StringEqual.k: there is no condition operator StringEqual.',
    ],
    [
      { Statement: { ...everything, Condition: { Bool: { k: 'maybe' } } } },
      "p.Statement[0].Condition.Bool.k: 'maybe' must be true or false.",
    ],
    [
      { Statement: { ...everything, Condition: { StringEquals: { k: 7 } } } },
      'p.Statement[0].Condition.StringEquals.k must be a text or a list of texts.',
    ],
  ]
  for (const [document, message] of broken)
    throws(() => parsePolicy(document, 'p'), { constructor: ConfigError, message })
})
