import { readFileSync } from 'node:fs'
import peggy from 'peggy'

/**
 * A parser from a `.peggy` file of this folder, read and compiled at first use. What the grammar
 * does not allow is thrown as `refuse(message)`; the message names the position (1-based, in
 * characters), what was found there and what would be right. A text that a grammar gives to
 * `error(...)` is passed on as it is. The grammar sees the options; `startRule` is the rule that
 * texts must follow, by default the first.
 */
export function grammar<T>(
  file: string,
  refuse: (message: string) => Error,
  options: { startRule?: string; depthMax?: number } = {},
): (text: string) => T {
  let parser: peggy.Parser | undefined
  return (text) => {
    parser ??= peggy.generate(readFileSync(new URL(file, import.meta.url), 'utf8'), {
      ...(options.startRule && { allowedStartRules: [options.startRule] }),
    })
    try {
      return parser.parse(text, options)
    } catch (error) {
      if (error instanceof parser.SyntaxError) throw refuse(describe(error, text))
      throw error
    }
  }
}

function describe(error: peggy.parser.SyntaxError, text: string): string {
  if (!error.expected) return error.message
  const offset = error.location.start.offset
  const found = /^(\w+|.)/su.exec(text.slice(offset))
  return (
    `Invalid expression at position ${offset + 1}: ` +
    `found ${found ? JSON.stringify(found[0].slice(0, 50)) : 'its end'}, expected ${wanted(error)}.`
  )
}

/** The distinct things that could stand at the place of the error, without "white space". */
function wanted(error: peggy.parser.SyntaxError): string {
  const names = (error.expected ?? []).map((expected) => {
    if (expected.type === 'end') return 'its end'
    if (expected.type === 'literal') return JSON.stringify(expected.text)
    return expected.type === 'other' ? expected.description : 'another character'
  })
  const distinct = [...new Set(names)].filter((name) => name !== 'white space').sort()
  const last = distinct.pop() ?? 'nothing'
  return distinct.length === 0 ? last : `${distinct.join(', ')} or ${last}`
}
