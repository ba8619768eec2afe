import assert from 'node:assert/strict'
import type { DuckDBConnection } from '@duckdb/node-api'
import {
  type BoundValues,
  bind,
  columnTypes,
  comparesTo,
  holdsAny,
  parameterTypes,
} from './columnCondition.ts'
import { chunksOf, columnNumbers, type Duck, withConnection } from './duck.ts'
import { type Filter, filterSubject } from './filterExpression.ts'
import {
  type BoundCondition,
  type BoundFilter,
  type BoundPart,
  bindFilter,
} from './filterValues.ts'

/**
 * The Parquet files a mask is computed from, oldest first; of users, later files win. Only values of `userCategories`,
 * in upper case, are split at `|` (spec E.2 [D23]).
 */
export type MaskSnapshot = { interactions: string[]; users: string[]; userCategories: string[] }

/**
 * The users that a filter on UserID lets through, as bits: user u is bit u&7 of byte u>>3.
 * Spec F.3 to F.5. `modelUsers` is a Parquet file with `index` (0..userCount-1) and `id`. A
 * user without a value (no row, no event, NULL) meets no condition, not even NOT IN. LineError
 * where `filterValues` do not fit.
 *
 * NOTE: AWS looks at the 100 newest events of each user and event type. Conditions ask only whether
 * a user has an event of a type, and the newest one says that: counting to 100 changes nothing.
 */
export async function userMask(
  duck: Duck,
  filter: Filter,
  filterValues: Record<string, string>,
  snapshot: MaskSnapshot,
  modelUsers: string,
  userCount: number,
): Promise<Uint8Array> {
  assert.equal(filterSubject(filter), 'UserID')
  const bound = bindFilter(filter, filterValues)
  return withConnection(duck, async (connection) => {
    const { sql, parameters } = await maskSql(connection, bound, snapshot, modelUsers)
    const rows = await connection.stream(sql, parameters.values, parameterTypes(parameters))
    const mask = new Uint8Array(Math.ceil(userCount / 8))
    for await (const chunk of chunksOf(rows)) {
      for (const user of columnNumbers(chunk, 0, Uint32Array)) {
        assert(user < userCount, 'a user index is below the count of users')
        mask[user >> 3]! |= 1 << (user & 7)
      }
    }
    return mask
  })
}

/** A mask without these users; undefined stands for everybody. */
export function maskWithout(
  users: Uint32Array,
  mask: Uint8Array | undefined,
  userCount: number,
): Uint8Array {
  const without = mask?.slice() ?? new Uint8Array(Math.ceil(userCount / 8)).fill(255)
  for (const user of users) without[user >>> 3]! &= ~(1 << (user & 7))
  return without
}

/** Lines of one job whose keys are equal share a mask. LineError as `userMask`. */
export const maskKey = (filter: Filter, filterValues: Record<string, string>): string =>
  JSON.stringify(bindFilter(filter, filterValues))

/** What the statement is made of, in the order in which it is collected. */
type Draft = {
  parameters: BoundValues
  userTypes: Map<string, string>
  userColumns: Set<string>
  /** Each is true for a user who has such an event; column e0, e1, ... */
  eventTests: string[]
}

async function maskSql(
  connection: DuckDBConnection,
  filter: BoundFilter,
  snapshot: MaskSnapshot,
  modelUsers: string,
): Promise<{ sql: string; parameters: BoundValues }> {
  const hasUsers = snapshot.users.length > 0
  const draft: Draft = {
    parameters: { values: {} },
    userTypes: hasUsers ? await columnTypes(connection, snapshot.users) : new Map(),
    userColumns: new Set(),
    eventTests: [],
  }
  const { parameters, userColumns, eventTests } = draft
  const allowed = filterSql(filter, draft, snapshot)
  const model = bind(parameters, modelUsers)
  let sql = `SELECT CAST(model."index" AS UINTEGER) FROM read_parquet(${model}) AS model`
  if (userColumns.size > 0) {
    const paths = bind(parameters, snapshot.users)
    sql += ` LEFT JOIN (
      SELECT USER_ID, ${[...userColumns].join(', ')}
      FROM read_parquet(${paths}, union_by_name = true)
      QUALIFY row_number() OVER (
        PARTITION BY USER_ID ORDER BY file_index DESC, file_row_number DESC) = 1
    ) AS users ON users.USER_ID = model.id`
  }
  if (eventTests.length > 0) {
    const paths = bind(parameters, snapshot.interactions)
    const columns = eventTests.map((test, n) => `bool_or(${test}) AS e${n}`)
    sql += ` LEFT JOIN (
      SELECT USER_ID, ${columns.join(', ')} FROM read_parquet(${paths}, union_by_name = true)
      GROUP BY USER_ID
    ) AS events ON events.USER_ID = model.id`
  }
  return { sql: `${sql} WHERE ${allowed}`, parameters }
}

/**
 * All that INCLUDE expressions name together, or everyone, less what
 * EXCLUDE expressions name. Spec F.4.
 */
function filterSql(filter: BoundFilter, draft: Draft, snapshot: MaskSnapshot): string {
  const named = (verb: BoundPart['verb']) =>
    filter
      .filter((part) => part.verb === verb)
      .flatMap((part) => part.any)
      .map((all) => all.map((condition) => conditionSql(condition, draft, snapshot)).join(' AND '))
      .map((all) => `(${all})`)
      .join(' OR ')
  return `(${named('INCLUDE') || 'true'}) AND NOT (${named('EXCLUDE') || 'false'})`
}

function conditionSql(condition: BoundCondition, draft: Draft, snapshot: MaskSnapshot): string {
  const { field, operator, values } = condition
  if (field.dataset === 'Interactions') {
    if (snapshot.interactions.length === 0) return 'false'
    draft.eventTests.push(eventSql(values, draft.parameters))
    const test = `events.e${draft.eventTests.length - 1}`
    return `coalesce(${operator === 'NOT IN' ? `NOT ${test}` : test}, false)`
  }
  assert.equal(field.dataset, 'Users')
  const type = draft.userTypes.get(field.name.toUpperCase())
  // A column that the schema got after the last import: nobody has a value yet.
  if (type === undefined) return 'false'
  draft.userColumns.add(`"${field.name.toUpperCase()}"`)
  const column = `users."${field.name}"`
  if (operator === 'IN' || operator === 'NOT IN') {
    const test = snapshot.userCategories.includes(field.name.toUpperCase())
      ? holdsAny(column, values, draft.parameters)
      : `${column} IN (SELECT unnest(${bind(draft.parameters, values)}))`
    return `coalesce(${operator === 'NOT IN' ? `NOT ${test}` : test}, false)`
  }
  const number = values[0]!
  const value = bind(draft.parameters, number)
  return `coalesce(${comparesTo(column, type, operator, number, value)}, false)`
}

/**
 * Whether an event is of one of the types, ignoring case; `*` is any type. NULL where it has none.
 */
function eventSql(types: string[], parameters: BoundValues): string {
  if (types.includes('*')) return 'EVENT_TYPE IS NOT NULL'
  return `lower(EVENT_TYPE) IN (${types.map((t) => `lower(${bind(parameters, t)})`).join(', ')})`
}
