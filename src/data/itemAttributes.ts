import {
  bind,
  columnTypes,
  comparesTo,
  holdsAny,
  isNumber,
  type Parameters,
  parameterTypes,
} from './columnCondition.ts'
import { type Duck, withConnection } from './duck.ts'
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

/**
 * The sorted indexes of the items that meet all terms, at least one. `modelItems` is a Parquet file
 * with `index` (dense), `id` and the columns. LineError for a column that is not among them, an
 * operator or value that does not fit its column, and what no item of the training data has.
 */
export async function matchingItems(
  duck: Duck,
  modelItems: string,
  columns: QueryColumn[],
  query: AttributeQuery,
): Promise<Uint32Array> {
  for (const term of query.terms) checkTerm(term, columns)
  return withConnection(duck, async (connection) => {
    const types = await columnTypes(connection, [modelItems])
    const select = async (terms: AttributeTerm[]) => {
      const parameters: Parameters = { values: {} }
      const items = bind(parameters, modelItems)
      const conditions = terms.map((term) => termSql(term, columns, types, parameters))
      const result = await connection.runAndReadAll(
        `SELECT CAST("index" AS UINTEGER) FROM read_parquet(${items}) ` +
          `WHERE ${conditions.join(' AND ')} ORDER BY 1`,
        parameters.values,
        parameterTypes(parameters),
      )
      return Uint32Array.from(result.getRows(), ([index]) => index as number)
    }
    const found = await select(query.terms)
    if (found.length > 0) return found
    for (const term of query.terms) {
      if ((await select([term])).length === 0)
        throw new LineError(`No item of the training data has ${written(term)}.`)
    }
    throw new LineError(
      `No item of the training data has all of ${query.terms.map(written).join(' AND ')}.`,
    )
  })
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

function termSql(
  term: AttributeTerm,
  columns: QueryColumn[],
  types: Map<string, string>,
  parameters: Parameters,
): string {
  const column = columnOf(term, columns)
  const type = types.get(column.name.toUpperCase())!
  const { text } = term.value
  return column.kind === 'category'
    ? holdsAny(`"${column.name}"`, [text], parameters)
    : comparesTo(`"${column.name}"`, type, term.operator, text, bind(parameters, text))
}

const written = (term: AttributeTerm) => `ITEMS.${term.column} ${term.operator} ${literal(term)}`

const literal = ({ value }: AttributeTerm) =>
  value.kind === 'number' ? value.text : JSON.stringify(value.text)
