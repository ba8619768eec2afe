import { join } from 'node:path'
import type { Context } from '../context.ts'
import { parseItemAttributes } from '../data/attributeExpression.ts'
import type { Filter } from '../data/filterExpression.ts'
import type { ModelItems } from '../data/itemAttributes.ts'
import {
  isBlank,
  LineError,
  lineInput,
  parseQueryLine,
  type QueryLine,
  requireQuery,
} from '../data/queryLine.ts'
import type { ScoreTable } from '../data/scoreTable.ts'
import { failedLine, segmentLine } from '../data/segmentLine.ts'
import { maskKey, maskWithout, userMask } from '../data/userMask.ts'
import type { Model, Run, Segment, SegmentQuery, SegmentRequest } from '../engine/engine.ts'
import { limits } from '../limits.ts'
import type { Recipe } from '../recipes/index.ts'
import type { SnapshotFiles } from '../store/resource.ts'
import type { OpenVersion } from './models.ts'
import type { NewUsersOfJob } from './newUsers.ts'
import { numbersOf } from './numbers.ts'
import { maskSnapshot } from './snapshotPaths.ts'

/** One input line, understood or not. */
type Asked =
  | {
      input: string
      request: SegmentRequest
      scores: boolean
      filterValues: Record<string, string>
    }
  | { input: string; error: string }

/** How many lines were read, blank ones aside, and how many of them were JSON. */
export type Tally = { lines: number; json: number }

type Question = {
  asker: Asker
  model: Model
  newUsers: NewUsersOfJob
  lines: AsyncIterable<string>
  tally: Tally
  /** Gets the scores of all lines where it is there. */
  table: ScoreTable | undefined
}

/** What the lines of one job, or of one request, have in common. */
export type Source = {
  recipe: Recipe
  filter: Filter | undefined
  snapshot: SnapshotFiles
  /** For lines that do not say how many users they want. */
  numResults: number
}

/** Understands lines of one source; what several of them need is computed once. */
export type Asker = { ask(line: string): Promise<Asked> }

export function asker(ctx: Context, { model, items }: OpenVersion, source: Source): Asker {
  const { recipe, numResults } = source
  const { strict } = ctx.config
  const masks = maskCache(ctx, source, model)
  return {
    async ask(text) {
      try {
        const line = parseQueryLine(text, strict)
        requireQuery(line, recipe.query, strict)
        const query = await queryOf(line, model, items, strict)
        const resultCount = line.numResults ?? numResults
        const allowed = await masks(line.filterValues)
        const mask =
          'users' in query ? maskWithout(query.users, allowed, model.document.userCount) : allowed
        const { input, scores, filterValues } = line
        return { input, request: { query, resultCount, mask }, scores, filterValues }
      } catch (error) {
        if (error instanceof LineError) return { input: lineInput(text), error: error.message }
        throw error
      }
    },
  }
}

/**
 * The bytes of the `.out` object for these lines, in order: blocks of lines are scored together,
 * and what is wrong with one line becomes that line's error. Adds to `tally` what was read.
 */
export async function* answers(
  { asker, model, newUsers, lines, tally, table }: Question,
  run: Run,
): AsyncGenerator<string | Uint8Array> {
  let line = 0
  for await (const block of blocks(lines, asker, model, tally)) {
    run.signal.throwIfAborted()
    const requests = block.flatMap((asked) => ('request' in asked ? [asked.request] : []))
    const segments = (await model.segment(requests, run)).values()
    for (const asked of block) {
      line++
      if ('error' in asked) {
        yield failedLine(asked.input, asked.error)
        continue
      }
      const { request, filterValues } = asked
      const known = segments.next().value!
      // Nothing says of a new user whom it is like.
      const most = 'users' in request.query ? 0 : request.resultCount - known.users.length
      const unknown = await newUsers.first(most, filterValues)
      const ids = idText(model, newUsers, known.users, unknown, run.signal)
      if (!asked.scores && table === undefined) {
        yield* segmentLine(asked.input, ids)
        continue
      }
      const segment = await whole(model, request, known, unknown, run.signal)
      await table?.add(line, segment)
      const numbers = asked.scores ? numbersOf(model, request, segment, run.signal) : []
      yield* segmentLine(asked.input, ids, numbers)
    }
  }
}

