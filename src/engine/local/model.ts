import type { Model, SegmentQuery } from '../engine.ts'
import { collectMemory, type Memory, sharedBytes } from './arrays.ts'
import type { IdLines, Kernel } from './kernel.ts'
import type { LoadedModel } from './modelFiles.ts'

/** Item factors gathered at once, and results held at once (4 bytes each); one query may have more. */
const rowsMax = 65_536
const resultsMax = 16_000_000
/** Bytes of ids joined at once, more or less. */
const idBytes = 4 << 20

/** Segments from a loaded model, whose memory is given back when it is closed. */
export async function openModel(
  kernel: Kernel,
  loaded: LoadedModel,
  folder: string,
  memory: Memory,
  signal: AbortSignal,
): Promise<Model> {
  let open: LoadedModel | undefined = loaded
  const { document } = loaded
  const results = collectMemory()
  let text: Uint8Array | undefined
  let weights = await kernel.formWeights(document.score, loaded.weights, signal)
  const opened = (): LoadedModel => {
    if (open === undefined) throw new Error('The model is closed.')
    return open
  }
  return {
    document,
    folder,
    itemIndex: (id) => indexOf(id, opened().itemIds),
    async segment(queries, resultCount, masks, run) {
      const { users, items } = opened()
      await results.end()
      const lists: Uint32Array[] = []
      const tell = (done: number) => run.progress('segment', done, queries.length)
      for (const { from, to } of blocks(queries, Math.min(resultCount, users.rowCount))) {
        tell(from)
        const options = {
          ...{ users, items, resultCount, forms: [weights] },
          queries: queries.slice(from, to),
          masks: masks.slice(from, to),
        }
        const tellShare = (share: number) => tell(from + share * (to - from))
        const [best] = await results.during(() => kernel.topUsers(options, run.signal, tellShare))
        for (const list of best!) lists.push(list)
      }
      tell(queries.length)
      return lists
    },
    async *idText(users, signal) {
      const { userIds } = opened()
      const size = Math.max(1, Math.floor(idBytes / userIds.longest))
      text ??= memory.during(() => sharedBytes(size * userIds.longest))
      for (let at = 0; at < users.length; at += size) {
        if (at > 0) yield comma
        yield await kernel.joinIds(userIds, users.subarray(at, at + size), text, signal)
      }
    },
    async close() {
      open = undefined
      weights = undefined
      text = undefined
      await results.end()
      await memory.end()
    },
  }
}

const comma = Buffer.from(',')

/** Consecutive queries that fit into the bounds together, at least one. */
function* blocks(queries: SegmentQuery[], perQuery: number) {
  const countMax = Math.max(1, Math.floor(resultsMax / perQuery))
  let from = 0
  while (from < queries.length) {
    let to = from + 1
    let rows = queries[from]!.items.length
    while (to < queries.length && to - from < countMax) {
      rows += queries[to]!.items.length
      if (rows > rowsMax) break
      to++
    }
    yield { from, to }
    from = to
  }
}

/** Binary search among lines that ascend. */
function indexOf(id: string, { lines, offsets }: IdLines): number | undefined {
  // DuckDB writes \u001F where JavaScript writes \u001f.
  const text = JSON.stringify(id).replace(/\\u00../g, (code) => `\\u${code.slice(2).toUpperCase()}`)
  const wanted = Buffer.from(text)
  let low = 0
  let high = offsets.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    const end = offsets[middle + 1]! - 1
    const order = Buffer.compare(lines.subarray(offsets[middle]!, end), wanted)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle
  }
  return undefined
}
