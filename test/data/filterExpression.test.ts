import { deepEqual, doesNotThrow, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkFilter,
  filterFields,
  filterSubject,
  parseFilter,
  usesInteractions,
} from '../../src/data/filterExpression.ts'
import type { DatasetSchema } from '../../src/data/schema.ts'

type Field = DatasetSchema['fields'][number]
const field = (name: string, type: Field['type'], marks: Partial<Field> = {}): Field => ({
  name,
  type,
  nullable: true,
  categorical: false,
  textual: false,
  itemName: false,
  ...marks,
})

const datasets: DatasetSchema[] = [
  {
    datasetType: 'INTERACTIONS',
    fields: [field('EVENT_TYPE', 'string'), field('DEVICE', 'string')],
  },
  {
    datasetType: 'ITEMS',
    fields: [
      ...['GENRE', 'CATEGORY', 'CATEGORY_L1', 'CATEGORY_L2', 'ARTICLE_GENRE', 'OUT_OF_STOCK'].map(
        (name) => field(name, 'string', { categorical: true }),
      ),
      field('TITLE', 'string'),
      field('DESCRIPTION', 'string', { textual: true }),
      field('IS_NEW', 'boolean'),
      field('PRICE', 'float'),
      field('YEAR', 'int'),
      field('CREATION_TIMESTAMP', 'long'),
    ],
  },
  {
    datasetType: 'USERS',
    fields: [
      field('MEMBERSHIP_STATUS', 'string', { categorical: true }),
      field('country', 'string'),
      field('AGE', 'int'),
    ],
  },
  {
    datasetType: 'ACTIONS',
    fields: [field('LEVEL', 'string'), field('REPEAT_FREQUENCY', 'long')],
  },
  { datasetType: 'ACTION_INTERACTIONS', fields: [field('EVENT_TYPE', 'string')] },
]
const schemas = new Map(datasets.map((schema) => [schema.datasetType as string, schema]))
const check = (text: string) => checkFilter(parseFilter(text), schemas, { fieldsPerFilter: 3 })

const legal = `
EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "stream")
EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)
EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")
INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)
EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoe") AND Items.CATEGORY_L2 NOT IN ("boot")
INCLUDE ItemID WHERE Items.PRICE <= $PRICE
INCLUDE ItemID WHERE Items.PRICE = ($PRICE)
INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < $DATE
INCLUDE ItemID WHERE Items.YEAR >= $YEAR1 AND Items.YEAR < $YEAR2
INCLUDE ItemID WHERE Items.ARTICLE_GENRE IN ($G) AND Items.CREATION_TIMESTAMP > $CUTOFF | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")
EXCLUDE ItemID WHERE Items.out_of_stock IN ('yes')
INCLUDE ItemID WHERE Items.GENRE IN CurrentItem.GENRE
INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE
EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE
INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE > 18 AND CurrentUser.COUNTRY = "FR"
INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "stream")
EXCLUDE itemId WHERE INTERACTIONS.event_type in ("EVENT_TYPE")
INCLUDE UserID WHERE Users.MEMBERSHIP_STATUS IN ($MEMBERSHIP)
EXCLUDE UserID WHERE Users.AGE < -1.5 OR Users.AGE != 18
INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click, rating")
exclude UserId where users.country in ("England", "Japan購入")
INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ($EVENT_TYPE)
EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("NOT_TAKEN") | INCLUDE ActionID WHERE Actions.LEVEL IN ("a")
`

test('the legal filters of the developer guide are accepted', () => {
  for (const text of legal.trim().split('\n')) doesNotThrow(() => check(text), text)
})

