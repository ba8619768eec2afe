import assert from 'node:assert/strict'
import type { DuckDBConnection } from '@duckdb/node-api'
import { wireLimits } from '../limits.ts'
import {
  type AttributeQuery,
  type AttributeTerm,
  literal,
  termsOf,
  withoutNot,
  written,
} from './attributeExpression.ts'
import {
  type BoundValues,
  bind,
  columnTypes,
  comparesTo,
  isNumber,
  numberType,
  parameterTypes,
} from './columnCondition.ts'
import { chunksOf, columnNumbers, type Duck, identifier, readRows } from './duck.ts'
import { LineError } from './queryLine.ts'

/** A column that queries may name: categories hold strings, several of them between `|`. */
export type QueryColumn = { name: string; kind: 'category' | 'number' }

/** The items of one model, ready for many queries. */
export type ModelItems = {
  /**
   * The sorted indexes of the items that meet the query, at least one. An item without a value in a
   * column meets no comparison with it, and not its opposite either. LineError for a column that is
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
    const types = await columnTypes(connection, [path])
    const itemCount = await createNumberTable(connection, path, columns)
    const items: Items = { connection, path, columns, types, itemCount, valued: new Map() }
    return { matching: (query) => matching(items, query), close }
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
  itemCount: number
  /** The items with a value in a category column, once the column has been asked for. */
  valued: Map<string, ItemSet>
}

/** Item i is bit i & 31 of word i >>> 5. */
type ItemSet = Uint32Array

/** The table `item`: index and number columns. The count of its rows. */
async function createNumberTable(
  connection: DuckDBConnection,
  path: string,
  columns: QueryColumn[],
): Promise<number> {
  const numbers = columns.filter(({ kind }) => kind === 'number')
  const names = ['"index"', ...numbers.map(({ name }) => itemColumn(name))]
  await connection.run(
    `CREATE TEMP TABLE item AS SELECT ${names.join(', ')} FROM read_parquet($1)`,
    [path],
  )
  const [row] = await readRows<{ n: bigint }>(connection, 'SELECT count(*) AS n FROM item')
  return Number(row!.n)
}

/**
 * The items of each value of a category column, so that a line does not look into every item: a value
 * such as `drama|comedy` holds its parts and itself.
 */
async function createValueTable(items: Items, column: string): Promise<void> {
  if (items.valued.has(column)) return
  const name = itemColumn(column)
  const from = `FROM read_parquet($p0) WHERE ${name} IS NOT NULL`
  const parameters = { values: { p0: items.path } }
  await items.connection.run(
    `CREATE TEMP TABLE ${valueTable(column)} AS
     SELECT value, list(item) AS items FROM (
       SELECT DISTINCT "index" AS item,
         unnest(list_append(string_split(${name}, '|'), ${name})) AS value ${from})
     GROUP BY value`,
    parameters.values,
  )
  items.valued.set(column, await select(items, `SELECT "index" ${from}`, parameters))
}

const valueTable = (column: string) => identifier(`items by ${column}`)

async function matching(items: Items, asked: AttributeQuery): Promise<Uint32Array> {
  const query = withoutNot(asked)
  const terms = termsOf(query)
  for (const term of terms) checkTerm(term, items.columns)
  const sets: TermSets = new Map()
  for (const term of terms) sets.set(term, await itemsOf(items, term))
  const found = indexesOf(meeting(query, sets))
  if (found.length > 0) return found
  throw new LineError(`No item of the training data has ${missing(query, sets)}.`)
}

/** The items that meet each comparison of a query. */
type TermSets = Map<AttributeQuery, ItemSet>

/** The items that meet a query without NOT. */
function meeting(query: AttributeQuery, sets: TermSets): ItemSet {
  if ('and' in query)
    return query.and
      .map((part) => meeting(part, sets))
      .reduce((a, b) => a.map((word, n) => word & b[n]!))
  if ('or' in query)
    return query.or
      .map((part) => meeting(part, sets))
      .reduce((a, b) => a.map((word, n) => word | b[n]!))
  return sets.get(query)!
}

