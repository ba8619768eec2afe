import { operation, type Service, shape } from '../contract.ts'
import { invalidInput } from '../errors.ts'
import { wireLimits } from '../limits.ts'
import { constraintsOf, described, entryConstraints } from './constraints.ts'
import { serialization } from './parse.ts'

/**
 * The code of shape errors: ValidationException is the other candidate,
 * AWS's choice is not known. Spec J.2.
 */
const invalid = invalidInput

/** Where the walk is; `report` takes each failed constraint. */
type Place = {
  service: Service
  shapeName: string
  path: string
  sensitive: boolean
  report: (part: string) => void
}

/**
 * A request's members as the contract describes them: unknown members and nulls left out,
 * timestamps as Date. Throws SerializationException for a JSON type that a member cannot have, and
 * one InvalidInputException that names every failed constraint. Spec J.2.
 */
export function decode(name: string, document: Record<string, unknown>): Record<string, unknown> {
  const { service, input } = operation(name)
  if (!input) return {}
  const parts: string[] = []
  let count = 0
  const report = (part: string) => {
    if (count++ < wireLimits.validationPartsMax) parts.push(part)
  }
  const members = accept(
    { service, shapeName: input, path: '', sensitive: false, report },
    document,
  ) as Record<string, unknown>
  if (count > 0)
    throw invalid(`${count} validation error${count > 1 ? 's' : ''} detected: ${parts.join('; ')}`)
  return members
}

function accept(place: Place, value: unknown): unknown {
  const { type, sensitive } = shape(place.service, place.shapeName)
  const here = sensitive ? { ...place, sensitive } : place
  switch (type) {
    case 'structure':
      return structure(here, object(value))
    case 'map':
      return map(here, object(value))
    case 'list':
      return list(here, value)
    case 'string':
      return checked(here, storable(here, text(value)))
    case 'boolean':
      return checked(here, truth(value))
    case 'timestamp':
      return date(value)
    default:
      return checked(here, number(value, type))
  }
}

function structure(place: Place, document: Record<string, unknown>): Record<string, unknown> {
  const { members = {}, required = [] } = shape(place.service, place.shapeName)
  const found: Record<string, unknown> = {}
  for (const [name, { shape: shapeName }] of Object.entries(members)) {
    const path = place.path ? `${place.path}.${name}` : name
    const member = { ...place, shapeName, path }
    const value = Object.hasOwn(document, name) ? document[name] : null
    if (value !== null) found[name] = accept(member, value)
    else if (required.includes(name)) fail(member, null, 'Member must not be null')
  }
  return found
}

function list(place: Place, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw unexpected(value, 'a List')
  const shapeName = shape(place.service, place.shapeName).member!.shape
  const elements = value.filter((each) => each !== null)
  return checked(
    place,
    elements.map((each, index) =>
      accept({ ...place, shapeName, path: `${place.path}.${index + 1}.member` }, each),
    ),
  )
}

/** Object.fromEntries makes an own member even of `__proto__`, which assignment would not. */
function map(place: Place, document: Record<string, unknown>): Record<string, unknown> {
  const { key, value } = shape(place.service, place.shapeName)
  // What is wrong inside is said once about the whole map, as AWS does, so
  // entries report nothing themselves.
  const inside = { ...place, shapeName: value!.shape, report: () => {} }
  const entries = Object.entries(document)
    .filter(([, each]) => each !== null)
    .map(([name, each]): [string, unknown] => [name, accept(inside, each)])
  const found = checked(place, Object.fromEntries(entries))
  const keys = entryConstraints(place.service, key!.shape)
  if (!entries.every(([name]) => keys.every(({ holds }) => holds(name))))
    fail(place, found, `Map keys must satisfy constraint: ${described(keys)}`)
  const values = entryConstraints(place.service, value!.shape)
  if (!entries.every(([, each]) => values.every(({ holds }) => holds(each))))
    fail(place, found, `Map value must satisfy constraint: ${described(values)}`)
  return found
}

function checked<Value>(place: Place, value: Value): Value {
  for (const { text, holds } of constraintsOf(place.service, place.shapeName))
    if (!holds(value)) fail(place, value, text)
  return value
}

function fail(place: Place, value: unknown, constraint: string): void {
  const { sensitive } = shape(place.service, place.shapeName)
  const quoted = value === null ? 'null' : `'${shown(place, value)}'`
  const what = place.sensitive || sensitive ? 'Value' : `Value ${quoted}`
  place.report(`${what} at '${place.path}' failed to satisfy constraint: ${constraint}`)
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw unexpected(value, 'a Structure or Map')
}

function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw unexpected(value, 'a String')
}

/** Postgres keeps neither of these two, and no name, path or expression needs them. */
function storable(place: Place, value: string): string {
  if (value.includes('\0')) fail(place, value, 'Member must not contain a NUL character')
  if (!value.isWellFormed()) fail(place, value, 'Member must not contain half a surrogate pair')
  return value
}

function truth(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw unexpected(value, 'a Boolean')
}

function number(value: unknown, type: string): number {
  const isInteger = type === 'integer'
  const wanted = isInteger ? 'an Integer' : type === 'float' ? 'a Float' : 'a Double'
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unexpected(value, wanted)
  // 32 bits, as in AWS's own types; `| 0` changes every number outside them and every fraction.
  if (isInteger && (value | 0) !== value) throw unexpected(value, wanted)
  return value
}

/** Epoch seconds, with a fraction where the client has one. Spec A.4. */
function date(value: unknown): Date {
  const found = new Date(typeof value === 'number' ? Math.round(value * 1000) : Number.NaN)
  if (Number.isNaN(found.getTime())) throw unexpected(value, 'a Timestamp')
  return found
}

/** The wording of AWS's front ends for a JSON type that does not fit. Spec J.4. */
function unexpected(value: unknown, wanted: string) {
  if (Array.isArray(value)) return serialization('Start of list found where not expected')
  if (typeof value === 'object')
    return serialization('Start of structure or map found where not expected')
  return serialization(`${token(value)} can not be converted to ${wanted}`)
}

function token(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE'
  return typeof value === 'string' ? 'STRING_VALUE' : 'NUMBER_VALUE'
}

/** A value as Java prints it, cut where it gets long; what is sensitive inside stays out. */
function shown(place: Place, value: unknown): string {
  const whole = printed(place.service, place.shapeName, value)
  return whole.length > wireLimits.shownCharsMax
    ? `${whole.slice(0, wireLimits.shownCharsMax)}...`
    : whole
}

function printed(service: Service, shapeName: string, value: unknown): string {
  const { type, sensitive, members, member, value: entry } = shape(service, shapeName)
  if (sensitive) return '***'
  if (type === 'list')
    return `[${(value as unknown[]).map((each) => printed(service, member!.shape, each)).join(', ')}]`
  if (type === 'map' || type === 'structure') {
    const entries = Object.entries(value as object).flatMap(([name, each]) => {
      const found = type === 'map' ? entry : members?.[name]
      return found ? [`${name}=${printed(service, found.shape, each)}`] : []
    })
    return type === 'map' ? `{${entries.join(', ')}}` : `${shapeName}(${entries.join(', ')})`
  }
  return String(value)
}