async function* idText(
  model: Model,
  newUsers: NewUsersOfJob,
  known: Uint32Array,
  unknown: Uint32Array,
  signal: AbortSignal,
): AsyncGenerator<string | Uint8Array> {
  yield* model.idText(known, signal)
  if (unknown.length === 0) return
  if (known.length > 0) yield ','
  yield* newUsers.idText(unknown)
}

/** A segment with users at its end of whom nothing is known: none scores more than those before. */
async function whole(
  model: Model,
  { query }: SegmentRequest,
  known: Segment,
  unknown: Uint32Array,
  signal: AbortSignal,
): Promise<Segment> {
  if (unknown.length === 0) return known
  const { users, logScores } = known
  const size = users.length + unknown.length
  const all = { ...known, users: new Uint32Array(size), logScores: new Float32Array(size) }
  const logScore = await model.unknownUser(query, signal)
  all.users.set(users)
  all.users.set(unknown, users.length)
  all.logScores.set(logScores)
  all.logScores.fill(Math.min(logScore, logScores.at(-1) ?? logScore), users.length)
  return all
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** Lines that are scored together, bounded by how many users they name; a line alone may name more. */
async function* blocks(
  lines: AsyncIterable<string>,
  asker: Asker,
  model: Model,
  tally: Tally,
): AsyncGenerator<Asked[]> {
  let block: Asked[] = []
  let users = 0
  for await (const line of lines) {
    if (isBlank(line)) continue
    tally.lines += 1
    if (isJson(line)) tally.json += 1
    const asked = await asker.ask(line)
    const count =
      'request' in asked ? Math.min(asked.request.resultCount, model.document.userCount) : 0
    const isFull =
      block.length === limits.segmentBlockQueries || users + count > limits.segmentBlockUsers
    if (block.length > 0 && isFull) {
      yield block
      block = []
      users = 0
    }
    block.push(asked)
    users += count
  }
  if (block.length > 0) yield block
}

async function queryOf(
  line: QueryLine,
  model: Model,
  items: ModelItems,
  strict: boolean,
): Promise<SegmentQuery> {
  if (line.itemAttributes !== undefined)
    return { items: await items.matching(parseItemAttributes(line.itemAttributes, strict)) }
  if (line.userIds) return { users: usersOf(line.userIds, model) }
  return { items: itemsOf(line.items ?? [line.itemId!], model) }
}

function itemsOf(ids: string[], model: Model): Uint32Array {
  const indexes = ids.map((id) => model.itemIndex(id))
  const unknown = ids.filter((_, n) => indexes[n] === undefined)
  if (unknown.length > 0)
    throw new LineError(
      `The item${unknown.length > 1 ? 's' : ''} ${named(unknown)} ` +
        'had no interactions when the solution version was trained.',
    )
  return Uint32Array.from(indexes as number[])
}

/** Users of whom nothing is known say nothing about who is like them. */
function usersOf(ids: string[], model: Model): Uint32Array {
  const known = ids.flatMap((id) => model.userIndex(id) ?? [])
  if (known.length === 0)
    throw new LineError(
      `None of the users ${named(ids)} had interactions when the solution version was trained.`,
    )
  return Uint32Array.from(known)
}

const namedMax = 10

const named = (ids: string[]) =>
  ids.length > namedMax
    ? `${ids.slice(0, namedMax).join(', ')} and ${ids.length - namedMax} more`
    : ids.join(', ')

/** Lines whose filter comes out the same share a mask; the newest few are kept. */
function maskCache(
  ctx: Context,
  { filter, snapshot }: Source,
  model: Model,
): (values: Record<string, string>) => Promise<Uint8Array | undefined> {
  const paths = maskSnapshot(ctx, snapshot)
  const cache = new Map<string, Uint8Array>()
  return async (values) => {
    if (!filter) return undefined
    const key = maskKey(filter, values)
    const mask =
      cache.get(key) ??
      (await userMask(
        ctx.duck,
        filter,
        values,
        paths,
        join(model.folder, 'users.parquet'),
        model.document.userCount,
      ))
    cache.set(key, mask)
    if (cache.size > limits.masksKept) cache.delete(cache.keys().next().value!)
    return mask
  }
}
