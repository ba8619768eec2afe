// Protects: any line of an .out file is read back as it was written, wherever its chunks end.
import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type AnswerPart, answeredLine } from '../../src/data/answeredLine.ts'
import { lineInput } from '../../src/data/queryLine.ts'
import { failedLine, segmentLine } from '../../src/data/segmentLine.ts'

type Line = { input: string; users: string[] } | { input: string; error: string }

/** Ids and inputs that hold what a reader of JSON may stumble over. */
const lines: Line[] = [
  { input: '{"itemId": "1"}', users: ['61', '22'] },
  { input: '{"itemId": -2996180203100007228}', users: [] },
  {
    input: '{"itemId": "a\\", \\"output\\": {\\"usersList\\": [\\"x", "usersList": ["no", ["{"]]}',
    users: ['a",', '","', '\\', 'ü😀', ']', '\u001f', 'error', '"', ''],
  },
  { input: 'no JSON, "error"', error: 'not "JSON", at \\ ] 5' },
  { input: '{}', error: 'usersList' },
  { input: '{"itemId": "last"}', users: ['z'] },
]

async function written(line: Line): Promise<string> {
  const input = lineInput(line.input)
  if ('error' in line) return failedLine(input, line.error)
  async function* ids() {
    if ('users' in line) yield Buffer.from(line.users.map((id) => JSON.stringify(id)).join(','))
  }
  const parts: Uint8Array[] = []
  for await (const part of segmentLine(input, ids())) parts.push(Buffer.from(part))
  return Buffer.concat(parts).toString()
}

async function* chunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function readBack(parts: AsyncIterable<AnswerPart>): Promise<object> {
  const found: { input?: string; users: string[]; error?: string } = { users: [] }
  for await (const part of parts) {
    if ('users' in part) found.users.push(...part.users)
    else Object.assign(found, part)
  }
  return found
}

test('each line comes back, for chunks of every size', async () => {
  const bytes = Buffer.from((await Promise.all(lines.map(written))).join(''))
  for (const size of [1, 2, 3, 5, 7, 11, 64, 1000, bytes.length])
    for (const [n, line] of lines.entries())
      deepEqual(await readBack(answeredLine(chunks(bytes, size), n + 1)), {
        users: [],
        ...line,
        input: lineInput(line.input),
      })
})

test('a line that is not there has no parts', async () => {
  const bytes = Buffer.from(await written(lines[0]!))
  for (const size of [1, 1000])
    deepEqual(await readBack(answeredLine(chunks(bytes, size), 2)), { users: [] })
  deepEqual(await readBack(answeredLine(chunks(Buffer.alloc(0), 1), 1)), { users: [] })
})
