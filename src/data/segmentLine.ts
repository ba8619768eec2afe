import assert from 'node:assert/strict'

/** UTF-8 of every user id in index order: id k is bytes[offsets[k]..offsets[k+1]). */
export type UserIds = { bytes: Uint8Array; offsets: Uint32Array }

/**
 * The bytes of one answered line of an `.out` file, best user first, in chunks of about 1 MiB that
 * are the reader's to keep. `input` is JSON text (`lineInput`). AWS writes blanks between members
 * and none between ids, seen in three executed notebooks; spec D.6.
 */
export function* segmentLine(
  input: string,
  users: Uint32Array,
  ids: UserIds,
): Generator<Uint8Array> {
  yield encoder.encode(`{"input": ${input}, "output": {"usersList": [`)
  const careful = needEscapes(ids)
  for (let next = 0; next < users.length; ) {
    const filled = fill(users, next, ids, careful)
    yield chunk.slice(0, filled.bytes)
    next = filled.next
  }
  yield encoder.encode(']}, "error": null}\n')
}

/** The text of one failed line of an `.out` file, with its newline. Spec D.7, N.2, N.4. */
export const failedLine = (input: string, error: string): string =>
  `{"input": ${input}, "output": null, "error": ${JSON.stringify(error)}}\n`

const encoder = new TextEncoder()
const decoder = new TextDecoder()
/** Filled and copied between two yields, never across one: one is enough for all lines. */
const chunk = new Uint8Array(1 << 20)
const quote = 0x22
const backslash = 0x5c
const comma = 0x2c

/**
 * Fills the chunk with the ids of `users[next...]`, each in quotes, with
 * commas before all but the first.
 */
function fill(users: Uint32Array, next: number, ids: UserIds, careful: boolean) {
  const { bytes, offsets } = ids
  let filled = 0
  let n = next
  for (; n < users.length; n++) {
    const user = users[n]!
    assert(user + 1 < offsets.length, 'a user index lies within the ids')
    let from = bytes
    let start = offsets[user]!
    let end = offsets[user + 1]!
    if (careful && hasEscapes(bytes, start, end)) {
      from = escaped(bytes.subarray(start, end))
      start = 0
      end = from.length
    }
    if (filled + (end - start) + 3 > chunk.length) break
    if (n > 0) chunk[filled++] = comma
    chunk[filled++] = quote
    // A loop, not `set`: ids are short, and a view for each costs more than its bytes.
    for (let at = start; at < end; at++) chunk[filled++] = from[at]!
    chunk[filled++] = quote
  }
  assert(n > next, 'an id is far shorter than a chunk')
  return { bytes: filled, next: n }
}

/**
 * Nearly no data set has an id that JSON must escape: one look over all ids spares a look at each.
 */
function needEscapes(ids: UserIds): boolean {
  let known = escapesKnown.get(ids.bytes)
  if (known === undefined) {
    known = hasEscapes(ids.bytes, 0, ids.bytes.length)
    escapesKnown.set(ids.bytes, known)
  }
  return known
}
const escapesKnown = new WeakMap<Uint8Array, boolean>()

function hasEscapes(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte < 0x20 || byte === quote || byte === backslash) return true
  }
  return false
}

/** The id inside its quotes. */
function escaped(id: Uint8Array): Uint8Array {
  return encoder.encode(JSON.stringify(decoder.decode(id)).slice(1, -1))
}
