import { identifier, literal } from './duck.ts'
import { columnType, type DatasetSchema, type Field } from './schema.ts'

/** Where the columns of a schema stand in the files. */
export type Layout = { schema: DatasetSchema; header: readonly string[] }

/**
 * SQL for the cells of one CSV line as a list, quotes and escapes undone; NULL where a quote is not
 * closed or stands inside a cell. Within quotes `\"` and `\\` (spec E.6) and the doubled quote of
 * RFC 4180 are read. `line` is SQL.
 */
export const cellsOf = (line: string): string => `CASE
  WHEN NOT contains(${line}, '"') THEN string_split(${line}, ',')
  WHEN regexp_full_match(${line}, '${simpleCell}(?:,${simpleCell})*') THEN ${simpleCells(line)}
  WHEN regexp_full_match(${line}, '${cell}(?:,${cell})*') THEN list_transform(
    regexp_extract_all(',' || ${line}, ',${cell}'),
    lambda c: CASE WHEN starts_with(c, ',"') THEN ${unquoted('c')} ELSE substring(c, 2) END)
END`

/**
 * SELECT of the schema's columns from `lines`, SQL with a column `line`; the
 * statement fails at the first bad row.
 */
export const rowsSql = (layout: Layout, lines: string): string => {
  const columns = columnsOf(layout)
  const bad = [shapeFails(layout), ...columns.flatMap(({ checks }) => checks).map((c) => c.fails)]
  return `SELECT ${columns.map(({ field, stored }) => `${stored} AS ${identifier(field.name)}`)}
FROM (${rawCells(layout, lines)})
WHERE CASE WHEN ${bad.join('\n  OR ')} THEN error('a row is not valid')::BOOLEAN ELSE true END`
}

/**
 * SELECT of the bad ones among `lines`, SQL with columns `line` and `number`: `number`, `problem`
 * and, where a value is too long, AWS's sentence for it as `tooLong`.
 */
export const problemsSql = (layout: Layout, lines: string): string => {
  const columns = columnsOf(layout)
  const firstOfEach = columns
    .filter(({ checks }) => checks.length > 0)
    .map(
      ({ checks }) => `CASE ${checks.map((c) => `WHEN ${c.fails} THEN ${c.says}`).join(' ')} END`,
    )
  const tooLong = columns
    .flatMap(({ checks }) => checks)
    .flatMap((c) => (c.tooLong ? [`CASE WHEN ${c.fails} THEN ${literal(c.tooLong)} END`] : []))
  const count = layout.header.length
  return `SELECT * FROM (SELECT number,
  CASE WHEN cells IS NULL
    THEN 'a quote is not closed or stands inside a value; put the value in quotes, '
      || 'write \\" for a quote in it'
  WHEN len(cells) <> ${count} THEN 'has ' || len(cells) || ' values, the header has ${count}'
  ELSE nullif(concat_ws('; ', ${firstOfEach}), '') END AS problem,
  CASE WHEN len(cells) = ${count} THEN coalesce(${[...tooLong, 'NULL']}) END AS "tooLong"
FROM (${rawCells(layout, lines)})) WHERE problem IS NOT NULL ORDER BY number`
}

const simpleCell = '(?:"[^"\\\\]*"|[^",]*)'
const cell = '(?s:"(?:[^"\\\\]|\\\\.|"")*"|[^",]*)'

/**
 * Lines without escapes, three times as fast as the pattern: cut at the quotes, every second part
 * is quoted. Its commas become NUL, which no line holds, while the line is cut at the others.
 */
const simpleCells = (line: string) => `list_transform(
    string_split(array_to_string(list_transform(string_split(${line}, '"'),
      lambda part, k: CASE WHEN k % 2 = 0 THEN replace(part, ',', chr(0)) ELSE part END), ''), ','),
    lambda c: replace(c, chr(0), ','))`

/**
 * One pass from left to right, so that `\\"` is a backslash and the end of the value.
 * The cell has its comma in front.
 */
const unquoted = (quoted: string) =>
  `regexp_replace(substring(${quoted}, 3, length(${quoted}) - 3), '\\\\(["\\\\])|"(")', '\\1\\2', 'g')`

/**
 * The lines with their cells, and the raw text of each schema column as
 * r0, r1 ...: NULL where it is empty.
 */
