import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import {
  isBlank,
  LineError,
  lineInput,
  parseQueryLine,
  requireQuery,
} from '../../src/data/queryLine.ts'

test('an item line is read, echoed with blanks between its parts', () => {
  const line = parseQueryLine('{"itemId":"B00","filterValues":{"M":"\\"gold\\",\\"silver\\""}}')
  equal(line.itemId, 'B00')
  deepEqual({ ...line.filterValues }, { M: '"gold","silver"' })
  equal(line.input, '{"itemId": "B00", "filterValues": {"M": "\\"gold\\",\\"silver\\""}}')
})

test('a 64-bit item id written as a number keeps its digits', () => {
  const line = parseQueryLine('{"itemId": -2996180203100007228}')
  equal(line.itemId, '-2996180203100007228')
  equal(line.input, '{"itemId": -2996180203100007228}')
})

test('an attribute line is read with its escapes', () => {
  const line = parseQueryLine(String.raw`{"itemAttributes":"ITEMS.genres = \"Com\u00e9die\""}`)
  equal(line.itemAttributes, 'ITEMS.genres = "Comédie"')
  equal(line.input, String.raw`{"itemAttributes": "ITEMS.genres = \"Comédie\""}`)
})

test('a set of items and a list of users are read with their digits, each once', () => {
  deepEqual(parseQueryLine('{"items": ["a", -2996180203100007228, "a", "7", 7]}').items, [
    'a',
    '-2996180203100007228',
    '7',
  ])
  const line = parseQueryLine('{"userIds": ["u"], "numResults": 7, "scores": true}')
  deepEqual(line.userIds, ['u'])
  deepEqual([line.numResults, line.scores, line.items], [7, true, undefined])
  equal(line.input, '{"userIds": ["u"], "numResults": 7, "scores": true}')
  const plain = parseQueryLine('{"itemId": "1", "items": null, "numResults": null, "scores": null}')
  deepEqual([plain.numResults, plain.scores], [undefined, false])
})

test('strict lines know the members that AWS knows', () => {
  const text =
    '{"itemId": "1", "userIds": 3, "items": ["2"], "numResults": 0, "scores": 1, "Items": 1}'
  const { input, filterValues, ...line } = parseQueryLine(text, true)
  deepEqual(line, { itemId: '1', scores: false })
  for (const member of ['"items": ["1"]', '"userIds": ["1"]', '"numResults": 3'])
    throws(() => parseQueryLine(`{${member}}`, true), {
      name: 'LineError',
      message: 'The line has neither "itemId" nor "itemAttributes".',
    })
  throws(() => parseQueryLine('{"itemid": "1"}', true), /"itemid" must be written "itemId"/)
})

test('each recipe names the members it takes', () => {
  const line = parseQueryLine('{"itemId": "1"}')
  requireQuery(line, 'itemId')
  for (const member of ['items', 'userIds'])
    for (const query of ['itemId', 'itemAttributes'] as const)
      requireQuery(parseQueryLine(`{"${member}": ["1"]}`), query)
  throws(() => requireQuery(line, 'itemAttributes'), {
    name: 'LineError',
    message:
      'The recipe of this solution version needs "itemAttributes", "items" or "userIds", not "itemId".',
  })
  throws(() => requireQuery(line, 'itemAttributes', true), {
    name: 'LineError',
    message: 'The recipe of this solution version needs "itemAttributes", not "itemId".',
  })
})