/** Why no item meets the query: its smallest part that none meets. */
function missing(query: AttributeQuery, sets: TermSets): string {
  if ('or' in query) return `any of ${shown(query)}`
  if (!('and' in query)) return shown(query)
  const part = query.and.find((part) => meeting(part, sets).every((word) => word === 0))
  return part ? missing(part, sets) : `all of ${shown(query)}`
}

function shown(query: AttributeQuery): string {
  const text = written(query)
  const most = wireLimits.shownCharsMax
  return text.length > most ? `${text.slice(0, most)}...` : text
}

async function itemsOf(items: Items, term: AttributeTerm): Promise<ItemSet> {
  const { name, kind } = columnOf(term, items.columns)
  const parameters: BoundValues = { values: {} }
  if (kind === 'number') {
    const condition = numberSql(term, items.types, parameters)
    return select(items, `SELECT "index" FROM item WHERE ${condition}`, parameters)
  }
  await createValueTable(items, name)
  const wanted = bind(
    parameters,
    term.values.map(({ text }) => text),
  )
  const from = `FROM ${valueTable(name)} WHERE value IN (SELECT unnest(${wanted}))`
  const holding = await select(items, `SELECT unnest(items) AS "index" ${from}`, parameters)
  if (term.operator === '=' || term.operator === 'IN') return holding
  return items.valued.get(name)!.map((word, n) => word & ~holding[n]!)
}

function numberSql(
  { column: name, operator, values }: AttributeTerm,
  types: Items['types'],
  parameters: BoundValues,
): string {
  const column = itemColumn(name)
  const type = types.get(`ITEMS.${name.toUpperCase()}`)!
  const texts = values.map(({ text }) => text)
  if (operator !== 'IN' && operator !== 'NOT IN')
    return comparesTo(column, type, operator, texts[0]!, bind(parameters, texts[0]!))
  return Array.from(
    Map.groupBy(texts, (text) => numberType(type, text)),
    ([as, some]) =>
      `${column} ${operator} (SELECT CAST(unnest(${bind(parameters, some)}) AS ${as}))`,
  ).join(operator === 'IN' ? ' OR ' : ' AND ')
}

/** The items whose `index` a statement gives. */
async function select(
  { connection, itemCount }: Items,
  sql: string,
  parameters: BoundValues,
): Promise<ItemSet> {
  const rows = await connection.run(
    `SELECT CAST("index" AS UINTEGER) FROM (${sql})`,
    parameters.values,
    parameterTypes(parameters),
  )
  const set = new Uint32Array(Math.ceil(itemCount / 32))
  for await (const chunk of chunksOf(rows))
    for (const item of columnNumbers(chunk, 0, Uint32Array)) {
      assert(item < itemCount, 'an item index is below the count of items')
      set[item >>> 5]! |= 1 << (item & 31)
    }
  return set
}

function indexesOf(set: ItemSet): Uint32Array {
  const indexes: number[] = []
  for (const [n, word] of set.entries())
    for (let left = word; left !== 0; left &= left - 1)
      indexes.push(32 * n + 31 - Math.clz32(left & -left))
  return Uint32Array.from(indexes)
}

function columnOf({ column: name }: AttributeTerm, columns: QueryColumn[]): QueryColumn {
  const upper = name.toUpperCase()
  const column = columns.find(({ name }) => name.toUpperCase() === upper)
  if (column) return column
  const names = columns.map(({ name }) => `ITEMS.${name}`).join(', ')
  throw new LineError(
    `ITEMS.${name} is not a column that this solution version was trained with. ` +
      `It was trained with ${names || 'no column'}.`,
  )
}

function checkTerm(term: AttributeTerm, columns: QueryColumn[]): void {
  const { name, kind } = columnOf(term, columns)
  const wrong = term.values.find(({ text }) => !isNumber(text))
  if (kind === 'number' && wrong)
    throw new LineError(
      `ITEMS.${name} holds numbers and cannot be compared with ${literal(wrong)}.`,
    )
  if (kind === 'category' && /[<>]/.test(term.operator))
    throw new LineError(
      `ITEMS.${name} holds strings and can be compared with =, !=, IN and NOT IN only, ` +
        `not ${term.operator}.`,
    )
}
