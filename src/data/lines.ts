import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { JobFailure } from '../errors.ts'

/**
 * What a line may hold before reading stops: a bound, so that a file without
 * line breaks cannot fill the memory.
 */
const lineBytesMax = 8 * 1024 * 1024

/** The lines of a file, as `linesOf` gives them. */
export const readLines = (path: string, name: string, bytesMax?: number): AsyncGenerator<string> =>
  linesOf(createReadStream(path), name, bytesMax)

/**
 * The lines of UTF-8 bytes, streamed, without `\n` or `\r\n` and without a byte order mark; the
 * last may lack its line break. `name` is what messages call the file. Throws JobFailure with the
 * line number where a line is too long or no UTF-8.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  bytesMax = lineBytesMax,
): AsyncGenerator<string> {
  let number = 1
  let open: Buffer[] = []
  let openBytes = 0
  const refuse = (line: number, what: string): never => {
    throw new JobFailure(`${name} line ${line} ${what}`)
  }
  const tooLong = () => refuse(number, `is longer than ${bytesMax} bytes.`)
  const texts = function* (block: Buffer): Generator<string> {
    if (!isUtf8(block)) refuse(number + firstBadLine(block), 'is not UTF-8 text.')
    for (const text of block.toString('utf8').split('\n')) {
      const line = text.endsWith('\r') ? text.slice(0, -1) : text
      yield number === 1 && line.startsWith('\ufeff') ? line.slice(1) : line
      number += 1
    }
  }
  for await (const bytes of chunks) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const first = chunk.indexOf(lineFeed)
    if (openBytes + (first < 0 ? chunk.length : first) > bytesMax) tooLong()
    const last = chunk.lastIndexOf(lineFeed)
    if (last >= 0) {
      yield* texts(Buffer.concat([...open, chunk.subarray(0, last)]))
      open = []
      openBytes = 0
    }
    open.push(chunk.subarray(last + 1))
    openBytes += chunk.length - last - 1
  }
  if (openBytes > 0) yield* texts(Buffer.concat(open))
}

const lineFeed = 0x0a

/** Position of the first line of the block that is not UTF-8. */
function firstBadLine(block: Buffer): number {
  let start = 0
  for (let line = 0; ; line += 1) {
    const end = block.indexOf(lineFeed, start)
    if (end < 0 || !isUtf8(block.subarray(start, end))) return line
    start = end + 1
  }
}