test('a wrong line is refused with the reason', () => {
  const many = Object.fromEntries(Array.from({ length: 26 }, (_, n) => [`k${n}`, 'v']))
  const wrong: [string, RegExp][] = [
    ['itemId: 1', /not valid JSON/],
    ['{"itemId": "1"', /not valid JSON/],
    ['["1"]', /not a JSON object/],
    ['null', /not a JSON object/],
    ['17', /not a JSON object/],
    ['{}', /The line has none of/],
    ['{"itemId": null}', /The line has none of/],
    ['{"userId": "1"}', /The line has none of/],
    ['{"ItemId": "1"}', /"ItemId" must be written "itemId"/],
    ['{"itemId": "1", "filtervalues": {}}', /must be written "filterValues"/],
    ['{"itemId": "1", "itemAttributes": "x"}', /both "itemId" and "itemAttributes"/],
    ['{"userIds": ["1"], "items": ["x"]}', /both "items" and "userIds"/],
    ['{"items": "1"}', /"items" must be an array of ids/],
    ['{"items": {"0": "1"}}', /"items" must be an array of ids/],
    ['{"userIds": 1}', /"userIds" must be an array of ids/],
    ['{"items": []}', /"items" has 0 ids; it must have from 1 to 1000/],
    [JSON.stringify({ userIds: Array(1001).fill('u') }), /"userIds" has 1001 ids; it must have/],
    ['{"items": ["1", null]}', /"items" must hold ids only/],
    ['{"items": ["1", ""]}', /"items" must hold ids only/],
    ['{"userIds": [["1"]]}', /"userIds" must hold ids only/],
    [
      '{"items": ["1"], "numResults": "5"}',
      /"numResults" must be a whole number from 1 to 5000000/,
    ],
    ['{"itemId": "1", "numResults": 0}', /"numResults" must be a whole number/],
    ['{"itemId": "1", "numResults": 5000001}', /"numResults" must be a whole number/],
    ['{"itemId": "1", "numResults": 2.5}', /"numResults" must be a whole number/],
    ['{"itemId": "1", "numresults": 2}', /"numresults" must be written "numResults"/],
    ['{"itemId": "1", "scores": "true"}', /"scores" must be true or false/],
    ['{"itemId": true}', /must be a string/],
    ['{"itemId": ["1"]}', /must be a string/],
    ['{"itemAttributes": 3}', /must be a string/],
    ['{"itemId": " "}', /empty/],
    ['{"itemId": "1", "filterValues": []}', /must be an object/],
    ['{"itemId": "1", "filterValues": 1}', /must be an object/],
    ['{"itemId": "1", "filterValues": {"A": 1}}', /"A" must be a string/],
    [JSON.stringify({ itemId: '1', filterValues: many }), /26 entries, at most 25/],
    [JSON.stringify({ itemId: '1', filterValues: { A: 'x'.repeat(1001) } }), /1001 characters/],
  ]
  for (const [text, message] of wrong) {
    throws(() => parseQueryLine(text), LineError, text)
    throws(() => parseQueryLine(text), { message }, text)
  }
})

test('of a repeated member the last counts', () => {
  equal(parseQueryLine('{"itemId": "1", "itemId": 2}').itemId, '2')
})

test('names of Object.prototype are ordinary names', () => {
  const line = parseQueryLine(
    '{"__proto__": {"itemAttributes": "x"}, "itemId": "1", "filterValues": {"__proto__": "v"}}',
  )
  equal(line.itemAttributes, undefined)
  deepEqual(Object.entries(line.filterValues), [['__proto__', 'v']])
  equal(line.filterValues.toString, undefined)
  throws(() => parseQueryLine('{"__proto__": {"itemId": "1"}}'), /The line has none of/)
})

test('deep nesting fails its line only', () => {
  const deep = `{"itemId": "1", "x": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  throws(() => parseQueryLine(deep), { name: 'LineError', message: /deeper/ })
  equal(lineInput(deep), deep)
})

test('a line that is not JSON is echoed as a string', () => {
  equal(lineInput('it is "x"\t'), '"it is \\"x\\"\\t"')
  equal(
    lineInput('{"a":[1.50,1e3,{"b" : null}],"2":{},"1":"\\/ü\\u00fc\\n"}'),
    '{"a": [1.50, 1e3, {"b": null}], "2": {}, "1": "/üü\\n"}',
  )
})

test('a byte order mark before the first line does no harm', () => {
  const line = parseQueryLine('\uFEFF{"itemId":"1"}')
  equal(line.itemId, '1')
  equal(line.input, '{"itemId": "1"}')
})

test('lines of blanks only are blank', () => {
  deepEqual(['', ' \t\r', '\uFEFF', ' x'].map(isBlank), [true, true, true, false])
})
