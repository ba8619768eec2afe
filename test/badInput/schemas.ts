import { schemaText } from '../smallShop.ts'
import { arn, type Case, interactionsSchema } from './shop.ts'

const invalid = 'InvalidInputException'
const notFound = 'ResourceNotFoundException'
const inUse = 'ResourceInUseException'
const taken = 'ResourceAlreadyExistsException'

const schema = (text: string, more: object = {}) => ({ name: 'wrong', schema: text, ...more })
const items = (...fields: object[]) =>
  schemaText('Items', [{ name: 'ITEM_ID', type: 'string' }, ...fields])

/** What is wrong with schemas. */
export const schemaCases: Case[] = [
  [
    'no name',
    'CreateSchema',
    { schema: '{}' },
    invalid,
    /Value null at 'name' .* must not be null/,
  ],
  ['a blank in a name', 'CreateSchema', { name: 'a b', schema: '{}' }, invalid, /'a b' at 'name'/],
  [
    'a name too long',
    'CreateSchema',
    { name: 'n'.repeat(64), schema: '{}' },
    invalid,
    /length less than or equal to 63/,
  ],
  [
    'two things at once',
    'CreateSchema',
    { name: '' },
    invalid,
    /^3 validation errors detected: .*'name'.*'schema'/,
  ],
  [
    'a schema too long',
    'CreateSchema',
    schema('x'.repeat(20_001)),
    invalid,
    /at 'schema' .*length less than or equal to 20000/,
  ],
  ['no domain of AWS', 'CreateSchema', schema('{}', { domain: 'BOOKS' }), invalid, /ECOMMERCE/],
  ['no JSON', 'CreateSchema', schema('{"type": '), invalid, /JSON/],
  ['a JSON list', 'CreateSchema', schema('[]'), invalid, /must be a JSON object/],
  ['no record', 'CreateSchema', schema('{"type":"enum","name":"A"}'), invalid, /record/],
  ['no fields', 'CreateSchema', schema(schemaText('Users', [])), invalid, /field/],
  [
    'a name that no dataset type has',
    'CreateSchema',
    schema(schemaText('Sales', [{ name: 'USER_ID', type: 'string' }])),
    invalid,
    /Sales/,
  ],
  [
    'no TIMESTAMP',
    'CreateSchema',
    schema(
      schemaText('Interactions', [
        { name: 'USER_ID', type: 'string' },
        { name: 'ITEM_ID', type: 'string' },
      ]),
    ),
    invalid,
    /TIMESTAMP/,
  ],
  [
    'a time that is text',
    'CreateSchema',
    schema(
      schemaText('Interactions', [
        { name: 'USER_ID', type: 'string' },
        { name: 'ITEM_ID', type: 'string' },
        { name: 'TIMESTAMP', type: 'string' },
      ]),
    ),
    invalid,
    /TIMESTAMP.*long/,
  ],
  [
    'a field twice',
    'CreateSchema',
    schema(interactionsSchema({ name: 'USER_ID', type: 'string' })),
    invalid,
    /USER_ID/,
  ],
  [
    'a type that Personalize lacks',
    'CreateSchema',
    schema(interactionsSchema({ name: 'PAYLOAD', type: 'bytes' })),
    invalid,
    /PAYLOAD.*bytes|bytes.*PAYLOAD/,
  ],
  [
    'six metadata fields for Interactions',
    'CreateSchema',
    schema(interactionsSchema(...[...'ABCDEF'].map((name) => ({ name, type: 'int' })))),
    invalid,
    /5/,
  ],
  ['Items without metadata', 'CreateSchema', schema(items()), invalid, /metadata/],
  [
    'a text that is categorical too',
    'CreateSchema',
    schema(items({ name: 'WORDS', type: 'string', categorical: true, textual: true })),
    invalid,
    /WORDS/,
  ],
  [
    'a number that is textual',
    'CreateSchema',
    schema(items({ name: 'PRICE', type: 'float', textual: true })),
    invalid,
    /PRICE/,
  ],
  [
    'interactions of a domain without EVENT_TYPE',
    'CreateSchema',
    schema(interactionsSchema(), { domain: 'ECOMMERCE' }),
    invalid,
    /EVENT_TYPE/,
  ],
  [
    'a name that is taken',
    'CreateSchema',
    { name: 'shop-Interactions', schema: interactionsSchema() },
    taken,
    `Another resource with Arn ${arn('schema', 'shop-Interactions')} already exists.`,
  ],
  ['no ARN', 'DescribeSchema', { schemaArn: 'shop' }, invalid, /'shop' at 'schemaArn'/],
  [
    'an unknown schema',
    'DescribeSchema',
    { schemaArn: arn('schema', 'nope') },
    notFound,
    `Resource Arn ${arn('schema', 'nope')} does not exist.`,
  ],
  [
    'the ARN of another noun',
    'DescribeSchema',
    { schemaArn: arn('dataset-group', 'shop') },
    notFound,
    /dataset-group\/shop does not exist/,
  ],
  [
    'the ARN of another account',
    'DescribeSchema',
    { schemaArn: arn('schema', 'shop-Interactions').replace('123456789012', '210987654321') },
    notFound,
    /210987654321:schema\/shop-Interactions does not exist/,
  ],
  [
    'the ARN of another region',
    'DescribeSchema',
    { schemaArn: arn('schema', 'shop-Interactions').replace('us-east-1', 'eu-west-1') },
    notFound,
    /eu-west-1:123456789012:schema\/shop-Interactions does not exist/,
  ],
  [
    'a schema in use',
    'DeleteSchema',
    { schemaArn: arn('schema', 'shop-Items') },
    inUse,
    /in use by the dataset .*dataset\/shop\/ITEMS/,
  ],
  ['an unknown schema', 'DeleteSchema', { schemaArn: arn('schema', 'nope') }, notFound, /nope/],
]
