import { type Service, type Shape, shape } from '../contract.ts'

/** One rule of a shape: what AWS says when it is broken, and whether a value keeps it. */
export type Constraint = { text: string; holds: (value: unknown) => boolean }

const known = new Map<string, Constraint[]>()

/** The constraints of a shape, in the order in which a message names them. Texts: spec J.2. */
export function constraintsOf(service: Service, shapeName: string): Constraint[] {
  const key = `${service} ${shapeName}`
  const found = known.get(key) ?? build(shape(service, shapeName))
  known.set(key, found)
  return found
}

/**
 * The constraints of a map's keys or values. A list's elements have a path of their
 * own elsewhere; inside a map they have none, so what its elements must satisfy
 * becomes one constraint of the list.
 */
export function entryConstraints(service: Service, shapeName: string): Constraint[] {
  const own = constraintsOf(service, shapeName)
  const { member } = shape(service, shapeName)
  const elements = member ? constraintsOf(service, member.shape) : []
  if (elements.length === 0) return own
  return [
    ...own,
    {
      text: `Member must satisfy constraint: ${described(elements)}`,
      holds: (list) =>
        (list as unknown[]).every((element) => elements.every(({ holds }) => holds(element))),
    },
  ]
}

/**
 * What all values of a shape must satisfy, as messages about the keys and values of a map list it.
 */
export const described = (constraints: readonly Constraint[]) =>
  `[${constraints.map(({ text }) => text).join(', ')}]`

/** A Java pattern as JavaScript runs it: AWS applies patterns as full matches. */
export const compiled = (pattern: string) => new RegExp(`^(?:${linear[pattern] ?? pattern})$`, 'u')

/**
 * Patterns whose own form costs cubic time on a hostile value (0.6 s for 1,024 characters), each
 * with a linear one for the same language.
 */
const linear: Record<string, string> = {
  '^[\\x20-\\x7E]*[\\x21-\\x7E]+[\\x20-\\x7E]*$': '\\x20*[\\x21-\\x7E][\\x20-\\x7E]*',
}

function build({ type, min, max, ...rules }: Shape): Constraint[] {
  const isNumber = type === 'integer' || type === 'double' || type === 'float'
  const measure = isNumber ? 'value' : 'length'
  const size = isNumber ? Number : sizeOf
  const constraints: Constraint[] = []
  if (min !== undefined)
    constraints.push({
      text: `Member must have ${measure} greater than or equal to ${min}`,
      holds: (value) => size(value) >= min,
    })
  if (max !== undefined)
    constraints.push({
      text: `Member must have ${measure} less than or equal to ${max}`,
      holds: (value) => size(value) <= max,
    })
  if (rules.pattern !== undefined) {
    const pattern = compiled(rules.pattern)
    // A value that is too long anyway is not matched: the time that a pattern takes stays bounded.
    constraints.push({
      text: `Member must satisfy regular expression pattern: ${rules.pattern}`,
      holds: (value) => sizeOf(value) > (max ?? Infinity) || pattern.test(value as string),
    })
  }
  if (rules.enum)
    constraints.push({
      text: `Member must satisfy enum value set: [${rules.enum.join(', ')}]`,
      holds: (value) => rules.enum!.includes(value as string),
    })
  return constraints
}

/** Characters of a string (a surrogate pair is one), elements of a list, entries of a map. */
function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length
  if (typeof value === 'object') return Object.keys(value as object).length
  let count = 0
  for (const _ of value as string) count++
  return count
}
