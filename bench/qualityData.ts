import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { readRows } from '../src/data/duck.ts'
import type { AttributeColumn } from '../src/engine/engine.ts'

/** What an outside measurement reached or asks for: hits and recall. */
export type Goal = { hits: number; recall: number; stretch?: { hits: number; recall: number } }

export type Split = 'aws' | 'time'
export type DataSet = {
  /** Days of the held-out window. */
  days: number
  /** SQL of ITEM_ID and the attribute columns. */
  items: (folder: string) => string
  columns: AttributeColumn[]
  /** Users who have the item already are left out. */
  onlyNew?: boolean
  goals: Partial<Record<Split, Goal>>
  /**
   * Attribute queries are measured too, of the time split: SQL of (value, ITEM_ID) from the table `item`, those with at
   * least so many items. They are those with which the most active users do as well as in the goal's measurement.
   */
  attributes?: { values: string; itemsMin: number; goal: Goal }
}

const categories = (...names: string[]): AttributeColumn[] =>
  names.map((name) => ({ name, kind: 'category' }))
const number = (name: string): AttributeColumn => ({ name, kind: 'number' })

/** The data sets of `../shared/data`, and the targets for them. */
export const dataSets: Record<string, DataSet> = {
  'online-retail': {
    days: 30,
    items: (folder) =>
      `SELECT ITEM_ID::VARCHAR AS ITEM_ID, PRICE::DOUBLE AS PRICE,
         array_to_string(list_distinct(string_split_regex(trim(DESCRIPTION), '\\s+')), '|') AS WORDS
       FROM read_csv('${folder}/items.csv.gz', all_varchar = true)`,
    columns: [...categories('WORDS'), number('PRICE')],
    goals: { time: { hits: 4.4, recall: 0.32 }, aws: { hits: 5.1, recall: 0.275 } },
    attributes: {
      values: `SELECT unnest(string_split(WORDS, '|')) AS value, ITEM_ID FROM item`,
      itemsMin: 9,
      goal: { hits: 17.8, recall: 0.455 },
    },
  },
  'complete-journey': {
    days: 28,
    items: (folder) =>
      `SELECT * REPLACE (ITEM_ID::VARCHAR AS ITEM_ID, MANUFACTURER_ID::VARCHAR AS MANUFACTURER_ID)
       FROM read_csv('${folder}/items.csv.gz', all_varchar = true)`,
    columns: categories(
      'MANUFACTURER_ID',
      'DEPARTMENT',
      'BRAND',
      'PRODUCT_CATEGORY',
      'PRODUCT_TYPE',
      'PACKAGE_SIZE',
    ),
    goals: { time: { hits: 0.235, recall: 0.15 }, aws: { hits: 0.32, recall: 0.145 } },
    attributes: {
      values: 'SELECT MANUFACTURER_ID AS value, ITEM_ID FROM item',
      itemsMin: 8,
      goal: { hits: 1.13, recall: 0.185 },
    },
  },
  'ml-latest-small': {
    days: 30,
    items: (folder) =>
      `SELECT ITEM_ID::VARCHAR AS ITEM_ID, GENRES, YEAR::DOUBLE AS YEAR
       FROM read_csv('${folder}/items.csv.gz', all_varchar = true)`,
    columns: [...categories('GENRES'), number('YEAR')],
    onlyNew: true,
    goals: { aws: { hits: 0.61, recall: 0.222, stretch: { hits: 0.67, recall: 0.238 } } },
  },
  airline: {
    days: 30,
    items: (folder) =>
      `SELECT * REPLACE (ITEM_ID::VARCHAR AS ITEM_ID) FROM read_csv('${folder}/items.csv.gz', all_varchar = true)`,
    columns: categories('DSTCity', 'SRCCity', 'Airline', 'Season', 'Promotion', 'Expired'),
    goals: { aws: { hits: 4.15, recall: 0.205, stretch: { hits: 4.5, recall: 0.27 } } },
  },
}

export const dataRoot = join(import.meta.dirname, '../../shared/data')
export const missingData = existsSync(dataRoot) ? undefined : `there is no data at ${dataRoot}`

