import type { DuckDBConnection } from '@duckdb/node-api'
import { chunksOf, columnNumbers } from '../../data/duck.ts'
import { itemColumn } from '../../data/itemAttributes.ts'
import type { AttributeColumn } from '../engine.ts'
import { sharedFloats32, sharedInts } from './arrays.ts'

/**
 * What items have in common: a trait is a value of a category column, or a tenth of a number column. Item i has the
 * traits starts[i]..starts[i + 1]); weights[t] is 1 / (items with trait t + 3), as rare traits say more.
 */
export type ItemTraits = {
  starts: Uint32Array
  traits: Uint32Array
  weights: Float32Array
}

/** Parts that a number column is cut into. */
const numberParts = 10
const itemsMin = 2
const shrinkage = 3

/** Reads the traits of the rows of `modelItemRow`; those that a single item has say nothing of others and are left out. */
export async function itemTraits(
  connection: DuckDBConnection,
  columns: AttributeColumn[],
  itemCount: number,
): Promise<ItemTraits> {
  if (columns.length === 0)
    return { starts: sharedInts(itemCount + 1), traits: sharedInts(0), weights: sharedFloats32(0) }
  const parts = columns.map(({ name, kind }, n) => {
    const column = itemColumn(name)
    const value =
      kind === 'category'
        ? `unnest(string_split(CAST(${column} AS VARCHAR), '|'))`
        : `CAST(ntile(${numberParts}) OVER (ORDER BY ${column}) AS VARCHAR)`
    return `SELECT DISTINCT ${n} AS place, ${value} AS value, "index" FROM modelItemRow WHERE ${column} IS NOT NULL`
  })
  const rows = await connection.stream(
    `WITH pair AS (${parts.join(' UNION ALL ')}),
     common AS (
       SELECT place, value, CAST(row_number() OVER (ORDER BY place, value) - 1 AS UINTEGER) AS trait
       FROM pair GROUP BY place, value HAVING count(*) >= ${itemsMin})
     SELECT "index", trait FROM pair JOIN common USING (place, value) ORDER BY 1, 2`,
  )
  const starts = sharedInts(itemCount + 1)
  const found: Uint32Array[] = []
  let traitCount = 0
  for await (const chunk of chunksOf(rows)) {
    for (const item of columnNumbers(chunk, 0, Uint32Array)) starts[item + 1]!++
    const traits = columnNumbers(chunk, 1, Uint32Array).slice(0, chunk.rowCount)
    for (const trait of traits) traitCount = Math.max(traitCount, trait + 1)
    found.push(traits)
  }
  for (let item = 0; item < itemCount; item++) starts[item + 1]! += starts[item]!
  const traits = sharedInts(starts[itemCount]!)
  let at = 0
  for (const each of found) {
    traits.set(each, at)
    at += each.length
  }
  const weights = sharedFloats32(traitCount)
  for (const trait of traits) weights[trait]!++
  for (let trait = 0; trait < traitCount; trait++)
    weights[trait] = 1 / (weights[trait]! + shrinkage)
  return { starts, traits, weights }
}
