import { type DuckDBConnection, LIST, listValue, VARCHAR } from '@duckdb/node-api'

/**
 * Values for a statement's parameters, all of them text: `bind` gives back the parameter's name.
 */
export type BoundValues = { values: Record<string, string | ReturnType<typeof listValue>> }

/** The type of each column of some Parquet files together, by upper-case name. */
export async function columnTypes(
  connection: DuckDBConnection,
  paths: string[],
): Promise<Map<string, string>> {
  const result = await connection.run(
    'SELECT * FROM read_parquet($paths, union_by_name = true) LIMIT 0',
    { paths: listValue(paths) },
    { paths: LIST(VARCHAR) },
  )
  const types = result.columnTypes()
  return new Map(result.columnNames().map((name, n) => [name.toUpperCase(), `${types[n]}`]))
}

export const bind = (parameters: BoundValues, value: string | string[]): string => {
  const name = `p${Object.keys(parameters.values).length}`
  parameters.values[name] = typeof value === 'string' ? value : listValue(value)
  return `$${name}`
}

/** What DuckDB cannot see from an empty list: the types of the bound values. */
export const parameterTypes = ({ values }: BoundValues) =>
  Object.fromEntries(
    Object.entries(values).map(([name, v]) => [
      name,
      typeof v === 'string' ? VARCHAR : LIST(VARCHAR),
    ]),
  )

/**
 * SQL for "the column holds one of these strings", NULL for NULL. A value such as `drama|comedy`
 * holds its parts and itself. One string is looked for without splitting, which is quicker.
 */
export function holdsAny(column: string, values: string[], parameters: BoundValues): string {
  if (values.length === 1 && !values[0]!.includes('|'))
    return `contains('|' || ${column} || '|', ${bind(parameters, `|${values[0]}|`)})`
  return `CASE WHEN ${column} IS NOT NULL THEN
    list_has_any(list_append(string_split(${column}, '|'), ${column}),
      ${bind(parameters, values)}) END`
}

/** SQL for a comparison with a number given as text, exact for 64-bit integers. */
export const comparesTo = (
  column: string,
  type: string,
  operator: string,
  number: string,
  value: string,
) => `${column} ${operator} CAST(${value} AS ${numberType(type, number)})`

/**
 * What a number given as text becomes before a column of this type is compared with it.
 * NOTE: 9.99 as FLOAT is not 9.99 as DOUBLE, so that the number takes the column's type.
 */
export function numberType(type: string, number: string): 'FLOAT' | 'DOUBLE' | 'HUGEINT' {
  const whole = /^-?\d{1,37}$/.test(number) && /INT/.test(type)
  return type === 'FLOAT' ? 'FLOAT' : whole ? 'HUGEINT' : 'DOUBLE'
}

/** Whether a text is a number as expressions write it. */
export const isNumber = (text: string) => /^-?\d+(\.\d+)?$/.test(text)
