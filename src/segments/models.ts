import { join } from 'node:path'
import { Mutex } from 'async-mutex'
import type { Logger } from 'pino'
import type { Context } from '../context.ts'
import { type ModelItems, openItems } from '../data/itemAttributes.ts'
import type { Model } from '../engine/engine.ts'
import { invalidInput, JobFailure, throttling, unavailable } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ModelCounts } from '../metrics.ts'

/** The model of a solution version and its items, opened for questions. */
export type OpenVersion = { model: Model; items: ModelItems; close(): Promise<void> }

/** Opens the model in a folder; the caller closes it. Throws as `Engine.open`. */
export async function openVersion(
  { engine, duck }: Pick<Context, 'engine' | 'duck'>,
  folder: string,
  signal: AbortSignal,
): Promise<OpenVersion> {
  const model = await engine.open(folder, signal)
  try {
    const { attributes } = model.document.plan
    const items = await openItems(duck, join(folder, 'items.parquet'), attributes)
    const close = async () => {
      items.close()
      await model.close()
    }
    return { model, items, close }
  } catch (error) {
    await model.close()
    throw error
  }
}

/** Models that stay open between requests: a model of a million users takes a second to read. */
export type Models = {
  /**
   * Does work with the model in a folder. One request at a time: it has all threads, and what a model
   * answers holds until it is asked again. ThrottlingException where too many wait, ServiceUnavailable once closed.
   */
  use<Result>(
    folder: string,
    work: (opened: OpenVersion, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result>
  /** Closes the model in a folder that is about to be removed, once nobody uses it. */
  drop(folder: string): Promise<void>
  counts(): ModelCounts
  /** Interrupts what is under way and closes all. */
  close(): Promise<void>
}

/** Keeps the last few models (`limits.modelsKept`) for a while after their last use. */
export function keepModels(parts: Pick<Context, 'engine' | 'duck'>, log: Logger): Models {
  const mutex = new Mutex()
  /** The one used last comes last. */
  const kept = new Map<string, { opened: OpenVersion; timer: NodeJS.Timeout }>()
  const ending = new AbortController()
  let requests = 0
  let found = 0
  let read = 0

  const take = (folder: string): OpenVersion | undefined => {
    const found = kept.get(folder)
    clearTimeout(found?.timer)
    kept.delete(folder)
    return found?.opened
  }
  const close = async (folder: string) => take(folder)?.close()
  const open = async (folder: string) => {
    while (kept.size >= limits.modelsKept) await close(kept.keys().next().value!)
    return openVersion(parts, folder, ending.signal).catch(refuse)
  }
  const keep = (folder: string, opened: OpenVersion) => {
    const drop = () =>
      mutex.runExclusive(() => close(folder)).catch((error: unknown) => log.error({ err: error }))
    kept.set(folder, { opened, timer: setTimeout(drop, limits.modelKeptMs).unref() })
  }
  return {
    async use(folder, work) {
      if (requests >= limits.modelRequests)
        throw throttling(`More than ${limits.modelRequests} requests wait for a model; try again.`)
      requests += 1
      try {
        return await mutex.runExclusive(async () => {
          ending.signal.throwIfAborted()
          const taken = take(folder)
          if (taken) found += 1
          else read += 1
          const opened = taken ?? (await open(folder))
          try {
            return await work(opened, ending.signal)
          } finally {
            keep(folder, opened)
          }
        })
      } catch (error) {
        throw ending.signal.aborted ? unavailable('The server is ending; try again.') : error
      } finally {
        requests -= 1
      }
    },
    drop: (folder) => mutex.runExclusive(() => close(folder)),
    counts: () => ({ open: kept.size, found, read }),
    async close() {
      ending.abort()
      await mutex.runExclusive(async () => {
        for (const folder of [...kept.keys()]) await close(folder)
      })
    },
  }
}

/** What a job would fail with, a request is refused with. */
export function refuse(error: unknown): never {
  if (error instanceof JobFailure) throw invalidInput(error.message)
  throw error
}
