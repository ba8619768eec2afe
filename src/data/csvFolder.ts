import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance, LIST, listValue, VARCHAR } from '@duckdb/node-api'
import { identifier } from './duck.ts'

export type TableName = 'interactions' | 'items' | 'users'

/** What a column holds, judged by its values. `length` is a mean in characters. */
export type Column = {
  name: string
  kind: 'whole' | 'decimal' | 'text'
  missing: boolean
  distinct: number
  length: number
}
export type Table = { rows: number; columns: Column[] }

/** Only rows whose cell in `column` holds `value` (alone or between bars). */
export type Condition = { column: string; value: string }

/**
 * The most frequent value of an item column among the events of one user, with its share of them.
 */
export type Favourite = { value: string; share: number }
export type UserSketch = {
  id: string
  events: number
  /** Values of the columns asked for, in their order; '' where there is none. */
  own: string[]
  favourites: (Favourite | undefined)[]
}

/**
 * Three CSV files of one shop, opened for looking at: what the columns
 * are, what is popular, who is who.
 */
export type CsvFolder = {
  tables: { interactions: Table; items?: Table; users?: Table }
  /** Items with the most events, most first; at most one per value of `column` if that is given. */
  popularItems(count: number, column?: string): Promise<string[]>
  /**
   * The `count` most frequent values of a column, cells of several
   * values (`a|b`) counted value by value.
   */
  frequentValues(
    table: 'items' | 'users',
    column: string,
    count: number,
    where?: Condition,
  ): Promise<string[]>
  /** The values of `wanted` for each item that is known, by item id. */
  itemValues(ids: string[], wanted: string): Promise<Map<string, string>>
  sketchUsers(ids: string[], own: string[], favourites: string[]): Promise<UserSketch[]>
  close(): void
}

/**
 * Opens `interactions.csv` and, where they are there, `items.csv` and `users.csv`.
 * Throws if DuckDB cannot read one.
 */
