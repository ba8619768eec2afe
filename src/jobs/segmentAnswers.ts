import { join } from 'node:path'
import type { Context } from '../context.ts'
import { type Filter, parseFilter } from '../data/filterExpression.ts'
import { type ModelItems, openItems, parseItemAttributes } from '../data/itemAttributes.ts'
import {
  isBlank,
  LineError,
  lineInput,
  parseQueryLine,
  type QueryLine,
  requireQuery,
} from '../data/queryLine.ts'
import { failedLine, segmentLine } from '../data/segmentLine.ts'
import { maskKey, userMask } from '../data/userMask.ts'
import type { Model } from '../engine/engine.ts'
import { JobFailure } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Recipe } from '../recipes/index.ts'
import { get, type Resource } from '../store/resource.ts'
import type { JobRun } from './job.ts'

/** One input line, understood or not. */
type Asked =
  | { input: string; items: Uint32Array; mask: Uint8Array | undefined }
  | { input: string; error: string }

/** How many lines were read, blank ones aside, and how many of them were JSON. */
export type Tally = { lines: number; json: number }

type Question = { asker: Asker; model: Model; lines: AsyncIterable<string>; tally: Tally }

/** Understands the lines of one job; what several of them need is computed once. */
export type Asker = { ask(line: string): Promise<Asked>; close(): void }

/** The caller closes it, before the model. */
export async function openAsker(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
  recipe: Recipe,
  model: Model,
): Promise<Asker> {
  const filter = await filterOf(ctx, job)
  const masks = maskCache(ctx, job, model, filter)
  const { attributes } = model.document.plan
  const items = await openItems(ctx.duck, join(model.folder, 'items.parquet'), attributes)
  return {
    async ask(text) {
      try {
        const line = parseQueryLine(text)
        const found = await itemsOf(recipe, model, items, line)
        return { input: line.input, items: found, mask: await masks(line.filterValues) }
      } catch (error) {
        if (error instanceof LineError) return { input: lineInput(text), error: error.message }
        throw error
      }
    },
    close: () => items.close(),
  }
}

/**
 * The bytes of the `.out` object for these lines, in order: blocks of lines are scored together,
 * and what is wrong with one line becomes that line's error. Adds to `tally` what was read.
 */
export async function* answers(
  job: Resource<'batchSegmentJob'>,
  { asker, model, lines, tally }: Question,
  run: JobRun,
): AsyncGenerator<string | Uint8Array> {
  const { numResults } = job.doc
  const perLine = Math.min(numResults, model.document.userCount)
  const blockSize = Math.max(
    1,
    Math.min(limits.segmentBlockQueries, Math.floor(limits.segmentBlockUsers / perLine)),
  )
  for await (const block of blocks(lines, blockSize)) {
    run.signal.throwIfAborted()
    const asked: Asked[] = []
    for (const line of block) asked.push(await asker.ask(line))
    tally.lines += block.length
    tally.json += block.filter(isJson).length
    const good = asked.filter((each) => 'items' in each)
    const segments = await model.segment(
      good.map(({ items }) => ({ items })),
      numResults,
      good.map(({ mask }) => mask),
      run,
    )
    let next = 0
    for (const each of asked)
      if ('items' in each)
        yield* segmentLine(each.input, model.idText(segments[next++]!, run.signal))
      else yield failedLine(each.input, each.error)
  }
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

async function* blocks(lines: AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let block: string[] = []
  for await (const line of lines) {
    if (isBlank(line)) continue
    block.push(line)
    if (block.length < size) continue
    yield block
    block = []
  }
  if (block.length > 0) yield block
}

async function filterOf(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
): Promise<Filter | undefined> {
  const { filterArn } = job.doc
  if (filterArn === undefined) return undefined
  const filter = await ctx.db.kysely
    .transaction()
    .execute((tx) => get(tx, job, 'filter', filterArn))
  if (!filter) throw new JobFailure(`The filter ${filterArn} has been deleted.`)
  return parseFilter(filter.doc.filterExpression)
}

async function itemsOf(
  recipe: Recipe,
  model: Model,
  items: ModelItems,
  line: QueryLine,
): Promise<Uint32Array> {
  const query = requireQuery(line, recipe.query)
  if (recipe.query === 'itemAttributes') return items.matching(parseItemAttributes(query))
  const index = model.itemIndex(query)
  if (index === undefined)
    throw new LineError(
      `The item ${query} had no interactions when the solution version was trained.`,
    )
  return Uint32Array.of(index)
}

/** Lines whose filter comes out the same share a mask; the newest few are kept. */
function maskCache(
  ctx: Context,
  job: Resource<'batchSegmentJob'>,
  model: Model,
  filter: Filter | undefined,
): (values: Record<string, string>) => Promise<Uint8Array | undefined> {
  const { snapshot } = job.internal
  const paths = (files: readonly { path: string }[]) =>
    files.map(({ path }) => join(ctx.config.dataDir, path))
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
        { interactions: paths(snapshot.interactions), users: paths(snapshot.users) },
        join(model.folder, 'users.parquet'),
        model.document.userCount,
      ))
    cache.set(key, mask)
    if (cache.size > limits.masksKept) cache.delete(cache.keys().next().value!)
    return mask
  }
}
