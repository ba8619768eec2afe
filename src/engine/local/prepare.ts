import {
  DOUBLE,
  type DuckDBConnection,
  type DuckDBValue,
  LIST,
  listValue,
  VARCHAR,
} from '@duckdb/node-api'
import { columnTypes } from '../../data/columnCondition.ts'
import { chunksOf, columnNumbers, readRows } from '../../data/duck.ts'
import { JobFailure } from '../../errors.ts'
import type { EventRule, Snapshot, TrainingPlan } from '../engine.ts'
import { sharedFloats32, sharedInts } from './arrays.ts'

/** The events that count, by user index, each user's oldest first (ties by item index). */
export type Events = {
  userCount: number
  itemCount: number
  eventCount: number
  /** Events of user u are at starts[u]..starts[u+1]). */
  starts: Uint32Array
  items: Uint32Array
  /** Seconds since the first event, and the second after the last. */
  times: Uint32Array
  end: number
  /** Undefined: every event weighs 1. */
  weights: Float32Array | undefined
}

/** An id as JSON text. */
export const jsonId = 'to_json(id)::VARCHAR'

const eventsMin = 1000
const activeUsersMin = 25
const activeUsersShareMin = 0.01

/**
 * Reads the events that the plan's rules let through, and leaves the temporary tables `modelUser` (index, id; in byte
 * order of the id) and `modelItem` (in byte order of the id as JSON, by which it is found) on the connection. Throws JobFailure where the data are not enough (spec E.8).
 */
export async function prepareEvents(
  connection: DuckDBConnection,
  plan: TrainingPlan,
  snapshot: Snapshot,
): Promise<Events> {
  await selectEvents(connection, plan.events, snapshot.interactions)
  const itemCount = await requireEnough(connection, plan.events)
  await connection.run(dictionarySql('modelUser', 'userId', 'id'))
  await connection.run(dictionarySql('modelItem', 'itemId', jsonId))
  return readEvents(connection, plan, itemCount)
}

/**
 * The events with the first `itemCount` items of the table `modelItem`, which is there; the table `modelUser` is made
 * from them. JobFailure where there are none.
 */
export async function eventsWithItems(
  connection: DuckDBConnection,
  plan: TrainingPlan,
  snapshot: Snapshot,
  itemCount: number,
): Promise<Events> {
  await selectEvents(connection, plan.events, snapshot.interactions)
  await connection.run(
    `DELETE FROM event WHERE itemId NOT IN (SELECT id FROM modelItem WHERE "index" < ${itemCount})`,
  )
  await connection.run(dictionarySql('modelUser', 'userId', 'id'))
  const events = await readEvents(connection, plan, itemCount)
  if (events.eventCount === 0)
    throw new JobFailure('No interaction is with an item that the solution version was trained on.')
  return events
}

/** Reads the table `event`, numbered by `modelUser` and `modelItem`, and drops it. */
async function readEvents(
  connection: DuckDBConnection,
  plan: TrainingPlan,
  itemCount: number,
): Promise<Events> {
  const [row] = await readRows<Record<string, bigint>>(
    connection,
    'SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM modelUser) AS users',
  )
  const [eventCount, userCount] = [Number(row!.events), Number(row!.users)]
  const events = {
    ...{ eventCount, userCount, itemCount },
    starts: sharedInts(userCount + 1),
    items: sharedInts(eventCount),
    times: sharedInts(eventCount),
    end: 0,
    weights: plan.events.length === 0 ? undefined : sharedFloats32(eventCount),
  }
  await fetchEvents(connection, events)
  await connection.run('DROP TABLE event')
  return events
}

async function selectEvents(
  connection: DuckDBConnection,
  rules: EventRule[],
  paths: string[],
): Promise<void> {
  if (paths.length === 0) throw new JobFailure('The dataset group has no interactions to train on.')
  const types = await columnTypes(connection, paths)
  const { sql, values } = weightSql(rules, types)
  await connection.run(
    `CREATE TEMP TABLE event AS
     SELECT * FROM (
       SELECT USER_ID AS userId, ITEM_ID AS itemId, "TIMESTAMP" AS time, CAST(${sql} AS FLOAT) AS weight
       FROM read_parquet($paths, union_by_name = true))
     WHERE weight > 0`,
    { ...values, paths: listValue(paths) },
    {
      ...Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          typeof value === 'number' ? DOUBLE : VARCHAR,
        ]),
      ),
      paths: LIST(VARCHAR),
    },
  )
}

