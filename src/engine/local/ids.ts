import { stoppedAt } from './verbs.ts'

export type JoinArgs = {
  /** Ids as JSON texts, a line each; line k begins at byte offsets[k] and ends before offsets[k + 1]. */
  lines: Uint8Array
  offsets: Uint32Array
  /** Which ids, in this order. */
  users: Uint32Array
  /** Result: the texts with commas between, and in `written[0]` how many bytes they have. */
  out: Uint8Array
  written: Uint32Array
}

const newline = 0x0a
const comma = 0x2c

/** The ids of a list as JSON. */
export function joinIds({ lines, offsets, users, out, written }: JoinArgs): void {
  let to = 0
  for (const user of users) {
    if (user + 1 >= offsets.length) throw new Error('A user index lies outside the ids.')
    // A loop, not `set`: ids are short, and a view for each costs more than its bytes.
    for (let at = offsets[user]!; at < offsets[user + 1]!; at++) out[to++] = lines[at]!
    if (to > out.length) throw new Error('The ids are longer than their array.')
    // The newline of a line becomes the comma before the next.
    out[to - 1] = comma
  }
  written[0] = Math.max(0, to - 1)
}

/**
 * Finds where each line of `lines` begins, and the end of the last; `offsets` has one element more than lines. Puts the
 * bytes of the longest line into `longest[0]`.
 */
export function lineStarts(
  args: { lines: Uint8Array; offsets: Uint32Array; longest: Uint32Array },
  _block: number,
  shared: Int32Array,
): void {
  const { lines, offsets, longest } = args
  let line = 0
  let most = 1
  for (let at = 0; at < lines.length; at++) {
    if (lines[at] !== newline) continue
    if (stoppedAt(line, shared)) return
    most = Math.max(most, at + 1 - offsets[line]!)
    offsets[++line] = at + 1
  }
  longest[0] = most
  if (line !== offsets.length - 1)
    throw new Error(`There are ${line} ids instead of ${offsets.length - 1}.`)
}