export async function openCsvFolder(folder: string): Promise<CsvFolder> {
  const instance = await DuckDBInstance.create(':memory:', { autoload_known_extensions: 'false' })
  const connection = await instance.connect()
  const close = () => {
    connection.closeSync()
    instance.closeSync()
  }
  try {
    const interactions = await load(connection, folder, 'interactions')
    const items = await loadIfThere(connection, folder, 'items')
    const users = await loadIfThere(connection, folder, 'users')
    const tables = { interactions, ...(items && { items }), ...(users && { users }) }
    return {
      tables,
      popularItems: (count, column) => popularItems(connection, count, column),
      frequentValues: (table, column, count, where) =>
        frequentValues(connection, table, column, count, where),
      itemValues: (ids, wanted) => itemValues(connection, ids, wanted),
      sketchUsers: (ids, own, favourites) => sketchUsers(connection, ids, own, favourites),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

async function loadIfThere(
  connection: DuckDBConnection,
  folder: string,
  table: TableName,
): Promise<Table | undefined> {
  return existsSync(join(folder, `${table}.csv`)) ? load(connection, folder, table) : undefined
}

async function load(
  connection: DuckDBConnection,
  folder: string,
  table: TableName,
): Promise<Table> {
  await connection.run(
    `CREATE TABLE ${table} AS FROM read_csv($path, header = true, all_varchar = true, delim = ',')`,
    { path: join(folder, `${table}.csv`) },
  )
  const described = await rows(connection, `DESCRIBE ${table}`)
  const columns: Column[] = []
  for (const { column_name: name } of described)
    columns.push(await profile(connection, table, String(name)))
  const [counted] = await rows(connection, `SELECT count(*)::INTEGER AS n FROM ${table}`)
  return { rows: Number(counted!.n), columns }
}

async function profile(
  connection: DuckDBConnection,
  table: TableName,
  name: string,
): Promise<Column> {
  const cell = identifier(name)
  const [found] = await rows(
    connection,
    `SELECT count(*) > count(${cell}) AS missing,
            count(DISTINCT ${cell})::INTEGER AS "distinct",
            coalesce(avg(length(${cell})), 0) AS length,
            coalesce(bool_and(regexp_full_match(${cell}, '[+-]?\\d{1,18}')), false) AS whole,
            coalesce(bool_and(try_cast(${cell} AS DOUBLE) IS NOT NULL), false) AS decimal
     FROM ${table}`,
  )
  const { missing, distinct, length, whole, decimal } = found!
  return {
    name,
    kind: whole ? 'whole' : decimal ? 'decimal' : 'text',
    missing: Boolean(missing),
    distinct: Number(distinct),
    length: Number(length),
  }
}

async function popularItems(connection: DuckDBConnection, count: number, column?: string) {
  const found = column
    ? await rows(
        connection,
        `SELECT ITEM_ID FROM (
           SELECT ITEM_ID, any_value(items.${identifier(column)}) AS place, count(*) AS n
           FROM interactions JOIN items USING (ITEM_ID) GROUP BY ITEM_ID
           QUALIFY row_number() OVER (PARTITION BY place ORDER BY n DESC, ITEM_ID) = 1
         ) ORDER BY n DESC, ITEM_ID LIMIT ${count}`,
      )
    : await rows(
        connection,
        `SELECT ITEM_ID FROM interactions GROUP BY ITEM_ID
         ORDER BY count(*) DESC, ITEM_ID LIMIT ${count}`,
      )
  return found.map((row) => String(row.ITEM_ID))
}

async function frequentValues(
  connection: DuckDBConnection,
  table: TableName,
  column: string,
  count: number,
  where?: Condition,
) {
  const restriction = where
    ? `WHERE list_contains(string_split(${identifier(where.column)}, '|'), $texts[1])`
    : ''
  const found = await rows(
    connection,
    `SELECT value
     FROM (
       SELECT unnest(string_split(${identifier(column)}, '|')) AS value FROM ${table} ${restriction})
     WHERE value <> '' GROUP BY value ORDER BY count(*) DESC, value LIMIT ${count}`,
    where && [where.value],
  )
  return found.map((row) => String(row.value))
}

async function itemValues(connection: DuckDBConnection, ids: string[], wanted: string) {
  const found = await rows(
    connection,
    `SELECT ITEM_ID AS id, any_value(${identifier(wanted)}) AS value FROM items
     WHERE list_contains($texts, ITEM_ID) GROUP BY id`,
    ids,
  )
  return new Map(found.map((row) => [String(row.id), String(row.value ?? '')]))
}

async function sketchUsers(
  connection: DuckDBConnection,
  ids: string[],
  own: string[],
  favourites: string[],
): Promise<UserSketch[]> {
  const events = await byUser(
    connection,
    `SELECT USER_ID AS id, count(*)::INTEGER AS n FROM interactions
     WHERE list_contains($texts, USER_ID) GROUP BY id`,
    ids,
  )
  const columns = own.map((name, k) => `any_value(${identifier(name)}) AS v${k}`)
  const owned =
    own.length > 0
      ? await byUser(
          connection,
          `SELECT USER_ID AS id, ${columns.join(', ')}
           FROM users WHERE list_contains($texts, USER_ID) GROUP BY id`,
          ids,
        )
      : new Map<string, Record<string, unknown>>()
  const liked: Map<string, Record<string, unknown>>[] = []
  for (const name of favourites) liked.push(await favouriteValues(connection, ids, name))
  return ids.map((id) => ({
    id,
    events: Number(events.get(id)?.n ?? 0),
    own: own.map((_, k) => String(owned.get(id)?.[`v${k}`] ?? '')),
    favourites: liked.map((values) => {
      const row = values.get(id)
      return row && { value: String(row.value), share: Number(row.share) }
    }),
  }))
}

const favouriteValues = (connection: DuckDBConnection, ids: string[], column: string) =>
  byUser(
    connection,
    `SELECT id, arg_max(value, n) AS value, (max(n) / sum(n))::DOUBLE AS share FROM (
       SELECT id, value, count(*) AS n FROM (
         SELECT USER_ID AS id, unnest(string_split(items.${identifier(column)}, '|')) AS value
         FROM interactions JOIN items USING (ITEM_ID) WHERE list_contains($texts, USER_ID)
       ) WHERE value <> '' GROUP BY id, value
     ) GROUP BY id`,
    ids,
  )

async function byUser(connection: DuckDBConnection, sql: string, ids: string[]) {
  return new Map((await rows(connection, sql, ids)).map((row) => [String(row.id), row]))
}

async function rows(
  connection: DuckDBConnection,
  sql: string,
  texts?: string[],
): Promise<Record<string, unknown>[]> {
  const reader = texts
    ? await connection.runAndReadAll(sql, { texts: listValue(texts) }, { texts: LIST(VARCHAR) })
    : await connection.runAndReadAll(sql)
  return reader.getRowObjects()
}