const rawCells = ({ schema, header }: Layout, lines: string): string => {
  const raw = schema.fields.map(
    ({ name }, k) => `nullif(cells[${header.indexOf(name) + 1}], '') AS r${k}`,
  )
  return `SELECT *, ${raw} FROM (
    SELECT *, ${cellsOf('line')} AS cells FROM (${lines}) WHERE line <> '')`
}

const shapeFails = ({ header }: Layout) => `cells IS NULL OR len(cells) <> ${header.length}`

/**
 * One thing that can be wrong with a value: the SQL that finds it, the SQL that
 * says it, AWS's text if it has one.
 */
type Check = { fails: string; says: string; tooLong?: string }

const columnsOf = ({ schema }: Layout) =>
  schema.fields.map((field, k) => ({
    field,
    stored: stored(field, `r${k}`),
    checks: checks(field, `r${k}`),
  }))

/** AWS's numbers, in characters. Spec C.7, E.6. */
const idLengthMax = 256
const valueLengthMax = 1000
/** A time of the year 5138: what is later counts milliseconds, a common slip. */
const secondsMax = 99_999_999_999
/** AWS: 7,000 for Chinese and Japanese; we keep the larger number for all. */
const textualLengthMax = 20_000

const stored = (field: Field, raw: string): string => {
  if (field.textual) return `left(${raw}, ${textualLengthMax})`
  return field.type === 'string' ? raw : `TRY_CAST(${raw} AS ${columnType(field)})`
}

function checks(field: Field, raw: string): Check[] {
  const found = field.type === 'string' ? lengthChecks(field, raw) : valueChecks(field, raw)
  if (field.nullable) return found
  const says = literal(`${field.name} is empty, but its type does not allow null`)
  return [{ fails: `${raw} IS NULL`, says }, ...found]
}

function valueChecks(field: Field, raw: string): Check[] {
  const { name, type } = field
  const value = `TRY_CAST(${raw} AS ${columnType(field)})`
  const isTime = name.endsWith('TIMESTAMP')
  const unless = (legal: string, means: string): Check => ({
    fails: `${raw} IS NOT NULL AND NOT (${legal})`,
    says: `${literal(`${name} `)} || ${shown(raw)} || ${literal(` is not ${means}`)}`,
  })
  if (type === 'boolean') return [unless(`${raw} IN ('true', 'false')`, 'true or false')]
  // NOTE: DuckDB's casts also read 1_000, 0x10, ' 1 ', and 1.5 as the
  // integer 2: the pattern comes first.
  if (type === 'float' || type === 'double') {
    const pattern = '[-+]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][-+]?[0-9]+)?'
    const finite = `coalesce(isfinite(${value}), false)`
    return [unless(`regexp_full_match(${raw}, '${pattern}') AND ${finite}`, 'a finite number')]
  }
  const integer = `regexp_full_match(${raw}, '[-+]?[0-9]+') AND ${value} IS NOT NULL`
  if (!isTime) return [unless(integer, `an integer that fits ${type}`)]
  return [
    unless(integer, 'an integer number of epoch seconds'),
    unless(`${value} >= 0`, 'a time after 1970; it must not be negative'),
    unless(`${value} <= ${secondsMax}`, 'a time in seconds; divide milliseconds by 1000'),
  ]
}

function lengthChecks(field: Field, raw: string): Check[] {
  if (field.textual) return []
  const { name } = field
  const most = ['USER_ID', 'ITEM_ID', 'ACTION_ID'].includes(name) ? idLengthMax : valueLengthMax
  // The bound is for each of several categories, not for all of them together.
  const length = field.categorical
    ? `list_max(list_transform(string_split(${raw}, '|'), lambda v: length(v)))`
    : `length(${raw})`
  return [
    {
      fails: `CASE WHEN length(${raw}) > ${most} THEN ${length} > ${most} ELSE false END`,
      says: `${literal(`${name} `)} || ${shown(raw)} || ' has more than ${most} characters'`,
      tooLong: tooLongText(name, most),
    },
  ]
}

/** Observed text, spec J.3. */
const tooLongText = (name: string, most: number) =>
  `Length cannot be more than ${most} characters for ${name}. If no values exceed the character ` +
  'limit, make sure your data follows the formatting guidelines listed in ' +
  'https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html.'

const shown = (raw: string) =>
  `'''' || left(${raw}, 40) || CASE WHEN length(${raw}) > 40 THEN '...' ELSE '' END || ''''`
