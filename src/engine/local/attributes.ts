import {
  type DuckDBConnection,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  VARCHAR,
} from '@duckdb/node-api'
import { columnTypes } from '../../data/columnCondition.ts'
import { chunksOf, columnNumbers, identifier } from '../../data/duck.ts'
import { itemColumn } from '../../data/itemAttributes.ts'
import { JobFailure } from '../../errors.ts'
import type { AttributeColumn, Snapshot, TrainingPlan } from '../engine.ts'
import { jsonId } from './prepare.ts'
import { random, sample } from './random.ts'

const triesPerPair = 4

/**
 * Adds the items without events to `modelItem`, behind the others and in the same order, and leaves the temporary table
 * `modelItemRow`: index, id and the plan's attribute columns of every item, the last record of an item winning. Returns
 * how many have no events. JobFailure where a plan for attributes finds nothing to work with.
 */
export async function prepareItems(
  connection: DuckDBConnection,
  plan: TrainingPlan,
  snapshot: Snapshot,
): Promise<number> {
  if (plan.attributes.length === 0 || snapshot.items.length === 0) {
    requireNoAttributes(plan)
    await connection.run('CREATE TEMP TABLE modelItemRow AS SELECT * FROM modelItem')
    return 0
  }
  const types = await columnTypes(connection, snapshot.items)
  const paths: [Record<string, DuckDBValue>, Record<string, DuckDBType>] = [
    { paths: listValue(snapshot.items) },
    { paths: LIST(VARCHAR) },
  ]
  const added = await connection.run(
    `INSERT INTO modelItem
     SELECT CAST((SELECT count(*) FROM modelItem) + row_number() OVER (ORDER BY ${jsonId}) - 1 AS UINTEGER), id
     FROM (SELECT DISTINCT ITEM_ID AS id FROM read_parquet($paths, union_by_name = true))
     ANTI JOIN modelItem USING (id)`,
    ...paths,
  )
  const columns = plan.attributes.map(({ name, kind }) => {
    // A column that the schema got after the last import: no item has a value yet.
    const none = kind === 'category' ? 'NULL::VARCHAR' : 'NULL::DOUBLE'
    return `${types.has(name.toUpperCase()) ? identifier(name) : none} AS ${itemColumn(name)}`
  })
  const stored = plan.attributes.map(({ name }) => itemColumn(name))
  await connection.run(
    `CREATE TEMP TABLE modelItemRow AS
     SELECT "index", id, ${stored.join(', ')} FROM modelItem LEFT JOIN (
       SELECT ITEM_ID, ${columns.join(', ')}
       FROM read_parquet($paths, union_by_name = true)
       QUALIFY row_number() OVER (
         PARTITION BY ITEM_ID ORDER BY file_index DESC, file_row_number DESC) = 1
     ) AS item ON id = ITEM_ID`,
    ...paths,
  )
  if (plan.model !== 'itemAttributeAffinity') return added.rowsChanged
  const anyValue = plan.attributes.map(({ name }) => `${itemColumn(name)} IS NOT NULL`)
  const usable = await connection.runAndReadAll(
    `SELECT count(*) FROM modelItemRow
     WHERE "index" < (SELECT count(*) FROM modelItemRow) - ${added.rowsChanged} AND (${anyValue.join(' OR ')})`,
  )
  if (Number(usable.value(0, 0)) === 0)
    throw new JobFailure(
      `No item of the interactions has a value in the Items dataset's columns ${names(plan)}.`,
    )
  return added.rowsChanged
}

/** The items with events of each value of each attribute column, values split at `|` in category columns. */
export async function attributeSets(
  connection: DuckDBConnection,
  columns: AttributeColumn[],
  itemCount: number,
): Promise<Uint32Array[]> {
  const sets: Uint32Array[] = []
  for (const column of columns) {
    const name = itemColumn(column.name)
    const value =
      column.kind === 'category' ? `unnest(string_split(CAST(${name} AS VARCHAR), '|'))` : name
    const rows = await connection.stream(
      `SELECT CAST(dense_rank() OVER (ORDER BY value) - 1 AS UINTEGER), "index"
       FROM (SELECT DISTINCT ${value} AS value, "index" FROM modelItemRow WHERE "index" < ${itemCount})
       WHERE value IS NOT NULL ORDER BY 1, 2`,
    )
    const itemsOf: number[][] = []
    for await (const chunk of chunksOf(rows)) {
      const items = columnNumbers(chunk, 1, Uint32Array)
      columnNumbers(chunk, 0, Uint32Array).forEach((value, row) => {
        itemsOf[value] ??= []
        itemsOf[value].push(items[row]!)
      })
    }
    for (const items of itemsOf) sets.push(Uint32Array.from(items))
  }
  return sets
}

/**
 * Sets of the items that have two values both, values that an item at random has: as many as there are values, fewer
 * where hardly any two values share two items.
 */
export function pairSets(values: Uint32Array[], itemCount: number, seed: number): Uint32Array[] {
  const draw = random(seed, 5)
  const { starts, columns: valuesOf } = transposed(values, itemCount)
  const seen = new Set<string>()
  const sets: Uint32Array[] = []
  for (let tries = 0; tries < triesPerPair * values.length; tries++) {
    if (sets.length === values.length) break
    const item = Math.floor(draw() * itemCount)
    const own = valuesOf.subarray(starts[item]!, starts[item + 1]!)
    const pair = Array.from(sample(own.length, 2, draw), (at) => own[at]!)
    if (pair.length < 2 || seen.has(String(pair))) continue
    seen.add(String(pair))
    const [rarer, other] = pair.sort((a, b) => values[a]!.length - values[b]!.length)
    const items = values[rarer!]!.filter((item) =>
      valuesOf.subarray(starts[item]!, starts[item + 1]!).includes(other!),
    )
    if (items.length > 1) sets.push(items)
  }
  return sets
}

/** The values of each item, ascending. */
function transposed(values: Uint32Array[], itemCount: number) {
  const starts = new Uint32Array(itemCount + 1)
  for (const items of values) for (const item of items) starts[item + 1]!++
  for (let item = 0; item < itemCount; item++) starts[item + 1]! += starts[item]!
  const columns = new Uint32Array(starts[itemCount]!)
  const next = starts.slice()
  for (const [value, items] of values.entries())
    for (const item of items) columns[next[item]!++] = value
  return { starts, columns }
}

function requireNoAttributes(plan: TrainingPlan): void {
  if (plan.model !== 'itemAttributeAffinity') return
  throw new JobFailure(
    plan.attributes.length === 0
      ? 'The Items dataset has no categorical or numerical column to train on.'
      : 'The dataset group has no Items dataset with imported items to train on.',
  )
}

const names = (plan: TrainingPlan) => plan.attributes.map(({ name }) => name).join(', ')
