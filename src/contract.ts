import { readFileSync } from 'node:fs'

/** One shape of a service model, as botocore writes it. */
export type Shape = {
  readonly type:
    | 'structure'
    | 'list'
    | 'map'
    | 'string'
    | 'integer'
    | 'double'
    | 'float'
    | 'boolean'
    | 'timestamp'
  readonly required?: readonly string[]
  readonly members?: Readonly<Record<string, Reference>>
  readonly member?: Reference
  readonly key?: Reference
  readonly value?: Reference
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly sensitive?: boolean
  readonly error?: { readonly httpStatusCode: number }
}
type Reference = { readonly shape: string }

/** AWS's three services, and our own. */
const services = [
  'personalize',
  'personalize-events',
  'personalize-runtime',
  'openpersonalize',
] as const
export type Service = (typeof services)[number]
export type Protocol = 'awsJson' | 'restJson'

/**
 * What the contract says about one operation: how it is called, its
 * shapes, the error shapes it declares.
 */
export type OperationContract = {
  readonly name: string
  readonly service: Service
  readonly protocol: Protocol
  readonly method: string
  readonly path: string
  readonly target: string | undefined
  readonly input: string | undefined
  readonly output: string | undefined
  readonly errors: readonly string[]
}

type Model = {
  metadata: { protocol: string; targetPrefix?: string }
  operations: Record<
    string,
    {
      http: { method: string; requestUri: string }
      input?: Reference
      output?: Reference
      errors?: Reference[]
    }
  >
  shapes: Record<string, Shape>
}

const models = new Map<Service, Model>(services.map((service) => [service, read(service)]))
const contracts = new Map<string, OperationContract>(
  services.flatMap((service) => operationsOf(service).map((found) => [found.name, found])),
)

/** The names of all operations, those of AWS as AWS spells them. */
export const operationNames: readonly string[] = [...contracts.keys()]

/**
 * The operation of that name. Throws for a name that the contract lacks: that is a mistake of ours.
 */
export function operation(name: string): OperationContract {
  const found = contracts.get(name)
  if (!found) throw new Error(`The contract has no operation ${name}.`)
  return found
}

/** The shape of that name. Throws for a name that the contract lacks: that is a mistake of ours. */
export function shape(service: Service, name: string): Shape {
  const found = models.get(service)?.shapes[name]
  if (!found) throw new Error(`The contract of ${service} has no shape ${name}.`)
  return found
}

/** The HTTP status that a service's model gives an error, if it names one. Spec A.6. */
export const errorStatus = (service: Service, code: string): number | undefined =>
  models.get(service)?.shapes[code]?.error?.httpStatusCode

/**
 * An output as it goes into JSON: the output shape's members only, nested ones too, without undefined and null
 * (spec L.2.8), each Date as epoch seconds. Spec A.5.
 */
export function encode(name: string, output: object): object {
  const { service, output: shapeName } = operation(name)
  return shapeName ? (kept(output, service, shapeName) as object) : {}
}

function kept(value: unknown, service: Service, shapeName: string): unknown {
  const { type, members, member, value: entry } = shape(service, shapeName)
  switch (type) {
    case 'structure':
      return entriesKept(value as object, service, (name) =>
        members && Object.hasOwn(members, name) ? members[name] : undefined,
      )
    case 'map':
      return entriesKept(value as object, service, () => entry)
    case 'list':
      return (value as unknown[])
        .filter((element) => element !== undefined && element !== null)
        .map((element) => kept(element, service, member!.shape))
    case 'timestamp':
      // CLI 1 prints the number as it comes, so no more than three decimals. A stored time is ISO text.
      return new Date(value as string | Date).getTime() / 1000
    default:
      return value
  }
}

/** Object.fromEntries makes an own member even of `__proto__`, which assignment would not. */
function entriesKept(
  document: object,
  service: Service,
  reference: (name: string) => Reference | undefined,
): object {
  const entries: [string, unknown][] = []
  for (const [name, value] of Object.entries(document)) {
    const found = reference(name)
    if (found && value !== undefined && value !== null)
      entries.push([name, kept(value, service, found.shape)])
  }
  return Object.fromEntries(entries)
}

function read(service: Service): Model {
  const file = new URL(`../contract/${service}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as Model
}

function operationsOf(service: Service): OperationContract[] {
  const { metadata, operations } = models.get(service)!
  return Object.entries(operations).map(([name, { http, input, output, errors = [] }]) => ({
    name,
    service,
    protocol: metadata.protocol === 'json' ? 'awsJson' : 'restJson',
    method: http.method,
    path: http.requestUri,
    target: metadata.targetPrefix && `${metadata.targetPrefix}.${name}`,
    input: input?.shape,
    output: output?.shape,
    errors: errors.map((error) => error.shape),
  }))
}
