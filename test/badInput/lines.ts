/** One line of a segment job's input, and the error in its answer. */
export type LineCase = [line: string, error: RegExp]

const good = { PLAN: '"gold"', AGE: '18' }
const item = (filterValues: unknown, itemId: unknown = 'i00') =>
  JSON.stringify({ itemId, filterValues })

/** Lines for `aws-item-affinity`, under the filter that needs `$PLAN` and `$AGE`. */
export const itemLines: LineCase[] = [
  ['{"itemId": "i00"', /^The line is not valid JSON: /],
  ['i00', /^The line is not valid JSON: /],
  ['["i00"]', /^The line is not a JSON object such as \{"itemId": "105"\}/],
  ['"i00"', /^The line is not a JSON object/],
  ['null', /^The line is not a JSON object/],
  [`{"itemId": "i00", "x": ${'['.repeat(80)}${']'.repeat(80)}}`, /nests deeper than 64 levels/],
  ['{}', /^The line has none of "itemId", "itemAttributes", "items" and "userIds"/],
  ['{"itemId": null}', /^The line has none of "itemId", "itemAttributes", "items" and "userIds"/],
  ['{"itemId": "i00", "itemAttributes": "ITEMS.A = 1"}', /has both "itemId" and "itemAttributes"/],
  ['{"ItemID": "i00"}', /^"ItemID" must be written "itemId"/],
  [
    '{"itemAttributes": "ITEMS.GENRES = \\"tea\\""}',
    /needs "itemId", "items" or "userIds", not "itemAttributes"/,
  ],
  ['{"items": ["i00"], "userIds": ["u00"]}', /has both "items" and "userIds"\. Write one/],
  ['{"Items": ["i00"]}', /^"Items" must be written "items"/],
  ['{"items": "i00"}', /^"items" must be an array of ids/],
  ['{"items": []}', /^"items" has 0 ids; it must have from 1 to 1000/],
  ['{"items": ["i00", {"itemId": "i01"}]}', /^"items" must hold ids only: strings that are/],
  ['{"items": ["i00", "nope", "i01", "no"]}', /^The items nope, no had no interactions when/],
  ['{"items": ["i00", 7]}', /^The item 7 had no interactions when/],
  [JSON.stringify({ items: Array.from({ length: 13 }, (_, n) => n) }), /9 and 3 more had no/],
  ['{"userIds": "u00"}', /^"userIds" must be an array of ids/],
  ['{"userIds": ["u00", true]}', /^"userIds" must hold ids only/],
  ['{"userIds": ["nobody", "U00"]}', /^None of the users nobody, U00 had interactions when/],
  [
    '{"itemId": "i00", "numResults": "5"}',
    /^"numResults" must be a whole number from 1 to 5000000/,
  ],
  ['{"itemId": "i00", "numResults": 0}', /^"numResults" must be a whole number/],
  ['{"itemId": "i00", "numResults": 5e6, "scores": 1}', /^"scores" must be true or false/],
  [item(good, ''), /^"itemId" is empty/],
  [item(good, ['i00']), /^"itemId" must be a string/],
  [item(good, true), /^"itemId" must be a string/],
  [item(good, 'nope'), /^The item nope had no interactions when/],
  [item(good, 'I00'), /^The item I00 had no interactions when/],
  [item([]), /^"filterValues" must be an object whose values are strings/],
  [item('gold'), /^"filterValues" must be an object/],
  [item({ ...good, AGE: 18 }), /^The filter value "AGE" must be a string/],
  [item({ ...good, AGE: 'x'.repeat(1001) }), /"AGE" has 1001 characters, at most 1000/],
  [
    item(Object.fromEntries(Array.from({ length: 26 }, (_, n) => [`K${n}`, '"x"']))),
    /has 26 entries, at most 25/,
  ],
  ['{"itemId": "i00"}', /^The filter needs a value for \$PLAN: add "PLAN"/],
  [item({ PLAN: '"gold"' }), /^The filter needs a value for \$AGE/],
  [item({ ...good, plan: '"gold"', PLAN: '' }), /^The filter needs a value for \$PLAN/],
  [item({ ...good, AGE: '"old"' }), /^The filter value "AGE" must be one number, not "old"/],
  [item({ ...good, AGE: '1,2' }), /^The filter value "AGE" must be one number, not "1,2"/],
  [item({ ...good, PLAN: '"gold" "silver"' }), /"PLAN" must be strings in double quotes with/],
  [item({ ...good, PLAN: '"gold' }), /"PLAN" must be strings in double quotes/],
]