/** Parquet files of a data set's older part, and who acted on what in the newer part. */
export type Parted = {
  interactions: string
  items: string
  /** Users of the older part. */
  userCount: number
  /** All of them, the most active first. */
  mostActive: string[]
  /** Users who acted on each item that the older part knows, events of theirs, and who had it before. */
  queries: { query: string; items: string[]; acted: string[]; before: string[] }[]
  /** Queries at random, also those on which nobody acted, with the events of known users in the newer part. */
  levels: { items: string[]; events: number }[]
}

const queriesMax = 5000
const levelsMax = 25_000

/**
 * Splits by SQL of its own. `aws`: each user's newest 20 %, rounded up, but never the only event. `time`: what happened
 * in the last days. Queries are items, or with `attributes` values of them.
 */
export async function part(
  connection: DuckDBConnection,
  name: string,
  split: Split,
  folder: string,
  attributes: boolean,
): Promise<Parted> {
  const set = dataSets[name]!
  const source = join(dataRoot, name)
  const held =
    split === 'aws'
      ? `place > n - least(ceil(0.2 * n), n - 1)`
      : `"TIMESTAMP" > (SELECT max("TIMESTAMP") FROM raw) - ${set.days * 86_400}`
  const interactions = join(folder, 'interactions.parquet')
  const items = join(folder, 'items.parquet')
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE raw AS SELECT USER_ID::VARCHAR AS USER_ID, ITEM_ID::VARCHAR AS ITEM_ID,
       "TIMESTAMP"::BIGINT AS "TIMESTAMP",
       row_number() OVER () AS line FROM read_csv('${source}/interactions.csv.gz', all_varchar = true);
     CREATE OR REPLACE TEMP TABLE event AS SELECT USER_ID, ITEM_ID, "TIMESTAMP", ${held} AS held FROM (
       SELECT *, row_number() OVER (PARTITION BY USER_ID ORDER BY "TIMESTAMP", line) AS place,
         count(*) OVER (PARTITION BY USER_ID) AS n FROM raw);
     CREATE OR REPLACE TEMP TABLE known AS SELECT USER_ID, count(*) AS n FROM event WHERE NOT held GROUP BY 1;
     CREATE OR REPLACE TEMP TABLE item AS ${set.items(source)};
     COPY (SELECT USER_ID, ITEM_ID, "TIMESTAMP" FROM event WHERE NOT held) TO '${interactions}';
     COPY item TO '${items}'`,
  )
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE wanted AS ${
      attributes
        ? `SELECT DISTINCT value AS query, ITEM_ID FROM (${set.attributes!.values})
           SEMI JOIN (SELECT ITEM_ID FROM event WHERE NOT held) USING (ITEM_ID) WHERE value <> ''
           QUALIFY count(*) OVER (PARTITION BY value) >= ${set.attributes!.itemsMin}`
        : 'SELECT DISTINCT ITEM_ID AS query, ITEM_ID FROM event WHERE NOT held'
    }`,
  )
  const queries = await readRows<Parted['queries'][number]>(
    connection,
    `SELECT query, list(DISTINCT ITEM_ID) AS items, list(DISTINCT USER_ID) FILTER (held) AS acted,
       list(DISTINCT USER_ID) FILTER (NOT held) AS before
     FROM event SEMI JOIN known USING (USER_ID) JOIN wanted USING (ITEM_ID) GROUP BY query
     HAVING count(*) FILTER (held) > 0 ORDER BY hash(query) LIMIT ${queriesMax}`,
  )
  const levels = await readRows<Parted['levels'][number]>(
    connection,
    `SELECT list(DISTINCT ITEM_ID) AS items, (count(*) FILTER (held))::DOUBLE AS events
     FROM event SEMI JOIN known USING (USER_ID) JOIN wanted USING (ITEM_ID) GROUP BY query
     ORDER BY hash(query) LIMIT ${levelsMax}`,
  )
  const [count] = await readRows<{ users: number }>(
    connection,
    'SELECT count(*)::DOUBLE AS users FROM known',
  )
  const active = await readRows<{ user: string }>(
    connection,
    'SELECT USER_ID AS "user" FROM known ORDER BY n DESC, USER_ID',
  )
  return {
    ...{ interactions, items, queries, levels, userCount: count!.users },
    mostActive: active.map(({ user }) => user),
  }
}
