import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { lineInput } from '../../src/data/queryLine.ts'
import { failedLine, segmentLine, type UserIds } from '../../src/data/segmentLine.ts'

function idsOf(names: string[]): UserIds {
  const encoded = names.map((name) => Buffer.from(name))
  const offsets = new Uint32Array(names.length + 1)
  encoded.forEach((bytes, n) => {
    offsets[n + 1] = offsets[n]! + bytes.length
  })
  return { bytes: Buffer.concat(encoded), offsets }
}

const line = (input: string, users: number[] | Uint32Array, ids: UserIds) =>
  Buffer.concat([...segmentLine(lineInput(input), Uint32Array.from(users), ids)]).toString()

test('an .out line is byte for byte what AWS writes', () => {
  // Spec D.6, from three executed AWS notebooks.
  equal(
    line('{"itemId":"1"}', [3, 0, 2], idsOf(['22', '57', '72', '61'])),
    '{"input": {"itemId": "1"}, "output": {"usersList": ["61","22","72"]}, "error": null}\n',
  )
  equal(
    line('{"itemAttributes": "ITEMS.CATEGORY_L1 = \\"tools\\""}', [0], idsOf(['2131'])),
    '{"input": {"itemAttributes": "ITEMS.CATEGORY_L1 = \\"tools\\""}, ' +
      '"output": {"usersList": ["2131"]}, "error": null}\n',
  )
})

test('a segment without users is an empty list', () => {
  equal(
    line('{"itemId":"1"}', [], idsOf(['a'])),
    '{"input": {"itemId": "1"}, "output": {"usersList": []}, "error": null}\n',
  )
})

test('a failed line has no output and a text', () => {
  equal(
    failedLine(lineInput('{"itemId":"ü"}'), 'no "ü"'),
    '{"input": {"itemId": "ü"}, "output": null, "error": "no \\"ü\\""}\n',
  )
})

test('ids of any characters come back through JSON.parse', () => {
  const names = ['plain', 'say "x"', 'back\\slash', 'tab\tnew\nline', '購入 😀', '', '\u0001']
  const text = line('{"itemId":"1"}', [6, 5, 4, 3, 2, 1, 0], idsOf(names))
  deepEqual(JSON.parse(text).output.usersList, names.toReversed())
})

test('a long segment comes in chunks that hold each user once and in order', () => {
  const count = 300_000
  const ids = idsOf(Array.from({ length: count }, (_, n) => `user-${n}`))
  const users = Uint32Array.from({ length: count }, (_, n) => count - 1 - n)
  const chunks = [...segmentLine('{}', users, ids)]
  equal(chunks.length > 5, true)
  const parsed: string[] = JSON.parse(Buffer.concat(chunks).toString()).output.usersList
  deepEqual(
    parsed,
    Array.from({ length: count }, (_, n) => `user-${count - 1 - n}`),
  )
})
