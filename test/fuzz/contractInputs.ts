import fc from 'fast-check'
import { operations as built } from '../../src/operations/index.ts'
import { type Model, operations, type Shape, texts, valid } from './requests.ts'

/** What inputs may name: ARNs and names of resources that are there, and texts of members that are read. */
export type Known = {
  arns: string[]
  /** Those that may be deleted. */
  spare: string[]
  names: string[]
  texts: string[]
}

/** An operation's name and its input. */
export type ContractRequest = [name: string, input: unknown]

/**
 * Requests for all operations, most for those that are built: inputs are nearly right, with known names, odd texts, and
 * values beside the limits.
 */
export function contractRequests(known: Known): fc.Arbitrary<ContractRequest> {
  const usual = generator(known, known.arns)
  const deleting = generator(known, known.spare)
  const often = operations.filter(({ name }) => Object.hasOwn(built, name))
  return fc
    .constantFrom(...operations, ...often, ...often)
    .chain(({ name, model, input }) =>
      fc.tuple(fc.constant(name), (name.startsWith('Delete') ? deleting : usual)(model, input, '')),
    )
}

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\ud800',
    '__proto__',
    '../..',
    '%2e%2e',
    "'; --",
    '"',
    '\\',
    '1e400',
  ),
)
const junk = fc.oneof(
  { weight: 3, arbitrary: fc.json().map((text) => JSON.parse(text)) },
  { weight: 1, arbitrary: odd },
)

/** Values of a shape of the contract; `key` is the member that has it. */
type Generator = (model: Model, shape: string, key: string) => fc.Arbitrary<unknown>

function generator(known: Known, arns: string[]): Generator {
  const words = [...known.names, ...known.texts, ...texts]
  const member: Generator = (model, name, key) =>
    fc.oneof({ weight: 150, arbitrary: value(model, name, key) }, { weight: 1, arbitrary: junk })
  const value: Generator = (model, name, key) => {
    const shape = model.shapes[name]!
    if (shape.type === 'string') {
      const fitting = arns.filter((arn) => arn.split(/[:/]/).includes(nounOf(key)))
      const pool = /arn/i.test(name) ? arns : words
      return text(shape, fitting.length > 0 ? fitting : pool, [...pool, String(valid(model, name))])
    }
    if (shape.type === 'boolean') return fc.boolean()
    if (shape.type === 'list')
      return fc.array(member(model, shape.member!.shape, key), { maxLength: 4 })
    if (shape.type === 'map') {
      const keys = value(model, shape.key!.shape, '').map(String)
      return fc.dictionary(keys, member(model, shape.value!.shape, ''), { maxKeys: 4 })
    }
    if (shape.type !== 'structure') return number(shape)
    const members = Object.entries(shape.members ?? {}).map(([key, { shape: of }]) => {
      const freq = shape.required?.includes(key) ? 100 : 1
      return [key, fc.option(member(model, of, key), { freq, nil: undefined })]
    })
    return fc.record(Object.fromEntries(members))
  }
  return value
}

function text(shape: Shape, fitting: string[], others: string[]): fc.Arbitrary<string> {
  const { min = 0, max = 1000 } = shape
  const sizes = [min, min + 1, max - 1, max, max + 1].filter((size) => size >= 0 && size < 25_000)
  const sized = fc
    .tuple(fc.constantFrom('a', '𝒜', '0', '('), fc.constantFrom(...sizes))
    .map(([unit, count]) => unit.repeat(count))
  return fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...(shape.enum ?? fitting)) },
    { weight: 5, arbitrary: fc.constantFrom(...others) },
    { weight: 1, arbitrary: odd },
    { weight: 1, arbitrary: sized },
  )
}

function number({ type, min = -5, max = 5 }: Shape): fc.Arbitrary<number> {
  const near = fc.constantFrom(min - 1, min, min + 1, max - 1, max, max + 1, 0, 2 ** 31, -1)
  return type === 'integer' ? near : fc.oneof(near, fc.double({ noNaN: true }))
}

/** `datasetGroupArn` -> `dataset-group` */
const nounOf = (key: string) =>
  key.replace(/Arn$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
