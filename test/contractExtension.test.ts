// Protects: the hand-written types of our own operations are what their contract says.
import { equal, ok } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { operation, operationNames, type Shape, shape } from '../src/contract.ts'

const service = 'openpersonalize'
const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')
const { shapes } = JSON.parse(await read('../contract/openpersonalize.json')) as {
  shapes: Record<string, Shape & { exception?: boolean }>
}

test('each structure of the contract is a type, member for member, and nothing else is one', async () => {
  const structures = Object.entries(shapes).filter(
    ([, { type, exception }]) => type === 'structure' && !exception,
  )
  const text = await read('../src/operations/extension.ts')
  const own = text.slice(text.indexOf('export type', text.indexOf('export type Extension') + 1))
  equal(own, structures.map(([name, structure]) => typeText(name, structure)).join('\n'))
})

test('each operation of the contract has its input and output in the table', async () => {
  const text = await read('../src/operations/extension.ts')
  const ours = operationNames.map(operation).filter((each) => each.service === service)
  equal(ours.length, 4)
  for (const { name, input, output } of ours)
    ok(text.includes(`  ${name}: { input: ${input}; output: ${output} }\n`), name)
})

test('each shape of the contract is used', () => {
  const used = new Set(
    [...JSON.stringify(shapes).matchAll(/"shape":"(\w+)"/g)].map(([, name]) => name!),
  )
  for (const each of operationNames.map(operation).filter((found) => found.service === service))
    for (const name of [each.input!, each.output!, ...each.errors]) used.add(name)
  for (const name of Object.keys(shapes)) ok(used.has(name), `${name} is used by nothing`)
})

function typeText(name: string, { members = {}, required = [] }: Shape): string {
  const lines = Object.entries(members).map(
    ([member, { shape: of }]) =>
      `  ${member}${required.includes(member) ? '' : '?'}: ${typeOf(of)}\n`,
  )
  return `export type ${name} = {\n${lines.join('')}}\n`
}

function typeOf(name: string): string {
  const { type, member, value, enum: words } = shape(service, name)
  if (type === 'structure') return name
  if (type === 'list') return `${typeOf(member!.shape)}[]`
  if (type === 'map') return `Record<string, ${typeOf(value!.shape)}>`
  if (type === 'string') return words ? words.map((word) => `'${word}'`).join(' | ') : 'string'
  return type === 'boolean' ? 'boolean' : 'number'
}
