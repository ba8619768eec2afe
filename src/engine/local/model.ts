import type { Model, SegmentQuery } from '../engine.ts'
import { sharedBytes } from './arrays.ts'
import { formWeights } from './evaluate.ts'
import type { Kernel } from './kernel.ts'
import type { LoadedModel } from './modelFiles.ts'

/** Scores, and results, held at once: 64 MB each, or one query's where that is more. */
const scoresMax = 16_000_000
const queriesMax = 128
/** Factor rows gathered at once; a single set may be larger. */
const rowsMax = 4096

/** Segments from a loaded model. */
export function openModel(kernel: Kernel, loaded: LoadedModel, folder: string): Model {
  let open: LoadedModel | undefined = loaded
  let weights = formWeights(loaded.document.score, loaded.weights)
  const { document, userIds } = loaded
  return {
    document,
    folder,
    userIds,
    itemIndex: (id) => open?.itemIndexes.get(id),
    async segment(queries, resultCount, masks, run) {
      if (open === undefined) throw new Error('The model is closed.')
      const { users, items } = open
      const lists: Uint32Array[] = []
      const tell = (done: number) => run.progress('segment', done, queries.length)
      for (const block of blocks(queries, users.rowCount)) {
        tell(block.from)
        const asked = queries.slice(block.from, block.to)
        const scores = await kernel.score(users, items, asked, run.signal, (scored) =>
          tell(block.from + (0.9 * asked.length * scored) / users.rowCount),
        )
        const options = {
          ...{ scores, weights, resultCount, userCount: users.rowCount },
          masks: asked.map((_, k) => shared(masks[block.from + k])),
        }
        for (const list of await kernel.topUsers(options, run.signal)) lists.push(list)
      }
      tell(queries.length)
      return lists
    },
    async close() {
      open = undefined
      weights = undefined
    },
  }
}

/** Consecutive queries that fit into the bounds together, at least one. */
function* blocks(queries: SegmentQuery[], userCount: number) {
  const countMax = Math.min(queriesMax, Math.max(1, Math.floor(scoresMax / userCount)))
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

/** Threads read masks in place rather than get a copy each. */
function shared(mask: Uint8Array | undefined): Uint8Array | undefined {
  if (mask === undefined || mask.buffer instanceof SharedArrayBuffer) return mask
  const copy = sharedBytes(mask.length)
  copy.set(mask)
  return copy
}
