/** What is known of one request, by condition key in lower case. */
export type Facts = ReadonlyMap<string, readonly string[]>

/** A text of a policy, taken apart: what stands there, wildcards, and variables by their key. */
export type Pattern = readonly Part[]
type Part = string | typeof any | typeof one | { key: string; otherwise: string | undefined }

const any = Symbol('*')
const one = Symbol('?')

/** Which of a text's signs mean something. */
export type Signs = { wildcards: boolean; variables: boolean }

/**
 * Takes a text apart, a character a part. Variables are `${key}` and `${key, 'default'}`; `${*}`, `${?}` and `${$}` stand
 * for the character. Undefined where a variable has no end. IAM User Guide, "Variables and tags".
 */
export function parsePattern(text: string, { wildcards, variables }: Signs): Pattern | undefined {
  const parts: Part[] = []
  const sign = variables ? /\$\{([^}]*)\}|./gsu : /./gsu
  for (const [found, variable] of text.matchAll(sign)) {
    if (variable !== undefined) parts.push(variablePart(variable))
    else if (wildcards && found === '*') parts.push(any)
    else if (wildcards && found === '?') parts.push(one)
    else parts.push(found)
  }
  const isOpen = variables && /\$\{[^}]*$/.test(text)
  return isOpen ? undefined : parts
}

function variablePart(variable: string): Part {
  if (['*', '?', '$'].includes(variable)) return variable
  const [, key = '', otherwise] = /^\s*([^,]*?)\s*(?:,\s*'(.*)'\s*)?$/s.exec(variable) ?? []
  return { key: key.toLowerCase(), otherwise }
}

/** Whether the whole text is as the pattern says; never with a variable that has no value. */
export function matches(
  pattern: Pattern,
  text: string,
  facts: Facts,
  fold: (character: string) => string = (character) => character,
): boolean {
  const signs = resolved(pattern, facts)
  const folded = signs?.map((sign) => (typeof sign === 'string' ? fold(sign) : sign))
  return folded !== undefined && fits(folded, Array.from(text, fold))
}

/**
 * The same for ARNs: each of the six parts that colons separate is compared by itself. IAM User Guide, "ARN condition
 * operators".
 */
export function matchesArn(pattern: Pattern, arn: string, facts: Facts): boolean {
  const wanted = sixParts(resolved(pattern, facts) ?? [])
  const given = sixParts([...arn])
  return (
    wanted !== undefined &&
    given !== undefined &&
    wanted.every((part, index) => fits(part, given[index]!))
  )
}

type Sign = string | typeof any | typeof one

/** The value of a variable is text, whatever signs are in it. */
function resolved(pattern: Pattern, facts: Facts): Sign[] | undefined {
  const signs: Sign[] = []
  for (const part of pattern) {
    if (typeof part !== 'object') signs.push(part)
    else {
      const values = facts.get(part.key)
      const value = values === undefined ? part.otherwise : values[0]
      if (value === undefined || (values?.length ?? 1) > 1) return undefined
      signs.push(...value)
    }
  }
  return signs
}

function sixParts<Each>(signs: Each[]): Each[][] | undefined {
  const parts: Each[][] = [[]]
  for (const sign of signs)
    if (sign === ':' && parts.length < 6) parts.push([])
    else parts.at(-1)!.push(sign)
  return parts.length === 6 ? parts : undefined
}

/** Goes back to the last `*` only, so that no pattern costs more than its length times the text's. */
function fits(signs: readonly Sign[], text: readonly Sign[]): boolean {
  let sign = 0
  let at = 0
  let star = -1
  let tried = 0
  while (at < text.length) {
    if (signs[sign] === any) {
      star = sign++
      tried = at
    } else if (signs[sign] === one || signs[sign] === text[at]) {
      sign++
      at++
    } else if (star >= 0) {
      sign = star + 1
      at = ++tried
    } else return false
  }
  while (signs[sign] === any) sign++
  return sign === signs.length
}
