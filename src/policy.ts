import { type Condition, type Effect, parseCondition } from './condition.ts'
import { ConfigError } from './config.ts'
import { type Facts, matches, type Pattern, parsePattern } from './pattern.ts'

/** A statement of an IAM policy, ready to be asked. */
export type Statement = {
  effect: Effect
  actions: Named
  resources: Named
  conditions: readonly Condition[]
}
/** What an element names; `isNot` where it names all but that. */
type Named = { isNot: boolean; patterns: readonly Pattern[] }

/** What one wants to do, with which ARN (`*` where it is with none), and what is known of the request. */
export type Question = { action: string; resource: string; facts: Facts }

/** AWS's own words, from its policy simulator. */
export type Decision = 'allowed' | 'explicitDeny' | 'implicitDeny'

/**
 * What statements say to a question, in the order that AWS documents: a Deny that applies counts before every Allow, and
 * what none allows is denied. IAM User Guide, "Policy evaluation logic".
 */
export function decide(statements: readonly Statement[], question: Question): Decision {
  const applying = statements.filter((statement) => applies(statement, question))
  if (applying.some(({ effect }) => effect === 'Deny')) return 'explicitDeny'
  return applying.length > 0 ? 'allowed' : 'implicitDeny'
}

function applies(statement: Statement, { action, resource, facts }: Question): boolean {
  return (
    names(statement.actions, action.toLowerCase(), facts) &&
    names(statement.resources, resource, facts) &&
    statement.conditions.every((holds) => holds(facts, statement.effect))
  )
}

const names = ({ isNot, patterns }: Named, text: string, facts: Facts) =>
  patterns.some((pattern) => matches(pattern, text, facts)) !== isNot

/**
 * Reads the document of an identity-based policy, whose values are all texts. Throws ConfigError, which begins with
 * `where` and names what is wrong.
 */
export function parsePolicy(document: unknown, where: string): Statement[] {
  const policy = membersOf(document, where, ['Version', 'Id', 'Statement'])
  const version = policy.Version ?? '2008-10-17'
  if (version !== '2012-10-17' && version !== '2008-10-17')
    throw new ConfigError(`${where}.Version must be 2012-10-17, or 2008-10-17.`)
  // The older version, which is also the one of a policy without, has no variables.
  const variables = version === '2012-10-17'
  if (policy.Statement === undefined) throw new ConfigError(`${where} has no Statement.`)
  const statements = Array.isArray(policy.Statement) ? policy.Statement : [policy.Statement]
  return statements.map((each, index) =>
    parseStatement(each, variables, `${where}.Statement[${index}]`),
  )
}

function parseStatement(document: unknown, variables: boolean, where: string): Statement {
  const known = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']
  const statement = membersOf(document, where, known)
  const { Effect: effect } = statement
  if (effect !== 'Allow' && effect !== 'Deny')
    throw new ConfigError(`${where}.Effect must be Allow or Deny.`)
  const conditions = Object.entries(membersOf(statement.Condition ?? {}, `${where}.Condition`))
  return {
    effect,
    actions: parseNamed(statement, 'Action', where, (text, place) => {
      if (text !== '*' && !/^[\w*?-]+:[\w*?-]+$/.test(text))
        throw new ConfigError(`${place}: '${text}' must be * or like personalize:Describe*.`)
      return parsePattern(text.toLowerCase(), { wildcards: true, variables: false })
    }),
    resources: parseNamed(statement, 'Resource', where, (text, place) => {
      if (text !== '*' && !arnPattern.test(text))
        throw new ConfigError(
          `${place}: '${text}' must be *, or an ARN as arn:aws:personalize:*:*:solution/red or arn:aws:personalize:*.`,
        )
      return parsePattern(text, { wildcards: true, variables })
    }),
    conditions: conditions.flatMap(([operator, keys]) => {
      const place = `${where}.Condition.${operator}`
      return Object.entries(membersOf(keys, place)).map(([key, values]) =>
        parseCondition(
          operator,
          key,
          texts(values, `${place}.${key}`),
          variables,
          `${place}.${key}`,
        ),
      )
    }),
  }
}

/**
 * Six parts, of which a last `*` may stand for several; the service has no wildcards. IAM User Guide, "IAM JSON policy
 * elements: Resource" and "IAM policy validation check reference", "Missing ARN field".
 */
const arnPattern = /^arn:[^:]+:[^:*?]+:(([^:]*:)?\*|[^:]*:[^:]*:.+)$/s

/** `Action` or `NotAction`, `Resource` or `NotResource`: one of the two must be there. */
function parseNamed(
  statement: Record<string, unknown>,
  element: 'Action' | 'Resource',
  where: string,
  parse: (text: string, place: string) => Pattern | undefined,
): Named {
  const isNot = statement[element] === undefined
  const name = isNot ? `Not${element}` : element
  if (isNot === (statement[`Not${element}`] === undefined))
    throw new ConfigError(`${where} must have either ${element} or Not${element}.`)
  const place = `${where}.${name}`
  const patterns = texts(statement[name], place).map((text) => {
    const pattern = parse(text, place)
    if (!pattern) throw new ConfigError(`${place}: '${text}' has a variable without its }.`)
    return pattern
  })
  return { isNot, patterns }
}

function texts(value: unknown, where: string): string[] {
  const values = Array.isArray(value) ? value : [value]
  if (values.length === 0 || !values.every((each) => typeof each === 'string'))
    throw new ConfigError(`${where} must be a text or a list of texts.`)
  return values
}

/** The members of an object. Throws ConfigError where it is none, or has others than those known. */
export function membersOf(
  document: unknown,
  where: string,
  known?: readonly string[],
): Record<string, unknown> {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new ConfigError(`${where} must be an object.`)
  const stranger = Object.keys(document).find((name) => known && !known.includes(name))
  if (stranger !== undefined)
    throw new ConfigError(`${where} has ${shown(stranger)}; it may have ${known!.join(', ')}.`)
  return document as Record<string, unknown>
}

/** A secret in the wrong place is longer than a word, and stays out of messages. */
const shown = (name: string) => (/^[A-Za-z_-]{1,20}$/.test(name) ? name : 'an unknown member')