/** An event's weight: the largest of the rules that match it, 0 where none does. */
function weightSql(rules: EventRule[], types: Map<string, string>) {
  const values: Record<string, DuckDBValue> = {}
  if (rules.length === 0) return { sql: '1', values }
  const cases = rules.map((rule, n) => {
    const terms: string[] = []
    if (rule.eventType !== undefined) {
      requireColumn(types, 'EVENT_TYPE', 'an event type')
      values[`type${n}`] = rule.eventType
      terms.push(`EVENT_TYPE = $type${n}`)
    }
    if (rule.valueAtLeast !== undefined) {
      requireColumn(types, 'EVENT_VALUE', 'an event value threshold')
      values[`value${n}`] = rule.valueAtLeast
      // NOTE: 9.99 as FLOAT is not 9.99 as DOUBLE, so that the threshold takes the column's type.
      const type = types.get('EVENT_VALUE') === 'FLOAT' ? 'FLOAT' : 'DOUBLE'
      terms.push(`EVENT_VALUE >= CAST($value${n} AS ${type})`)
    }
    values[`weight${n}`] = rule.weight
    return `CASE WHEN ${terms.join(' AND ') || 'true'} THEN $weight${n} ELSE 0 END`
  })
  return { sql: `greatest(${cases.join(', ')})`, values }
}

function requireColumn(types: Map<string, string>, column: string, what: string): void {
  if (!types.has(column))
    throw new JobFailure(
      `The solution asks for ${what}, but the Interactions dataset has no column ${column}.`,
    )
}

/** How many items there are. */
async function requireEnough(connection: DuckDBConnection, rules: EventRule[]): Promise<number> {
  const [row] = await readRows<Record<string, bigint>>(
    connection,
    `SELECT coalesce(sum(n), 0)::BIGINT AS events, count(*) AS users,
       count(*) FILTER (n >= 2) AS active, (SELECT count(DISTINCT itemId) FROM event) AS items
     FROM (SELECT count(*) AS n FROM event GROUP BY userId)`,
  )
  const [eventCount, userCount, active, itemCount] = [
    Number(row!.events),
    Number(row!.users),
    Number(row!.active),
    Number(row!.items),
  ]
  const types = rules.flatMap((rule) => rule.eventType ?? [])
  if (types.length > 0 && eventCount < eventsMin)
    throw new JobFailure(
      `Dataset has fewer than 1000 interactions after filtering by event type: ${types.join(', ')}`,
    )
  if (active < activeUsersMin)
    throw new JobFailure('Dataset has fewer than 25 users with at least 2 interactions each.')
  if (eventCount < eventsMin) throw new JobFailure('Dataset has fewer than 1000 interactions')
  if (active < activeUsersShareMin * userCount)
    throw new JobFailure('Dataset has fewer than 1% of users with at least 2 interactions each.')
  return itemCount
}

// DuckDB orders text by its UTF-8 bytes.
const dictionarySql = (table: string, column: string, order: string) =>
  `CREATE TEMP TABLE ${table} AS
   SELECT CAST(row_number() OVER (ORDER BY ${order}) - 1 AS UINTEGER) AS "index", id
   FROM (SELECT DISTINCT ${column} AS id FROM event)`

/** Events of a user at one time must not come in the order of the items: the newest fifth would be of the last items. */
const scattered = `(CAST(modelItem."index" AS BIGINT) * 2654435761 + CAST(modelUser."index" AS BIGINT) * 40503) % 4294967296`

async function fetchEvents(connection: DuckDBConnection, events: Events): Promise<void> {
  const { starts, items, times, weights } = events
  const rows = await connection.stream(
    `SELECT modelUser."index", modelItem."index", weight,
       CAST(least(time - (SELECT min(time) FROM event), 4294967295) AS UINTEGER)
     FROM event JOIN modelUser ON userId = modelUser.id JOIN modelItem ON itemId = modelItem.id
     ORDER BY modelUser."index", time, ${scattered}, modelItem."index", weight`,
  )
  let at = 0
  for await (const chunk of chunksOf(rows)) {
    for (const user of columnNumbers(chunk, 0, Uint32Array)) starts[user + 1]!++
    items.set(columnNumbers(chunk, 1, Uint32Array), at)
    weights?.set(columnNumbers(chunk, 2, Float32Array), at)
    times.set(columnNumbers(chunk, 3, Uint32Array), at)
    at += chunk.rowCount
  }
  for (let user = 0; user < events.userCount; user++) starts[user + 1]! += starts[user]!
  for (const time of times) events.end = Math.max(events.end, time + 1)
}
