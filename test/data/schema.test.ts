import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import {
  columnType,
  type Domain,
  datasetTypeOf,
  parseSchema,
  requireCompatible,
} from '../../src/data/schema.ts'

type Json = Record<string, unknown>
const field = (name: string, type: unknown = 'string', more: Json = {}) => ({ name, type, ...more })
const schema = (name: string, fields: unknown[], more: Json = {}) =>
  JSON.stringify({
    type: 'record',
    name,
    namespace: 'com.amazonaws.personalize.schema',
    version: '1.0',
    fields,
    ...more,
  })

const category = { categorical: true }
const textual = { textual: true }
const user = field('USER_ID')
const item = field('ITEM_ID')
const time = field('TIMESTAMP', 'long')
const events = [user, item, time]

const interactions = schema('Interactions', [
  ...events,
  field('EVENT_TYPE'),
  field('EVENT_VALUE', ['float', 'null']),
  field('IMPRESSION', ['string', 'null']),
  field('RECOMMENDATION_ID', ['string', 'null']),
  field('EVENT_ATTRIBUTION_SOURCE', ['string', 'null']),
  field('DEVICE', ['string', 'null'], category),
])
const items = schema('Items', [
  item,
  field('GENRES', ['null', 'string'], category),
  field('PRICE', ['null', 'float']),
  field('DESCRIPTION', ['null', 'string'], textual),
  field('CREATION_TIMESTAMP', 'long'),
])

/** The message of the InvalidInputException that the schema gets. */
function refused(text: string, message: RegExp, domain?: Domain) {
  throws(() => parseSchema(text, domain), { code: 'InvalidInputException', message })
}

test('schemas that AWS accepts are accepted', () => {
  // Spec E.9 and clients 15.
  const legal: [string, Domain?][] = [
    [interactions],
    [items],
    [
      schema('Users', [
        user,
        field('AGE', 'int'),
        field('MEMBERSHIP', 'string', category),
        field('NICKNAME', ['null', 'string']),
      ]),
    ],
    [
      schema('Actions', [
        field('ACTION_ID'),
        field('VALUE', ['null', 'long']),
        field('MEMBERSHIP_LEVEL', ['null', 'string'], category),
        field('CREATION_TIMESTAMP', 'long'),
        field('REPEAT_FREQUENCY', ['null', 'long']),
        field('EXPIRATION_TIMESTAMP', ['null', 'long']),
      ]),
    ],
    [schema('ActionInteractions', [user, field('ACTION_ID'), field('EVENT_TYPE'), time])],
    [schema('Items', [item, field('DESCRIPTION', 'string', textual)], { version: 1 })],
    [schema('Items', [item, field('TITLE', 'string', { itemName: true, doc: 'kept' })])],
    // The airline notebook: camelCase names, EVENT_TYPE before EVENT_VALUE.
    [
      schema('Interactions', [
        item,
        user,
        time,
        field('CABIN_TYPE', 'string', category),
        field('EVENT_TYPE'),
        field('EVENT_VALUE', 'float'),
      ]),
    ],
    [schema('Users', [user, field('memberClass', 'string', category)])],
    [
      schema('Items', [
        item,
        ...['DSTCity', 'SRCCity', 'Airline', 'Season', 'Promotion', 'Expired'].map((name) =>
          field(name, 'string', category),
        ),
        field('DurationDays', 'int'),
        field('DynamicPrice', 'int'),
        field('numberOfSearchByUser', 'int'),
        field('DiscountForMember', 'float'),
      ]),
    ],
    // The default schemas of the domains, spec E.4 and E.5.
    [schema('Interactions', [user, item, field('EVENT_TYPE'), time]), 'VIDEO_ON_DEMAND'],
    [schema('Users', [user, field('SUBSCRIPTION_MODEL', 'string', category)]), 'VIDEO_ON_DEMAND'],
    [
      schema('Items', [
        item,
        field('GENRES_L1', ['string'], category),
        field('CREATION_TIMESTAMP', 'long'),
      ]),
      'VIDEO_ON_DEMAND',
    ],
    [schema('Interactions', [user, item, field('EVENT_TYPE'), time]), 'ECOMMERCE'],
    [schema('Users', [user, field('MEMBERSHIP_STATUS', 'string', category)]), 'ECOMMERCE'],
    [
      schema('Items', [item, field('PRICE', 'float'), field('CATEGORY_L1', ['string'], category)]),
      'ECOMMERCE',
    ],
  ]
  for (const [text, domain] of legal) parseSchema(text, domain)
})

test('a parsed schema keeps the order and says what each column is', () => {
  const parsed = parseSchema(items)
  equal(parsed.datasetType, 'ITEMS')
  deepEqual(
    parsed.fields.map(({ name }) => name),
    ['ITEM_ID', 'GENRES', 'PRICE', 'DESCRIPTION', 'CREATION_TIMESTAMP'],
  )
  deepEqual(parsed.fields.map(columnType), ['VARCHAR', 'VARCHAR', 'FLOAT', 'VARCHAR', 'BIGINT'])
  deepEqual(parsed.fields[1], {
    name: 'GENRES',
    type: 'string',
    nullable: true,
    categorical: true,
    textual: false,
    itemName: false,
  })
})

