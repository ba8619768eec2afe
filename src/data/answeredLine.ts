/** What a line of an `.out` file holds, part by part: what was asked as JSON text, then users, best first, or an error. */
export type AnswerPart = { input: string } | { users: string[] } | { error: string }

const [quote, backslash, comma, newline] = [0x22, 0x5c, 0x2c, 0x0a]
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]
const prefix = '{"input": '

/**
 * The parts of one line, from 1, of an `.out` file as `segmentLine` and `failedLine` write it; nothing where the file has
 * no such line. A line may be larger than what a string can hold, so that it is read chunk by chunk.
 */
export async function* answeredLine(
  chunks: AsyncIterable<Uint8Array>,
  line: number,
): AsyncGenerator<AnswerPart> {
  let head: Uint8Array[] | undefined = []
  const nesting = nestingScan()
  const answer = answerScan()
  for await (const chunk of lineChunks(chunks, line)) {
    let rest = chunk
    if (head !== undefined) {
      const end = nesting(chunk)
      head.push(end === undefined ? chunk : chunk.subarray(0, end))
      if (end === undefined) continue
      yield { input: Buffer.concat(head).toString().slice(prefix.length) }
      head = undefined
      rest = chunk.subarray(end + 1)
    }
    yield* answer(rest)
  }
}

/** The bytes of one line, without its newline. */
async function* lineChunks(
  chunks: AsyncIterable<Uint8Array>,
  line: number,
): AsyncGenerator<Uint8Array> {
  let left = line - 1
  for await (const chunk of chunks) {
    let from = 0
    while (left > 0) {
      const end = chunk.indexOf(newline, from)
      if (end < 0) break
      from = end + 1
      left--
    }
    if (left > 0) continue
    const end = chunk.indexOf(newline, from)
    yield chunk.subarray(from, end < 0 ? chunk.length : end)
    if (end >= 0) return
  }
}

/** Finds, chunk by chunk, where the first member of an object ends: the place of the comma behind it. */
function nestingScan(): (chunk: Uint8Array) => number | undefined {
  let depth = 0
  let inString = false
  let escaped = false
  return (chunk) => {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (escaped) escaped = false
      else if (inString && byte === backslash) escaped = true
      else if (byte === quote) inString = !inString
      else if (inString) continue
      else if (byte === openBracket || byte === openBrace) depth++
      else if (byte === closeBracket || byte === closeBrace) depth--
      else if (byte === comma && depth === 1) return at
    }
    return undefined
  }
}

/** Finds, chunk by chunk, the strings of the list `usersList`, or the one string of `error`. */
function answerScan(): (chunk: Uint8Array) => Generator<AnswerPart> {
  let name = ''
  let inList = false
  let inString = false
  let escaped = false
  /** What earlier chunks hold of a string. */
  let begun: Uint8Array[] = []
  return function* (chunk) {
    const users: string[] = []
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (escaped) escaped = false
      else if (inString && byte === backslash) escaped = true
      else if (byte === quote && !inString) {
        inString = true
        start = at
      } else if (byte === quote) {
        inString = false
        const text: string = JSON.parse(
          Buffer.concat([...begun, chunk.subarray(start, at + 1)]).toString(),
        )
        begun = []
        if (inList && name === 'usersList') users.push(text)
        else if (name === 'error') yield { error: text }
        else if (!inList) name = text
      } else if (inString) continue
      else if (byte === openBracket) inList = true
      else if (byte === closeBracket) inList = false
    }
    if (inString) begun.push(chunk.subarray(start))
    yield { users }
  }
}
