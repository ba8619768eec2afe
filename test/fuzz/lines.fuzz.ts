/** Lines of a job: any text is a query or has an error of its own, and is echoed as the same JSON. Spec D. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { linesOf } from '../../src/data/lines.ts'
import { isBlank, lineInput, parseQueryLine, type QueryLine } from '../../src/data/queryLine.ts'
import { fuzz } from './fuzz.ts'

const members = [
  'itemId',
  'itemAttributes',
  'items',
  'userIds',
  'filterValues',
  'numResults',
  'scores',
  'ItemID',
  '__proto__',
  'other',
]
const digits = fc.oneof(
  fc.bigInt().map(String),
  fc.constantFrom('-0', '1e400', '1E-7', '0.10', '2996180203100007228'),
)
const string = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => JSON.stringify(text))
const list = fc
  .array(fc.oneof(string, digits), { maxLength: 5 })
  .map((ids) => `[${ids.join(' , ')}]`)
const values = fc
  .dictionary(fc.string(), fc.string({ maxLength: 1010 }), { maxKeys: 27 })
  .map((each) => JSON.stringify(each))
const value = fc.oneof(
  string,
  string,
  list,
  values,
  digits,
  fc.constantFrom('null', 'true', '"\\u0041\\/"'),
  fc.json(),
)
/** JSON objects of members that lines have, with blanks where JSON allows them. */
const line = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...members), value), { maxLength: 4 }),
    fc.constantFrom('', ' ', '\t', ' \r'),
  )
  .map(
    ([entries, blank]) =>
      `${blank}{${entries.map(([name, each]) => `"${name}"${blank}:${blank}${each}`).join(',')}${blank}}${blank}`,
  )
const broken = fc
  .tuple(line, fc.nat(), fc.nat(5), fc.string({ unit: 'binary', maxLength: 2 }))
  .map(([text, place, length, put]) => {
    const at = place % text.length
    return text.slice(0, at) + put + text.slice(at + length)
  })
const deep = fc
  .nat(20_000)
  .map((depth) => `{"itemId":"1","x":${'['.repeat(depth)}${']'.repeat(depth)}}`)

test('any text is a query or a line error, and is echoed as the JSON that it is', async (t) => {
  let read = 0
  await fuzz(t, 'JSON Lines', {
    arbitrary: fc.tuple(
      fc.oneof(
        { weight: 6, arbitrary: line },
        { weight: 4, arbitrary: broken },
        { weight: 1, arbitrary: deep },
        { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 2000 }) },
      ),
      fc.boolean(),
    ),
    bytesOf: ([text]) => text.length,
    check([text, strict]) {
      const echo = lineInput(text)
      ok(!/[\n\r]/.test(echo))
      const json = text.startsWith('\ufeff') ? text.slice(1) : text
      const document = parsed(json)
      if (!text.includes('[['))
        deepEqual(JSON.parse(echo), document === undefined ? text : document)
      equal(lineInput(echo), echo)
      let query: QueryLine
      try {
        query = parseQueryLine(text, strict)
      } catch (error) {
        equal((error as Error).name, 'LineError', `${error}`)
        return
      }
      read++
      const asked = [query.itemId, query.itemAttributes, query.items, query.userIds]
      equal(asked.filter((each) => each !== undefined).length, 1)
      const { itemId } = document as { itemId?: unknown }
      if (typeof itemId === 'string') equal(query.itemId, itemId)
      if (query.itemId !== undefined) ok(!isBlank(query.itemId))
    },
  })
  t.diagnostic(`${read} of them are queries`)
  ok(read > 500)
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function* chunksOf(bytes: Buffer, sizes: number[]) {
  let at = 0
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

test('bytes are cut into the same lines however they come', async (t) => {
  const text = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\n', '\r\n', '\r', '\ufeff', '\n\n'),
      ),
      { maxLength: 20 },
    )
    .map((parts) => parts.join('').toWellFormed())
  await fuzz(t, 'bytes of JSON Lines', {
    arbitrary: fc.tuple(
      fc.oneof(
        { weight: 3, arbitrary: text.map((each) => Buffer.from(each)) },
        {
          weight: 1,
          arbitrary: fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)),
        },
      ),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
    ),
    bytesOf: ([bytes]) => bytes.length,
    async check([bytes, sizes]) {
      const whole = bytes.toString('utf8')
      const isText = Buffer.from(whole).equals(bytes)
      try {
        const lines: string[] = []
        for await (const each of linesOf(chunksOf(bytes, sizes), 'file', 10_000)) lines.push(each)
        ok(isText, 'bytes that are no UTF-8 are read')
        const expected = whole
          .replace(/^\ufeff/, '')
          .split('\n')
          .map((each) => each.replace(/\r$/, ''))
        if (whole.endsWith('\n') || whole === '') expected.pop()
        deepEqual(lines, expected)
      } catch (error) {
        if ((error as Error).name !== 'JobFailure') throw error
        ok(!isText)
      }
    },
  })
})
