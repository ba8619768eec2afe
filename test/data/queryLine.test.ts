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

test('each recipe names the member it needs', () => {
  const line = parseQueryLine('{"itemId": "1"}')
  equal(requireQuery(line, 'itemId'), '1')
  throws(() => requireQuery(line, 'itemAttributes'), {
    name: 'LineError',
    message: /needs "itemAttributes", not "itemId"/,
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
    ['{}', /neither/],
    ['{"itemId": null}', /neither/],
    ['{"userId": "1"}', /neither/],
    ['{"ItemId": "1"}', /"ItemId" must be written "itemId"/],
    ['{"itemId": "1", "filtervalues": {}}', /must be written "filterValues"/],
    ['{"itemId": "1", "itemAttributes": "x"}', /both/],
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
  throws(() => parseQueryLine('{"__proto__": {"itemId": "1"}}'), /neither/)
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