const attributes = (itemAttributes: unknown) => JSON.stringify({ itemAttributes })

/** Lines for `aws-item-attribute-affinity`. */
export const attributeLines: LineCase[] = [
  ['{"itemId": "i00"}', /needs "itemAttributes", "items" or "userIds", not "itemId"/],
  [attributes(''), /^"itemAttributes" is empty/],
  [attributes({ GENRES: 'tea' }), /^"itemAttributes" must be a string/],
  [attributes('ITEMS.GENRES'), /found its end, expected IN, NOT IN or a comparison/],
  [attributes('GENRES = "tea"'), /found "GENRES", expected .*a column such as ITEMS\.GENRES/],
  [attributes('USERS.AGE = 3'), /position 1: .*expected .*a column such as ITEMS\.GENRES/],
  [attributes('ITEMS.GENRES = tea'), /position 16: found "tea", expected a number or a string/],
  [attributes('ITEMS.GENRES == "tea"'), /position 15: found "=", expected/],
  [attributes('ITEMS.GENRES ! "tea"'), /position 14: found "!", expected IN, NOT IN or a comp/],
  [attributes('ITEMS.GENRES = "tea'), /position \d+: found .*, expected/],
  [attributes('ITEMS.GENRES = "tea" OR'), /found its end, expected "\(", NOT or a column/],
  [attributes('(ITEMS.GENRES = "tea"'), /found its end, expected "\)", AND or OR/],
  [attributes('ITEMS.GENRES = "tea")'), /found "\)", expected AND, OR or its end/],
  [attributes('NOT NOT ITEMS.PRICE < 1'), /position 5: found "NOT", expected "\("/],
  [attributes('ITEMS.GENRES IN "tea"'), /position 17: .*, expected "\("/],
  [attributes('ITEMS.GENRES IN ()'), /found "\)", expected a number or a string/],
  [attributes('('.repeat(9000)), /^The expression nests deeper than 32 levels/],
  [attributes(Array(101).fill('ITEMS.PRICE < 1').join(' OR ')), /101 comparisons, at most 100/],
  [attributes(`ITEMS.PRICE IN (${Array(1001).fill('1')})`), /has 1001 values, at most 1000/],
  [attributes('ITEMS.GENRES = "tea" AND'), /found its end, expected/],
  [
    attributes('ITEMS.GENRES > "tea"'),
    /^ITEMS\.GENRES holds strings and can be compared with =, !=, IN/,
  ],
  [attributes('ITEMS.PRICE = "dear"'), /^ITEMS\.PRICE holds numbers and cannot .* "dear"/],
  [attributes('ITEMS.PRICE IN (1, "dear")'), /^ITEMS\.PRICE holds numbers and cannot .* "dear"/],
  [attributes('ITEMS.COLOUR = "red"'), /^ITEMS\.COLOUR is not a column .*ITEMS\.GENRES/],
  [attributes('ITEMS.DESCRIPTION = "fine"'), /^ITEMS\.DESCRIPTION is not a column/],
  [attributes('ITEMS.ORGANIC = "true"'), /^ITEMS\.ORGANIC is not a column/],
  [attributes('ITEMS.ITEM_ID = "i00"'), /^ITEMS\.ITEM_ID is not a column/],
  [attributes('ITEMS.GENRES = "beer"'), /^No item .* has ITEMS\.GENRES = "beer"/],
  [attributes('ITEMS.GENRES = "Tea"'), /^No item .* has ITEMS\.GENRES = "Tea"/],
  [
    attributes('ITEMS.GENRES IN ("beer", "rum")'),
    /^No item .* has ITEMS\.GENRES IN \("beer", "rum"\)/,
  ],
  [attributes('NOT (ITEMS.PRICE >= 0 OR ITEMS.PRICE > 9)'), /^No item .* has ITEMS\.PRICE < 0/],
  [
    attributes('ITEMS.GENRES = "beer" OR ITEMS.GENRES = "rum"'),
    /^No item .* has any of ITEMS\.GENRES = "beer" OR ITEMS\.GENRES = "rum"/,
  ],
  [
    attributes('ITEMS.GENRES = "tea" AND ITEMS.GENRES = "wine"'),
    /^No item of the training data has all of ITEMS\.GENRES = "tea" AND ITEMS\.GENRES = "wine"/,
  ],
]
