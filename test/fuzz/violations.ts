import { type Model, matches, type Operation, type Shape, valid } from './requests.ts'

/** One input that breaks one constraint, or has one JSON type that a member cannot have. */
export type Violation = {
  operation: Operation
  /** What is broken, as a test is called. */
  what: string
  input: unknown
  exception: 'InvalidInputException' | 'SerializationException'
  /** What the message must hold. */
  says: string
}

/** A place in an input, and how an input is made that has a value there. */
type Place = {
  operation: Operation
  shape: string
  path: string
  /** How messages name it: inside a map they name the map. */
  said: string
  inMap: boolean
  build: (value: unknown) => unknown
}

/** Every constraint of an operation's input, broken once. */
export function* violations(operation: Operation): Generator<Violation> {
  const build = (value: unknown) => value
  const place = { operation, shape: operation.input, path: '', said: '', inMap: false, build }
  yield* below(place, operation.model.shapes[operation.input]!)
}

function* below(place: Place, shape: Shape): Generator<Violation> {
  const { model } = place.operation
  if (shape.type === 'structure') yield* members(place, shape)
  if (shape.type === 'list')
    yield* at({
      ...place,
      shape: shape.member!.shape,
      path: `${place.path}.1.member`,
      said: place.inMap ? place.said : `${place.said}.1.member`,
      build: (value) => {
        const rest = Array.from({ length: (shape.min ?? 1) - 1 }, () =>
          valid(model, shape.member!.shape),
        )
        return place.build([value, ...rest])
      },
    })
  if (shape.type === 'map') yield* entries(place, shape, model)
}

function* members(place: Place, { members = {}, required = [] }: Shape): Generator<Violation> {
  const { model } = place.operation
  const whole = valid(model, place.shape) as object
  for (const [name, { shape }] of Object.entries(members)) {
    const member: Place = {
      ...place,
      shape,
      path: place.path ? `${place.path}.${name}` : name,
      said: place.inMap ? place.said : place.said ? `${place.said}.${name}` : name,
      build: (value) => place.build({ ...whole, [name]: value }),
    }
    if (required.includes(name))
      for (const [how, value] of [
        ['missing', undefined],
        ['null', null],
      ] as const)
        yield broken(member, how, value, 'Member must not be null')
    yield* at(member)
  }
}

function* entries(place: Place, shape: Shape, model: Model): Generator<Violation> {
  const [key, value] = Object.entries(valid(model, place.shape) as object)[0]!
  const inside = { ...place, inMap: true }
  const keyPlace: Place = {
    ...inside,
    shape: shape.key!.shape,
    path: `${place.path}.key`,
    build: (name) => place.build({ [name as string]: value }),
  }
  yield* constraints(keyPlace, model.shapes[shape.key!.shape]!)
  yield* at({
    ...inside,
    shape: shape.value!.shape,
    path: `${place.path}.value`,
    build: (each) => place.build({ [key]: each }),
  })
}

function* at(place: Place): Generator<Violation> {
  const shape = place.operation.model.shapes[place.shape]!
  yield* constraints(place, shape)
  for (const value of wrongTypes(shape.type)) {
    const what = `${place.path} with ${JSON.stringify(value)}`
    yield {
      ...{ operation: place.operation, what, input: place.build(value) },
      ...{ exception: 'SerializationException', says: '' },
    }
  }
  yield* below(place, shape)
}

function* constraints(place: Place, shape: Shape): Generator<Violation> {
  const { type, min, max } = shape
  const isNumber = !['string', 'list', 'map', 'structure', 'boolean', 'timestamp'].includes(type)
  const measure = isNumber ? 'value' : 'length'
  const sized = (size: number) => (isNumber ? size : ofSize(place.operation.model, shape, size))
  if (min !== undefined && (isNumber || min > 0)) {
    const text = `Member must have ${measure} greater than or equal to ${min}`
    yield broken(place, `below ${min}`, sized(min - 1), text)
  }
  if (max !== undefined) {
    const text = `Member must have ${measure} less than or equal to ${max}`
    yield broken(place, `above ${max}`, sized(max + 1), text)
  }
  if (shape.pattern !== undefined)
    for (const value of mismatches(shape)) {
      const text = `Member must satisfy regular expression pattern: ${shape.pattern}`
      yield broken(place, `not of the pattern, ${JSON.stringify(value)}`, value, text)
    }
  if (shape.enum) {
    const text = `Member must satisfy enum value set: [${shape.enum.join(', ')}]`
    for (const value of ['COFFEE', shape.enum[0]!.toLowerCase(), ''])
      if (!shape.enum.includes(value))
        yield broken(place, `not of the set, '${value}'`, value, text)
  }
}

function broken(place: Place, how: string, value: unknown, constraint: string): Violation {
  const { operation, path, said, inMap, build } = place
  const failed = `at '${said}' failed to satisfy constraint: `
  return {
    ...{ operation, what: `${path} ${how}`, input: build(value) },
    ...{ exception: 'InvalidInputException', says: inMap ? `${failed}Map ` : failed + constraint },
  }
}

/** A text that is too long may break the pattern too: no other is there for some. */
function ofSize(model: Model, shape: Shape, size: number): unknown {
  if (shape.type === 'list')
    return Array.from({ length: size }, () => valid(model, shape.member!.shape))
  if (shape.type === 'map')
    return Object.fromEntries(
      Array.from({ length: size }, (_, n) => [`k${n}`, valid(model, shape.value!.shape)]),
    )
  return 'x'.repeat(size)
}

/** Texts of a legal length that a pattern does not match. */
function mismatches(shape: Shape): string[] {
  const { min = 0, max = Infinity } = shape
  return ['§', ' ', 'arn:aws:s3:::', 'name\n', '-*-']
    .filter((text) => text.length >= min && text.length <= max && !matches(shape, text))
    .slice(0, 2)
}

/** Values of JSON types that members of a type cannot have. */
function wrongTypes(type: string): unknown[] {
  if (type === 'string') return [7]
  if (type === 'boolean') return ['true']
  if (type === 'list') return ['x']
  if (type === 'map' || type === 'structure') return ['x']
  return ['1']
}