test('a schema that breaks a rule is refused with the field and what would be right', () => {
  const wrong: [string, RegExp, Domain?][] = [
    ['{', /not JSON/],
    ['[]', /must be a JSON object/],
    [schema('Interactions', events, { type: 'map' }), /type is "map"; it must be "record"/],
    [
      schema('Interactions', events, { namespace: 'x' }),
      /namespace is "x"; it must be "com.amazonaws/,
    ],
    [schema('Interactions', events, { version: '2.0' }), /version is "2.0"; it must be "1.0"/],
    [schema('Interactions', events, { version: undefined }), /version is missing/],
    [schema('Events', events), /name is "Events"; it must be one of Interactions/],
    [schema('Interactions', []), /at least one field/],
    [schema('Interactions', events, { fields: {} }), /at least one field/],
    [schema('Interactions', [...events, 'X']), /field "X" must be an object/],
    [
      schema('Interactions', [...events, field('X', { type: 'array', items: 'string' })]),
      /field X has the type .*array/,
    ],
    [
      schema('Interactions', [...events, field('X', ['null', 'int', 'string'])]),
      /field X has the type/,
    ],
    [schema('Interactions', [...events, field('X', 'null')]), /field X has the type "null"/],
    [
      schema('Interactions', [...events, field('X', 'bytes')]),
      /field X has the type "bytes"; it must be one of string/,
    ],
    [
      schema('Interactions', [...events, field('X', 'constructor')]),
      /field X has the type "constructor"/,
    ],
    [schema('Interactions', [...events, field('X-Y')]), /not legal Avro: .*X-Y/],
    [schema('Interactions', [...events, field('X', 'int', { default: 'a' })]), /not legal Avro/],
    [schema('Interactions', [...events, field('File_Index')]), /File_Index is reserved here/],
    [
      schema('Interactions', [...events, field('A_B'), field('ab')]),
      /A_B and ab have the same letters/,
    ],
    [schema('Interactions', [user, item]), /lacks the field TIMESTAMP/],
    [
      schema('Interactions', [user, item, field('TIMESTAMP')]),
      /TIMESTAMP has the type string; it must be long/,
    ],
    [
      schema('Interactions', [field('USER_ID', ['null', 'string']), item, time]),
      /USER_ID allows null/,
    ],
    [
      schema('Interactions', [...events, field('EVENT_TYPE', 'string', category)]),
      /EVENT_TYPE is categorical; it must not/,
    ],
    [
      schema('Interactions', [user, item, field('TIMESTAMP', 'long', category)]),
      /TIMESTAMP is categorical but has the type long/,
    ],
    [
      schema('Interactions', [...events, field('X', 'string', textual)]),
      /X is textual; only fields of Items/,
    ],
    [
      schema('Interactions', [...events, field('X', 'string', { categorical: 'yes' })]),
      /X has categorical "yes"/,
    ],
    [
      schema('Interactions', [...events, ...'abcdef'.split('').map((name) => field(name))]),
      /6 metadata fields; at most 5/,
    ],
    [
      schema('Items', [item, field('A', 'string', textual), field('B', 'string', textual)]),
      /A, B are textual; at most one/,
    ],
    [
      schema('Items', [item, field('A', 'string', { ...textual, ...category })]),
      /A is categorical and textual/,
    ],
    [schema('Items', [item, field('CREATION_TIMESTAMP', 'long')]), /no metadata field/],
    [schema('Users', [user]), /no metadata field/],
    [schema('Items', [item, field('PRICE', 'float')]), /lacks the field CATEGORY_L1/, 'ECOMMERCE'],
    [
      schema('Items', [item, field('PRICE', 'float'), field('CATEGORY_L1')]),
      /CATEGORY_L1 must have "categorical": true/,
      'ECOMMERCE',
    ],
    [
      schema('Items', [item, field('CREATION_TIMESTAMP', 'long')]),
      /GENRES or GENRES_L1/,
      'VIDEO_ON_DEMAND',
    ],
    [schema('Interactions', events), /lacks the field EVENT_TYPE/, 'ECOMMERCE'],
    [
      schema('Actions', [field('ACTION_ID'), field('X', 'int')]),
      /domain ECOMMERCE has no ACTIONS/,
      'ECOMMERCE',
    ],
  ]
  for (const [text, message, domain] of wrong) refused(text, message, domain)
})

test('a dataset type is accepted in any case and given in upper case', () => {
  equal(datasetTypeOf('Interactions'), 'INTERACTIONS')
  equal(datasetTypeOf('items'), 'ITEMS')
  equal(datasetTypeOf('Action_Interactions'), 'ACTION_INTERACTIONS')
  throws(() => datasetTypeOf('Events'), {
    code: 'InvalidInputException',
    message: /'Events' is not a dataset type/,
  })
})

test('a replaced schema keeps every field and adds only fields that allow null', () => {
  const before = parseSchema(schema('Users', [user, field('AGE', 'int')]))
  const after =
    (...fields: unknown[]) =>
    () =>
      requireCompatible(before, parseSchema(schema('Users', fields)))
  after(field('CITY', ['null', 'string'], category), field('AGE', 'int'), user)()
  throws(after(user, field('AGE', 'long')), /changes the field AGE/)
  throws(after(user, field('CITY', ['null', 'string'])), /lacks the field AGE/)
  throws(after(user, field('AGE', 'int'), field('CITY')), /CITY does not allow null/)
  throws(() => requireCompatible(before, parseSchema(items)), /is for ITEMS; it must be for USERS/)
  const log = parseSchema(interactions)
  throws(() => requireCompatible(log, log), /type INTERACTIONS cannot be replaced/)
})
