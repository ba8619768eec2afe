import type { DuckDBConnection } from '@duckdb/node-api'
import {
  bind,
  columnTypes,
  comparesTo,
  isNumber,
  type Parameters,
  parameterTypes,
} from './columnCondition.ts'
import { type Duck, identifier } from './duck.ts'
import { grammar } from './grammar.ts'
import { LineError } from './queryLine.ts'

/** An `itemAttributes` expression as plain data: items must meet all terms. Spec D.5. */
export type AttributeQuery = { terms: AttributeTerm[] }
export type AttributeTerm = {
  /** As written, without `ITEMS.`. */
  column: string
  operator: '=' | '<' | '<=' | '>' | '>='
  /** Numbers keep the digits that were written. */
  value: { kind: 'string' | 'number'; text: string }
}

/** A column that queries may name: categories hold strings, several of them between `|`. */
export type QueryColumn = { name: string; kind: 'category' | 'number' }

/**
 * Reads an expression such as `ITEMS.genres = "Comedy" AND ITEMS.PRICE < 20`; LineError tells the
 * position, what was found and what was expected. Source: developer guide, "Batch segment input";
 * comparisons of numbers other than `=` are ours (spec N.5).
 */
export const parseItemAttributes: (text: string) => AttributeQuery = grammar(
  './itemAttributes.peggy',
  (message) => new LineError(message),
)

/** The items of one model, ready for many queries. */
export type ModelItems = {
  /**
   * The sorted indexes of the items that meet all terms, at least one. LineError for a column that is
   * not among those of the model, an operator or value that does not fit its column, and what no item
   * of the training data has.
   */
  matching(query: AttributeQuery): Promise<Uint32Array>
  close(): void
}

/** The column of a model's `items.parquet`: no schema can have a field of a name with a dot. */
export const itemColumn = (name: string) => identifier(`ITEMS.${name.toUpperCase()}`)

/** Reads a Parquet file with `index` (dense) and the columns of the items (`itemColumn`). */
export async function openItems(
  duck: Duck,
  path: string,
  columns: QueryColumn[],
): Promise<ModelItems> {
  const connection = await duck.connect()
  const close = () => connection.closeSync()
  try {
    const items = { connection, path, columns, types: await columnTypes(connection, [path]) }
    await createNumberTable(items)
    const byValue = new Set<string>()
    return {
      async matching({ terms }) {
        for (const term of terms) checkTerm(term, columns)
        for (const { name, kind } of terms.map((term) => columnOf(term, columns)))
          if (kind === 'category' && !byValue.has(name)) {
            await createValueTable(items, name)
            byValue.add(name)
          }
        return matching(items, terms)
      },
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

type Items = {
  connection: DuckDBConnection
  path: string
  columns: QueryColumn[]
  types: Map<string, string>
}

/** The table `item`: index and number columns. */
async function createNumberTable({ connection, path, columns }: Items): Promise<void> {
  const numbers = columns.filter(({ kind }) => kind === 'number')
  const names = ['"index"', ...numbers.map(({ name }) => itemColumn(name))]
  await connection.run(
    `CREATE TEMP TABLE item AS SELECT ${names.join(', ')} FROM read_parquet($1)`,
    [path],
  )
}

/**
 * The items of each value of a category column, so that a line does not look into every item: a value
 * such as `drama|comedy` holds its parts and itself.
 */
async function createValueTable({ connection, path }: Items, column: string): Promise<void> {
  const name = itemColumn(column)
  await connection.run(
    `CREATE TEMP TABLE ${valueTable(column)} AS
     SELECT value, list(item) AS items FROM (
       SELECT DISTINCT "index" AS item,
         unnest(list_append(string_split(${name}, '|'), ${name})) AS value
       FROM read_parquet($1))
     GROUP BY value`,
    [path],
  )
}

const valueTable = (column: string) => identifier(`items by ${column}`)

async function matching(items: Items, terms: AttributeTerm[]): Promise<Uint32Array> {
  const found = await select(items, terms)
  if (found.length > 0) return found
  for (const term of terms)
    if ((await select(items, [term])).length === 0)
      throw new LineError(`No item of the training data has ${written(term)}.`)
  throw new LineError(
    `No item of the training data has all of ${terms.map(written).join(' AND ')}.`,
  )
}

async function select(items: Items, terms: AttributeTerm[]): Promise<Uint32Array> {
  const parameters: Parameters = { values: {} }
  const [first, ...others] = terms.map((term) => `(${setSql(term, items, parameters)})`)
  const joins = others.map((set) => ` SEMI JOIN ${set} USING ("index")`).join('')
  const result = await items.connection.runAndReadAll(
    `SELECT CAST("index" AS UINTEGER) FROM ${first}${joins} ORDER BY 1`,
    parameters.values,
    parameterTypes(parameters),
  )
  const [indexes = []] = result.getColumns()
  return Uint32Array.from(indexes as number[])
}

/** The items that meet one term. */
function setSql(term: AttributeTerm, { columns, types }: Items, parameters: Parameters): string {
  const { name, kind } = columnOf(term, columns)
  const { text } = term.value
  const value = bind(parameters, text)
  if (kind === 'category')
    return `SELECT unnest(items) AS "index" FROM ${valueTable(name)} WHERE value = ${value}`
  const type = types.get(`ITEMS.${name.toUpperCase()}`)!
  const condition = comparesTo(itemColumn(name), type, term.operator, text, value)
  return `SELECT "index" FROM item WHERE ${condition}`
}

function columnOf(term: AttributeTerm, columns: QueryColumn[]): QueryColumn {
  const upper = term.column.toUpperCase()
  const column = columns.find(({ name }) => name.toUpperCase() === upper)
  if (column) return column
  const names = columns.map(({ name }) => `ITEMS.${name}`).join(', ')
  throw new LineError(
    `ITEMS.${term.column} is not a column that this solution version was trained with. ` +
      `It was trained with ${names || 'no column'}.`,
  )
}

function checkTerm(term: AttributeTerm, columns: QueryColumn[]): void {
  const column = columnOf(term, columns)
  if (column.kind === 'number' && !isNumber(term.value.text))
    throw new LineError(
      `ITEMS.${column.name} holds numbers and cannot be compared with ${literal(term)}.`,
    )
  if (column.kind === 'category' && term.operator !== '=')
    throw new LineError(
      `ITEMS.${column.name} holds strings and can be compared with = only, not ${term.operator}.`,
    )
}

const written = (term: AttributeTerm) => `ITEMS.${term.column} ${term.operator} ${literal(term)}`

const literal = ({ value }: AttributeTerm) =>
  value.kind === 'number' ? value.text : JSON.stringify(value.text)
