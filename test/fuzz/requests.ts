import { readFileSync } from 'node:fs'
import type { Wanted } from '../wireServer.ts'

export type Shape = {
  type: string
  required?: string[]
  members?: Record<string, { shape: string }>
  member?: { shape: string }
  key?: { shape: string }
  value?: { shape: string }
  min?: number
  max?: number
  pattern?: string
  enum?: string[]
}
export type Model = {
  metadata: { targetPrefix?: string }
  operations: Record<
    string,
    { http: { method: string; requestUri: string }; input?: { shape: string } }
  >
  shapes: Record<string, Shape>
}

/** The contract, read without the server's reader, so that the two check each other. */
export const models: Model[] = [
  'personalize',
  'personalize-events',
  'personalize-runtime',
  'openpersonalize',
].map((service) =>
  JSON.parse(readFileSync(new URL(`../../contract/${service}.json`, import.meta.url), 'utf8')),
)

export type Operation = { name: string; model: Model; input: string }

/** The 79 operations of AWS, then our own. */
export const operations: Operation[] = models.flatMap((model) =>
  Object.entries(model.operations).map(([name, { input }]) => ({
    ...{ name, model, input: input!.shape },
  })),
)

/** The operation of that name. */
export const operationOf = (name: string) => operations.find((each) => each.name === name)!

export const isOurs = ({ model }: Operation) => model === models.at(-1)

/** How a request for an operation is sent. */
export function wanted({ name, model }: Operation, body: Wanted['body']): Wanted {
  const { targetPrefix } = model.metadata
  const { method, requestUri } = model.operations[name]!.http
  return targetPrefix
    ? { target: `${targetPrefix}.${name}`, body: body! }
    : { method, path: requestUri, body: body! }
}

export const matches = ({ pattern }: Shape, text: string) =>
  pattern === undefined || new RegExp(`^(?:${pattern})$`, 'u').test(text)

/** Texts of which each pattern of the contract has one. */
export const texts = [
  'name',
  'NAME',
  'x',
  '1',
  'true',
  'arn:aws:personalize:us-east-1:123456789012:solution/name',
  'arn:aws:iam::123456789012:role/name',
  'arn:aws:kms:us-east-1:123456789012:key/name',
  's3://bucket/key',
  'rate(2 days)',
  'SUM(Items.PRICE)',
  '{"a": "b"}',
]

/** A value that a shape allows: its required members only. */
export function valid(model: Model, name: string): unknown {
  const shape = model.shapes[name]!
  const { type, min = 0 } = shape
  if (type === 'structure') {
    const members = (shape.required ?? []).map((member) => [
      member,
      valid(model, shape.members![member]!.shape),
    ])
    return Object.fromEntries(members)
  }
  if (type === 'list')
    return Array.from({ length: Math.max(1, min) }, () => valid(model, shape.member!.shape))
  if (type === 'map')
    return { [String(valid(model, shape.key!.shape))]: valid(model, shape.value!.shape) }
  if (type === 'boolean') return true
  if (type !== 'string') return Math.max(min, Math.min(1, shape.max ?? 1))
  if (shape.enum) return shape.enum[0]
  const text = texts.find(
    (each) => each.length >= min && each.length <= (shape.max ?? Infinity) && matches(shape, each),
  )
  if (text === undefined) throw new Error(`${name} needs a text of its own: ${shape.pattern}`)
  return text
}
