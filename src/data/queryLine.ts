import { limits } from '../limits.ts'

/**
 * What is wrong with one line of a job's input: becomes that line's
 * `error`, the job goes on. Spec D.7.
 */
export class LineError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'LineError'
  }
}

/**
 * One line of a batch segment job's input. Exactly one of `itemId`, `itemAttributes`, `items` and `userIds` is there.
 * Of ids, a number's digits are kept: `{"itemId": -2996180203100007228}` names the item "-2996180203100007228".
 */
export type QueryLine = {
  /** The line as JSON text the way answers echo it, see `lineInput`. */
  input: string
  itemId?: string
  itemAttributes?: string
  /** A set of items: users for any of them. */
  items?: string[]
  /** Users to whom others are looked for who are like them. */
  userIds?: string[]
  /** Instead of the job's. */
  numResults?: number
  /** Whether the answer is to have a score for each user. */
  scores: boolean
  /** Without a prototype, so that any name is safe to look up. */
  filterValues: Record<string, string>
}

/** Whether a line holds nothing: such lines get no answer. */
export const isBlank = (text: string): boolean => /^\s*$/.test(text)

/**
 * Reads one line of a batch segment job's input (spec D.4, D.5, D.8): a JSON object, lossless.
 * Members it does not know are ignored, and `strict` knows only AWS's; `null` counts as absent, of a
 * repeated member the last counts. LineError tells what is wrong with the line.
 */
export function parseQueryLine(text: string, strict = false): QueryLine {
  const document = parseObject(withoutMark(text))
  refuseMisspelt(document, strict)
  const asked = (strict ? awsQueries : queries).filter(
    (name) => member(document, name) !== undefined,
  )
  const [query, other] = asked
  if (query === undefined)
    throw new LineError(
      strict
        ? 'The line has neither "itemId" nor "itemAttributes".'
        : `The line has none of ${listed(queries, 'and')}.`,
    )
  if (other !== undefined)
    throw new LineError(`The line has both "${query}" and "${other}". Write one of them.`)
  return {
    input: lineInput(text),
    ...queryOf(query, member(document, query)),
    ...(strict ? { scores: false } : extrasOf(document)),
    filterValues: filterValuesOf(member(document, 'filterValues')),
  }
}

/**
 * Refuses a line that asks with the member of the other recipe: LineError names what this recipe
 * takes, which is this member and, unless `strict`, what every recipe takes.
 */
export function requireQuery(
  line: QueryLine,
  name: 'itemId' | 'itemAttributes',
  strict = false,
): void {
  const other = name === 'itemId' ? 'itemAttributes' : 'itemId'
  if (line[other] === undefined) return
  const takes = strict ? [name] : queries.filter((query) => query !== other)
  throw new LineError(
    `The recipe of this solution version needs ${listed(takes, 'or')}, not "${other}".`,
  )
}

/**
 * A line as JSON text with `": "` and `", "` between its parts, as answers echo it (spec
 * D.6, N.15): digits, members and their order unchanged, strings escaped only where JSON
 * needs it. A line that is not JSON becomes a JSON string of its text. Never throws,
 * however deep the line is nested.
 */
export function lineInput(text: string): string {
  const json = withoutMark(text)
  try {
    JSON.parse(json)
  } catch (error) {
    if (error instanceof SyntaxError) return JSON.stringify(text)
    throw error
  }
  let spaced = ''
  for (const token of tokens(json)) {
    if (token === ':' || token === ',') spaced += `${token} `
    else spaced += token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token
  }
  return spaced
}

const valuesMax = 25
const valueLengthMax = 1000
/** Real lines nest two deep; JSON.parse with a reviver recurses. */
const depthMax = 64

/** A first line may begin with a byte order mark, which JSON does not know. */
const withoutMark = (text: string) => (text.startsWith('\uFEFF') ? text.slice(1) : text)

/** Strings, numbers, words and marks of a valid JSON text, without the blanks between them. */
function* tokens(json: string): Generator<string> {
  let at = 0
  while (at < json.length) {
    const start = at
    const character = json[at++]!
    if (' \t\r\n'.includes(character)) continue
    if (character === '"') {
      while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
      at++
    } else if (!'{}[]:,'.includes(character)) {
      while (at < json.length && !'{}[]:, \t\r\n'.includes(json[at]!)) at++
    }
    yield json.slice(start, at)
  }
}

