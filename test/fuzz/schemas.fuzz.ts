/** Any text is a dataset schema that the import can work with, or is refused. Spec E. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DatasetSchema, parseSchema, requireCompatible } from '../../src/data/schema.ts'
import { schemaTexts } from '../smallShop.ts'
import { fuzz } from './fuzz.ts'

const names = [
  'USER_ID',
  'ITEM_ID',
  'ACTION_ID',
  'TIMESTAMP',
  'EVENT_TYPE',
  'EVENT_VALUE',
  'CREATION_TIMESTAMP',
  'GENRES',
  'A',
  'a_',
  'file_row_number',
  '__proto__',
  'constructor',
  '1',
  '',
  'é',
]
const types = [
  'string',
  'int',
  'long',
  'float',
  'double',
  'boolean',
  'null',
  'bytes',
  'record',
  'constructor',
]
const type = fc.oneof(
  fc.constantFrom(...types),
  fc.array(fc.constantFrom(...types), { maxLength: 3 }),
  fc.constantFrom(
    { type: 'string' },
    { type: 'enum', name: 'E', symbols: ['A'] },
    { type: 'array', items: 'string' },
    ['null', ['string']],
  ),
)
const flag = fc.constantFrom(true, false, true, false, 'true', null)
const field = fc.record(
  {
    name: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...names) },
      { weight: 1, arbitrary: fc.string() },
    ),
    type,
    ...{ categorical: flag, textual: flag, itemName: flag, default: fc.constantFrom(null, 'x', 1) },
  },
  { requiredKeys: ['name', 'type'] },
)
const record = fc.record(
  {
    type: fc.constantFrom('record', 'record', 'record', 'enum', 'error'),
    name: fc.constantFrom(
      'Interactions',
      'Items',
      'Users',
      'Actions',
      'ActionInteractions',
      'action-interactions',
      'Cats',
    ),
    namespace: fc.constantFrom(
      'com.amazonaws.personalize.schema',
      'com.amazonaws.personalize.schema',
      'x',
    ),
    version: fc.constantFrom('1.0', '1.0', 1, '2'),
    fields: fc.array(field, { maxLength: 10 }),
  },
  { requiredKeys: ['type', 'name', 'namespace', 'version', 'fields'] },
)
const legal = fc.constantFrom(...Object.values(schemaTexts))
/** A legal schema with fields beside its own: most are legal too. */
const more = fc.tuple(legal, fc.array(field, { maxLength: 3 })).map(([text, fields]) => {
  const schema = JSON.parse(text)
  return JSON.stringify({ ...schema, fields: [...schema.fields, ...fields] })
})
const cut = fc
  .tuple(legal, fc.nat(), fc.nat(9), fc.string({ unit: 'binary', maxLength: 3 }))
  .map(([text, place, length, put]) => {
    const at = place % text.length
    return text.slice(0, at) + put + text.slice(at + length)
  })

test('any text is a schema or is refused', async (t) => {
  let read = 0
  await fuzz(t, 'schemas', {
    arbitrary: fc.tuple(
      fc.oneof(
        record.map((each) => JSON.stringify(each)),
        more,
        cut,
        fc.json(),
        fc.string({ unit: 'binary' }),
        fc.nat(5000).map((depth) => '['.repeat(depth)),
        fc.nat(5000).map((depth) => `{"type":${'['.repeat(depth)}${']'.repeat(depth)}}`),
      ),
      fc.constantFrom(undefined, 'ECOMMERCE', 'VIDEO_ON_DEMAND'),
    ),
    bytesOf: ([text]) => text.length,
    check([text, domain]) {
      let schema: DatasetSchema
      try {
        schema = parseSchema(text, domain)
      } catch (error) {
        const { code, message } = error as { code: string; message: string }
        equal(code, 'InvalidInputException', `${error}`)
        ok(message.length < 2000, message)
        return
      }
      read++
      const own = schema.fields.map(({ name }) => name)
      deepEqual(
        own,
        JSON.parse(text).fields.map(({ name }: { name: string }) => name),
      )
      equal(new Set(own.map((each) => each.toLowerCase())).size, own.length)
      for (const { name, type, categorical, textual } of schema.fields) {
        ok(/^[A-Za-z_]\w*$/.test(name), name)
        if (categorical || textual) equal(type, 'string')
      }
      if (['USERS', 'ITEMS'].includes(schema.datasetType)) requireCompatible(schema, schema)
    },
  })
  t.diagnostic(`${read} of them are schemas`)
  ok(read > 100)
})
