import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'

type Shape = {
  type: string
  required?: string[]
  members?: Record<string, { shape: string }>
  member?: { shape: string }
  value?: { shape: string }
}
type Model = {
  operations: Record<string, { output?: { shape: string } }>
  shapes: Record<string, Shape>
}

const models = ['personalize', 'personalize-events', 'personalize-runtime', 'openpersonalize'].map(
  (service): Model =>
    JSON.parse(readFileSync(new URL(`../contract/${service}.json`, import.meta.url), 'utf8')),
)

/** Asserts that a response body, parsed as plain JSON, is what the contract allows `operation` to answer. */
export function assertAnswer(operation: string, body: unknown): void {
  deepEqual(answerProblems(operation, body), [], `the answer of ${operation}`)
}

/**
 * What is wrong with a response body, each with its place: members the contract lacks, wrong types, missing required
 * ones, null, dates that are no epoch seconds of at most three decimals. Patterns are never checked: the model's own
 * contradict real answers. Written without the server's reader of the contract, so that the two check each other.
 */
export function answerProblems(operation: string, body: unknown): string[] {
  const model = models.find(({ operations }) => operation in operations)
  if (!model) return [`${operation} is no operation of the contract`]
  const output = model.operations[operation]?.output?.shape
  if (output) return [...problems(model.shapes, output, body, operation)]
  const empty = typeof body === 'object' && body !== null && Object.keys(body).length === 0
  return body === undefined || empty ? [] : [`${operation} answers nothing or {}`]
}

function* problems(
  shapes: Record<string, Shape>,
  name: string,
  value: unknown,
  place: string,
): Generator<string> {
  const shape = shapes[name]
  if (!shape) throw new Error(`The contract has no shape ${name}`)
  const fault = faultOf(shape.type, value)
  if (fault) yield `${place}: ${JSON.stringify(value)} is ${fault}`
  else if (shape.type === 'list')
    for (const [index, each] of (value as unknown[]).entries())
      yield* problems(shapes, shape.member!.shape, each, `${place}[${index}]`)
  else if (shape.type === 'map')
    for (const [key, each] of Object.entries(value as object))
      yield* problems(shapes, shape.value!.shape, each, `${place}[${key}]`)
  else if (shape.type === 'structure') {
    for (const member of shape.required ?? [])
      if (!Object.hasOwn(value as object, member)) yield `${place}: ${member} is missing`
    for (const [key, each] of Object.entries(value as object)) {
      const member = shape.members?.[key]
      if (member) yield* problems(shapes, member.shape, each, `${place}.${key}`)
      else yield `${place}: ${key} is no member of ${name}`
    }
  }
}

/** What keeps `value` from being of a type, without a look inside; undefined when nothing does. */
function faultOf(type: string, value: unknown): string | undefined {
  switch (type) {
    case 'structure':
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? undefined
        : 'no object'
    case 'list':
      return Array.isArray(value) ? undefined : 'no list'
    case 'string':
      return typeof value === 'string' ? undefined : 'no string'
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'no boolean'
    case 'integer':
    case 'long':
      return Number.isSafeInteger(value) ? undefined : 'no whole number'
    case 'double':
    case 'float':
      return Number.isFinite(value) ? undefined : 'no number'
    case 'timestamp':
      return isTimestamp(value) ? undefined : 'no date in epoch seconds of at most three decimals'
    default:
      throw new Error(`The contract has a new type ${type}`)
  }
}

/** Between the years 2001 and 2100: milliseconds would be far beyond. */
const isTimestamp = (value: unknown) =>
  typeof value === 'number' &&
  value > 1e9 &&
  value < 4.2e9 &&
  /^\d+(\.\d{1,3})?$/.test(String(value))