function parseObject(json: string): Record<string, unknown> {
  const document = parse(json)
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new LineError('The line is not a JSON object such as {"itemId": "105"}.')
  let depth = 0
  for (const token of tokens(json)) {
    if (token === '{' || token === '[') depth++
    if (token === '}' || token === ']') depth--
    if (depth > depthMax) throw new LineError(`The line nests deeper than ${depthMax} levels.`)
  }
  return JSON.parse(json, exactNumbers)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new LineError(`The line is not valid JSON: ${error.message}.`)
  }
}

/**
 * NOTE: `JSON.parse` alone turns 64-bit ids into other numbers; `context.source` has their digits.
 */
function exactNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? new Digits(context!.source!) : value
}
class Digits {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

const awsQueries = ['itemId', 'itemAttributes'] as const
const queries = [...awsQueries, 'items', 'userIds'] as const
type Query = (typeof queries)[number]
const awsMembers = [...awsQueries, 'filterValues']
const members = [...queries, 'filterValues', 'numResults', 'scores']

/** `"itemId", "items" or "userIds"` */
function listed(names: readonly string[], word: 'and' | 'or'): string {
  const quoted = names.map((name) => `"${name}"`)
  const last = quoted.pop()!
  return quoted.length > 0 ? `${quoted.join(', ')} ${word} ${last}` : last
}

/** A misspelt `filterValues` would otherwise widen a segment without a word. */
function refuseMisspelt(document: Record<string, unknown>, strict: boolean): void {
  const known = strict ? awsMembers : members
  for (const name of Object.keys(document)) {
    const right = known.find((member) => member.toLowerCase() === name.toLowerCase())
    if (right && right !== name) throw new LineError(`"${name}" must be written "${right}".`)
  }
}

function member(document: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(document, name) ? (document[name] ?? undefined) : undefined
}

function queryOf(name: Query, value: unknown): Partial<QueryLine> {
  if (name === 'items' || name === 'userIds') return { [name]: idsOf(name, value) }
  if (name === 'itemId' && value instanceof Digits) return { itemId: value.source }
  if (typeof value !== 'string') throw new LineError(`"${name}" must be a string.`)
  if (isBlank(value)) throw new LineError(`"${name}" is empty.`)
  return { [name]: value }
}

/** Each id once. */
function idsOf(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw new LineError(`"${name}" must be an array of ids.`)
  if (value.length === 0 || value.length > limits.lineIds)
    throw new LineError(
      `"${name}" has ${value.length} ids; it must have from 1 to ${limits.lineIds}.`,
    )
  const ids = value.map((id) => {
    if (id instanceof Digits) return id.source
    if (typeof id !== 'string' || isBlank(id))
      throw new LineError(`"${name}" must hold ids only: strings that are not empty, or numbers.`)
    return id
  })
  return [...new Set(ids)]
}

function extrasOf(document: Record<string, unknown>): Pick<QueryLine, 'numResults' | 'scores'> {
  const scores = member(document, 'scores') ?? false
  if (typeof scores !== 'boolean') throw new LineError('"scores" must be true or false.')
  const given = member(document, 'numResults')
  if (given === undefined) return { scores }
  const numResults = given instanceof Digits ? Number(given.source) : Number.NaN
  if (!Number.isInteger(numResults) || numResults < 1 || numResults > limits.segmentResultsMax)
    throw new LineError(
      `"numResults" must be a whole number from 1 to ${limits.segmentResultsMax}.`,
    )
  return { numResults, scores }
}

function filterValuesOf(given: unknown): Record<string, string> {
  const values: Record<string, string> = Object.create(null)
  if (given === undefined) return values
  if (typeof given !== 'object' || Array.isArray(given) || given instanceof Digits)
    throw new LineError('"filterValues" must be an object whose values are strings.')
  const entries = Object.entries(given as Record<string, unknown>)
  if (entries.length > valuesMax)
    throw new LineError(
      `"filterValues" has ${entries.length} entries, at most ${valuesMax} are allowed.`,
    )
  for (const [name, value] of entries) {
    if (typeof value !== 'string')
      throw new LineError(`The filter value ${JSON.stringify(name)} must be a string.`)
    if (value.length > valueLengthMax)
      throw new LineError(
        `The filter value ${JSON.stringify(name)} has ${value.length} characters, ` +
          `at most ${valueLengthMax} are allowed.`,
      )
    values[name] = value
  }
  return values
}