const refused: [string, RegExp][] = [
  [
    'EXCLUDE ItemID WHERE Items.GENRE NOT IN ($GENRE)',
    /^Invalid input symbol: \$GENRE\. Placeholders are not allowed with NOT_IN operator\.$/,
  ],
  ['INCLUDE ItemID WHERE Items.DESCRIPTION IN ("x")', /DESCRIPTION is textual/],
  ['INCLUDE ItemID WHERE Items.IS_NEW = true', /^Invalid Expression: boolean/],
  [
    'INCLUDE ItemID WHERE Items.IS_NEW IN ("true")',
    /^Invalid Expression: Items\.IS_NEW is boolean/,
  ],
  [
    'INCLUDE ItemID WHERE Items.GENRE IN ("a") AND Interactions.EVENT_TYPE IN ("click")',
    /same dataset, not Items and Interactions.*pipe/,
  ],
  ['INCLUDE ItemID WHERE CurrentUser.AGE > 18', /only be used after IF/],
  [
    'INCLUDE ItemID WHERE Items.GENRE IN ("a") IF CurrentUser.AGE = 1 OR CurrentUser.AGE = 2',
    /only be joined with AND/,
  ],
  ['INCLUDE ItemID WHERE Interactions.DEVICE IN ("tv")', /only EVENT_TYPE/],
  ['EXCLUDE ItemID WHERE Items.GENRE IN ("*")', /"\*" can only/],
  ['EXCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("*")', /"\*" can only/],
  ['EXCLUDE ItemID WHERE Items.TITLE = "x"', /use IN/i],
  ['EXCLUDE ItemID WHERE Items.TITLE = $X', /TITLE is a string\. Use IN/],
  ['EXCLUDE ItemID WHERE Items.PRICE IN ("1")', /PRICE is a number/],
  ['EXCLUDE ItemID WHERE Items.PRICE < CurrentItem.GENRE', /both be numbers/],
  ['EXCLUDE ItemID WHERE Items.GENRE IN CurrentItem.NOPE', /no field NOPE/],
  ['EXCLUDE ItemID WHERE Items.GENRE IN ("a") IF CurrentUser.COUNTRY < "FR"', /compares numbers/],
  ['EXCLUDE ItemID WHERE Items.GENRE IN ("a") IF CurrentUser.AGE = "18"', /with a string/],
  ['EXCLUDE ItemID WHERE Items.NOPE IN ("a")', /no field NOPE/],
  ['EXCLUDE ItemID WHERE Things.NOPE IN ("a")', /Things is not a dataset/],
  ['EXCLUDE ItemID WHERE Users.AGE > 3', /ItemID can use Interactions or Items, not Users/],
  ['EXCLUDE UserID WHERE Items.GENRE IN ("a")', /UserID can use Interactions or Users/],
  ['EXCLUDE UserID WHERE Users.AGE > 3 IF CurrentUser.AGE > 3', /cannot have IF/],
  ['EXCLUDE UserID WHERE Users.AGE > CurrentItem.PRICE', /only be used in filters on ItemID/],
  ['EXCLUDE ActionID WHERE Actions.REPEAT_FREQUENCY > 3', /cannot be used/],
  ['EXCLUDE UserID WHERE Users.AGE > 3 | EXCLUDE ItemID WHERE Items.PRICE > 3', /same subject/],
]

test('what a filter may not do is refused with the reason', () => {
  for (const [text, message] of refused)
    throws(() => check(text), { code: 'InvalidInputException', message }, text)
})

test('a filter on a dataset that the group lacks is refused', () => {
  const filter = parseFilter('INCLUDE UserID WHERE Users.AGE > 3')
  throws(() => checkFilter(filter, new Map(), { fieldsPerFilter: 10 }), { message: /no Users/ })
})

test('more fields than the quota are refused, each counted once', () => {
  const three = 'EXCLUDE ItemID WHERE Items.PRICE > 1 AND Items.price < 3 AND Items.YEAR = 1'
  check(`${three} IF CurrentUser.AGE > 3`)
  throws(() => check(`${three} AND Items.GENRE IN ("a") IF CurrentUser.AGE > 3`), {
    code: 'LimitExceededException',
    message: /at most 3 .*uses 4: Items.GENRE, Items.PRICE, Items.YEAR, Users.AGE/,
  })
})

test('a syntax error tells where, what was found and what was expected', () => {
  const errors: [string, string][] = [
    ['', 'position 1: found its end, expected EXCLUDE or INCLUDE.'],
    [
      'INCLUDE UserID WHERE Users.AGE LIKE 3',
      'position 32: found "LIKE", expected IN, NOT IN or a comparison (=, !=, <, <=, >, >=).',
    ],
    [
      'INCLUDE UserID WHERE Users.AGE > 3 Users.AGE < 9',
      'position 36: found "Users", expected "|", AND, IF, OR or its end.',
    ],
    [
      'INCLUDE UserID WHERE (Users.AGE > 3)',
      'position 22: found "(", expected a field such as Users.AGE.',
    ],
    [
      'INCLUDE UserID WHERE Users.C IN ("a)',
      'position 34: found "\\"", expected a placeholder such as $NAME or a string in quotes.',
    ],
  ]
  for (const [text, message] of errors)
    throws(() => parseFilter(text), {
      code: 'InvalidInputException',
      message: `Invalid expression at ${message}`,
    })
})

test('AND binds tighter than OR, and quotes may be escaped', () => {
  const filter = parseFilter(
    String.raw`include userid where Users.A in ("\"q\"", 'it\'s', "C:\x|") or Users.B=1 and Users.B=02.50`,
  )
  const field = { dataset: 'Users', name: 'B' }
  deepEqual(filter.expressions[0]!.any, [
    [
      {
        field: { dataset: 'Users', name: 'A' },
        operator: 'IN',
        values: ['"q"', "it's", 'C:\\x|'].map((text) => ({ kind: 'string', text })),
      },
    ],
    [
      { field, operator: '=', values: [{ kind: 'number', text: '1' }] },
      { field, operator: '=', values: [{ kind: 'number', text: '02.50' }] },
    ],
  ])
})

test('subject, fields and use of interactions can be asked for', () => {
  const filter = parseFilter(
    'EXCLUDE userid WHERE users.age > 3 | INCLUDE UserID WHERE Interactions.event_type IN ("a")',
  )
  equal(filterSubject(filter), 'UserID')
  deepEqual(filterFields(filter), ['Interactions.EVENT_TYPE', 'Users.AGE'])
  equal(usesInteractions(filter), true)
  equal(usesInteractions(parseFilter('EXCLUDE UserID WHERE Users.AGE > 3')), false)
})
