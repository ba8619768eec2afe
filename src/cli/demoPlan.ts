import { literal } from '../data/attributeExpression.ts'
import type { Column, CsvFolder, Table, TableName } from '../data/csvFolder.ts'
import { coreRules } from '../data/schemaRules.ts'

/** Why the demo cannot go on with this data or server, in words for the person who started it. */
export class DemoFailure extends Error {}

/** What the demo does with a folder of CSV files: decided from headers and values alone. */
export type DemoPlan = {
  /** The Avro schema of each table that is used, as JSON text. */
  schemas: Partial<Record<TableName, string>>
  /** Lines of the two query files; the second is absent without a usable items table. */
  itemQueries: ItemQuery[]
  attributeQueries?: AttributeQuery[]
  filter?: { expression: string; label: string }
  /** Columns that say who a user is, and what a user's favourites are counted by. */
  userColumns: string[]
  favouriteColumns: string[]
  /** Width of the model; the recipe's default when absent. */
  hiddenDimension?: number
}
export type ItemQuery = { itemId: string; label: string }
export type AttributeQuery = { itemAttributes: string; label: string }

/**
 * Infers schemas, queries and the filter. Throws DemoFailure where
 * Personalize could not use the data.
 */
export async function planDemo(folder: CsvFolder): Promise<DemoPlan> {
  const { interactions, items, users } = folder.tables
  requireColumns('interactions', interactions, ['USER_ID', 'ITEM_ID', 'TIMESTAMP'])
  if (column(interactions, 'TIMESTAMP')!.kind !== 'whole')
    throw new DemoFailure('interactions.csv: TIMESTAMP must hold whole seconds since 1970.')
  if (items) requireColumns('items', items, ['ITEM_ID'])
  if (users) requireColumns('users', users, ['USER_ID'])

  const attributes = items ? queryable('items', items) : []
  const categories = users ? queryable('users', users).filter(({ kind }) => kind === 'text') : []
  const title = items && freeTexts(items)[0]?.name
  const main = attributes.find(({ kind }) => kind === 'text')?.name
  const popular = await folder.popularItems(3, main)
  const known = title ?? main
  const words = known ? await folder.itemValues(popular, known) : new Map<string, string>()
  const filter = categories[0] && (await userFilter(folder, categories[0].name))

  return {
    schemas: {
      interactions: schemaOf('interactions', interactions),
      ...(items && hasMetadata('items', items) && { items: schemaOf('items', items) }),
      ...(users && hasMetadata('users', users) && { users: schemaOf('users', users) }),
    },
    itemQueries: popular.map((itemId) => {
      const word = words.get(itemId)
      return { itemId, label: !word ? itemId : title ? word : `${itemId} (${main} ${word})` }
    }),
    ...(attributes.length > 0 && { attributeQueries: await askAttributes(folder, attributes) }),
    ...(filter && { filter }),
    userColumns: categories.slice(0, 2).map(({ name }) => name),
    favouriteColumns: attributes
      .filter(({ kind }) => kind === 'text')
      .slice(0, 2)
      .map(({ name }) => name),
  }
}

const names = { interactions: 'Interactions', items: 'Items', users: 'Users' }
/** The fields that Personalize knows by name: whatever else a table has is metadata. */
const rulesOf = (table: TableName) => coreRules[table.toUpperCase() as Uppercase<TableName>].fields
const isMetadata = (table: TableName, { name }: Column) => !Object.hasOwn(rulesOf(table), name)

function schemaOf(table: TableName, { columns, ...rest }: Table): string {
  const text = table === 'items' ? freeTexts({ columns, ...rest })[0] : undefined
  return JSON.stringify({
    type: 'record',
    name: names[table],
    namespace: 'com.amazonaws.personalize.schema',
    fields: columns.map((each) => fieldOf(table, each, { columns, ...rest }, each === text)),
    version: '1.0',
  })
}

function fieldOf(table: TableName, { name, kind, missing }: Column, of: Table, textual: boolean) {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new DemoFailure(
      `${table}.csv: the column name '${name}' must be letters, digits and _ only.`,
    )
  const rule = rulesOf(table)[name]
  if (rule) {
    const type = rule.types[0]!
    return { name, type: missing && !rule.notNull ? ['null', type] : type }
  }
  const type = kind === 'whole' ? 'long' : kind === 'decimal' ? 'float' : 'string'
  const free = freeTexts(of).some((each) => each.name === name)
  return {
    name,
    type: missing ? ['null', type] : type,
    ...(textual && { textual: true }),
    ...(type === 'string' && !free && { categorical: true }),
  }
}

/**
 * Text columns whose values hardly repeat (names, descriptions), the longest first: no categories.
 */
const freeTexts = ({ rows, columns }: Table) =>
  columns
    .filter(
      ({ name, kind, distinct }) => kind === 'text' && !/_ID$/.test(name) && distinct > rows / 2,
    )
    .filter(({ length }) => length > 8)
    .toSorted((a, b) => b.length - a.length)

/**
 * Columns that a query or a filter can name, those of few values first to be of use to a reader.
 */
function queryable(table: TableName, of: Table): Column[] {
  const free = freeTexts(of)
  const own = of.columns.filter((each) => isMetadata(table, each) && !free.includes(each))
  const [few, many] = [own.filter(isCategory), own.filter((each) => !isCategory(each))]
  return [...few, ...many]
}
const isCategory = ({ kind, distinct }: Column) => kind === 'text' && distinct > 1

/** Personalize wants one column of its own in Users and Items. Spec E.3. */
const hasMetadata = (table: TableName, { columns }: Table) =>
  columns.some((each) => isMetadata(table, each))

const column = (table: Table, name: string) => table.columns.find((each) => each.name === name)

function requireColumns(table: TableName, found: Table, wanted: string[]): void {
  const lacking = wanted.filter((name) => !column(found, name))
  if (lacking.length > 0)
    throw new DemoFailure(
      `${table}.csv has no column ${lacking.join(', ')}. ` +
        `Its columns are ${found.columns.map(({ name }) => name).join(', ')}.`,
    )
  if (found.rows === 0) throw new DemoFailure(`${table}.csv has a header but no rows.`)
}

/**
 * The three most frequent values of the first column, and the most frequent pair with the second.
 */
async function askAttributes(folder: CsvFolder, attributes: Column[]): Promise<AttributeQuery[]> {
  const [first, second] = attributes
  const values = await folder.frequentValues('items', first!.name, 3)
  const single = values.map((value) => ({
    label: `${first!.name} ${value}`,
    term: termOf(first!, value),
  }))
  const queries = single.map(({ label, term }) => ({ label, itemAttributes: term }))
  if (!second || !values[0]) return queries
  const [pair] = await folder.frequentValues('items', second.name, 1, {
    column: first!.name,
    value: values[0],
  })
  if (pair === undefined) return queries
  return [
    ...queries,
    {
      label: `${single[0]!.label} and ${second.name} ${pair}`,
      itemAttributes: `${termOf(first!, values[0])} AND ${termOf(second, pair)}`,
    },
  ]
}

const termOf = ({ name, kind }: Column, value: string) =>
  `ITEMS.${name} = ${literal({ kind: kind === 'text' ? 'string' : 'number', text: value })}`

async function userFilter(folder: CsvFolder, name: string) {
  const [value] = await folder.frequentValues('users', name, 1)
  if (value === undefined) return undefined
  return {
    expression: `INCLUDE UserID WHERE Users.${name} IN (${literal({ kind: 'string', text: value })})`,
    label: `${name} ${value}`,
  }
}
