import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { lineInput } from '../../src/data/queryLine.ts'
import { failedLine, segmentLine } from '../../src/data/segmentLine.ts'

async function line(input: string, ...ids: string[]): Promise<string> {
  const chunks: Uint8Array[] = []
  async function* texts() {
    for (const text of ids) yield Buffer.from(text)
  }
  for await (const chunk of segmentLine(lineInput(input), texts())) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

test('an .out line is byte for byte what AWS writes', async () => {
  // Spec D.6, from three executed AWS notebooks.
  equal(
    await line('{"itemId":"1"}', '"61","22"', ',', '"72"'),
    '{"input": {"itemId": "1"}, "output": {"usersList": ["61","22","72"]}, "error": null}\n',
  )
  equal(
    await line('{"itemAttributes": "ITEMS.CATEGORY_L1 = \\"tools\\""}', '"2131"'),
    '{"input": {"itemAttributes": "ITEMS.CATEGORY_L1 = \\"tools\\""}, ' +
      '"output": {"usersList": ["2131"]}, "error": null}\n',
  )
})

test('a segment without users is an empty list', async () => {
  const text = await line('{"itemId":"1"}')
  equal(text, '{"input": {"itemId": "1"}, "output": {"usersList": []}, "error": null}\n')
  deepEqual(JSON.parse(text).output.usersList, [])
})

test('a failed line has no output and a text', () => {
  equal(
    failedLine(lineInput('{"itemId":"ü"}'), 'no "ü"'),
    '{"input": {"itemId": "ü"}, "output": null, "error": "no \\"ü\\""}\n',
  )
})
