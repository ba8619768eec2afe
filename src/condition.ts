import { BlockList, isIP } from 'node:net'
import { ConfigError } from './config.ts'
import { type Facts, matches, matchesArn, parsePattern } from './pattern.ts'

export type Effect = 'Allow' | 'Deny'

/** One line of a statement's Condition. */
export type Condition = (facts: Facts, effect: Effect) => boolean

/** Whether a value that the request has fits one value of the policy. */
type Fit = (value: string, facts: Facts) => boolean
/** Reads a value of the policy; undefined where the operator cannot use it. */
type Reader = { reads: string; read: (text: string, variables: boolean) => Fit | undefined }

const number = (text: string) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined)

/** Milliseconds of an ISO 8601 date, with its zone where it has a time, or of epoch seconds. */
function date(text: string): number | undefined {
  if (/^-?\d{6,12}$/.test(text)) return Number(text) * 1000
  if (!/^\d{4}-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?$/.test(text)) return
  const found = Date.parse(text)
  return Number.isNaN(found) ? undefined : found
}

const textual = (wildcards: boolean, fold?: (character: string) => string): Reader => ({
  reads: 'a text whose variables end in }',
  read: (text, variables) => {
    const pattern = parsePattern(text, { wildcards, variables })
    return pattern && ((value, facts) => matches(pattern, value, facts, fold))
  },
})

const arn: Reader = {
  reads: 'an ARN of six parts',
  read: (text, variables) => {
    const pattern = parsePattern(text, { wildcards: true, variables })
    const isWhole = text.split(':').length >= 6 || text.includes('${')
    return pattern && isWhole ? (value, facts) => matchesArn(pattern, value, facts) : undefined
  },
}

const ordered = (
  reads: string,
  parse: (text: string) => number | undefined,
  holds: (value: number, wanted: number) => boolean,
): Reader => ({
  reads,
  read: (text) => {
    const wanted = parse(text)
    if (wanted === undefined) return undefined
    return (value) => {
      const found = parse(value)
      return found !== undefined && holds(found, wanted)
    }
  },
})
const numeric = (holds: (value: number, wanted: number) => boolean) =>
  ordered('a number', number, holds)
const dated = (holds: (value: number, wanted: number) => boolean) =>
  ordered('a date as 2026-11-24T10:30:00Z or epoch seconds', date, holds)

const truth: Reader = {
  reads: 'true or false',
  read: (text) =>
    /^(true|false)$/i.test(text)
      ? (value) => value.toLowerCase() === text.toLowerCase()
      : undefined,
}

const address: Reader = {
  reads: 'an IP address or range such as 203.0.113.0/24',
  read: (text) => {
    const [ip = '', bits, ...rest] = text.split('/')
    const version = isIP(ip)
    const most = version === 4 ? 32 : 128
    const length = bits === undefined ? most : Number(/^\d+$/.test(bits) ? bits : -1)
    if (version === 0 || rest.length > 0 || length < 0 || length > most) return undefined
    const range = new BlockList()
    range.addSubnet(ip, length, `ipv${version as 4 | 6}`)
    return (value) => isIP(value) !== 0 && range.check(value, `ipv${isIP(value) as 4 | 6}`)
  },
}

const operators = new Map<string, Reader>(
  Object.entries({
    StringEquals: textual(false),
    StringEqualsIgnoreCase: textual(false, (character) => character.toLowerCase()),
    StringLike: textual(true),
    NumericEquals: numeric((value, wanted) => value === wanted),
    NumericLessThan: numeric((value, wanted) => value < wanted),
    NumericLessThanEquals: numeric((value, wanted) => value <= wanted),
    NumericGreaterThan: numeric((value, wanted) => value > wanted),
    NumericGreaterThanEquals: numeric((value, wanted) => value >= wanted),
    DateEquals: dated((value, wanted) => value === wanted),
    DateLessThan: dated((value, wanted) => value < wanted),
    DateLessThanEquals: dated((value, wanted) => value <= wanted),
    DateGreaterThan: dated((value, wanted) => value > wanted),
    DateGreaterThanEquals: dated((value, wanted) => value >= wanted),
    Bool: truth,
    BinaryEquals: { reads: 'a text', read: (text) => (value) => value === text },
    IpAddress: address,
    ArnEquals: arn,
    ArnLike: arn,
  }),
)

/** Those that hold where none of their values fits. */
const negations = new Map(
  Object.entries({
    StringNotEquals: 'StringEquals',
    StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
    StringNotLike: 'StringLike',
    NumericNotEquals: 'NumericEquals',
    DateNotEquals: 'DateEquals',
    NotIpAddress: 'IpAddress',
    ArnNotEquals: 'ArnEquals',
    ArnNotLike: 'ArnLike',
  }),
)

/**
 * Reads one operator with one key and its values, of which one must fit. Throws ConfigError, which begins with `where`.
 * IAM User Guide, "Condition operators" and "Set operators for multivalued context keys".
 */
export function parseCondition(
  operator: string,
  key: string,
  texts: readonly string[],
  variables: boolean,
  where: string,
): Condition {
  const [, quantifier = '', name = '', ifExists = ''] =
    /^(?:(ForAllValues|ForAnyValue):)?(.*?)(IfExists)?$/s.exec(operator)!
  const isNull = operator === 'Null'
  const reader = isNull ? truth : operators.get(negations.get(name) ?? name)
  if (!reader) throw new ConfigError(`${where}: there is no condition operator ${operator}.`)
  const fits = texts.map((text) => {
    const fit = reader.read(text, variables)
    if (!fit) throw new ConfigError(`${where}: '${text}' must be ${reader.reads}.`)
    return fit
  })
  const known = key.toLowerCase()
  if (isNull) return (facts) => fits.some((fit) => fit(String(!facts.has(known)), facts))
  const isNegated = negations.has(name)
  const absent =
    ifExists !== '' || quantifier === 'ForAllValues' || (isNegated && quantifier === '')
  return (facts, effect) => {
    const values = facts.get(known)
    if (values === undefined) return absent
    const holds = (value: string) => fits.some((fit) => fit(value, facts)) !== isNegated
    // Tags whose keys differ in case only give one condition key several values: none of them hides another.
    const isAll = quantifier === '' ? effect === 'Allow' : quantifier === 'ForAllValues'
    return isAll ? values.every(holds) : values.some(holds)
  }
}
