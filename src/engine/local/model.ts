import { slices } from '../../slices.ts'
import type { Model, Score, Segment, SegmentQuery } from '../engine.ts'
import { collectMemory, type Memory, sharedBytes, withMemory } from './arrays.ts'
import { type Asked, askForItems, askForNewItems } from './asked.ts'
import { askForUsers } from './askForUsers.ts'
import { logDemand } from './demand.ts'
import { explain, unknownUserScore } from './explain.ts'
import type { IdLines, Kernel } from './kernel.ts'
import type { LoadedModel } from './modelFiles.ts'
import { queryValue, type Ranked, rankUsers } from './score.ts'

/** Results held at once (8 bytes each); one query may have more. */
const resultsMax = 16_000_000
/** Queries, and items of them, that are ranked at once. */
const queriesMax = 256
const itemsMax = 65_536
/** Bytes of ids joined at once, more or less. */
const idBytes = 4 << 20

/** Segments from a loaded model, whose memory is given back when it is closed. */
export async function openModel(
  kernel: Kernel,
  loaded: LoadedModel,
  folder: string,
  memory: Memory,
): Promise<Model> {
  let open: LoadedModel | undefined = loaded
  const { document } = loaded
  const results = collectMemory()
  let text: Uint8Array | undefined
  const opened = (): LoadedModel => {
    if (open === undefined) throw new Error('The model is closed.')
    return open
  }
  const rankOne = async (query: SegmentQuery, resultCount: number, signal: AbortSignal) => {
    const { fitted } = opened()
    const { asked, score } = await ask(kernel, opened(), query, signal)
    const request = { asked, resultCount, mask: undefined }
    const [[ranked] = []] = await rankUsers(kernel, fitted, [request], [score], signal)
    return { ...{ asked, score }, ...ranked!, ...levelOf(opened(), asked, score, ranked!) }
  }
  return {
    document,
    folder,
    itemIndex: (id) => itemIndex(opened(), id),
    userIndex: (id) => indexOf(Buffer.from(id), opened().userIds, 0, document.userCount, textOf),
    itemId: (index) => String(textOf(lineOf(opened().itemIds, index))),
    userId: (index) => String(textOf(lineOf(opened().userIds, index))),
    async segment(requests, run) {
      const { fitted } = opened()
      await results.end()
      const segments: Awaited<ReturnType<Model['segment']>> = []
      for (const { from, to } of blocks(requests, document.userCount)) {
        const tell = (done: number) => run.progress('segment', from + done, requests.length)
        tell(0)
        await results.during(async () => {
          const some = requests.slice(from, to)
          // Each score has a call of its own, the first most often the only one.
          const asked = await askAll(
            kernel,
            opened(),
            some.map(({ query }) => query),
            run.signal,
          )
          for (const { score, places } of asked) {
            const ranked = await rankUsers(
              kernel,
              fitted,
              places.map(({ place, asked }) => ({ ...some[place]!, asked })),
              [score],
              run.signal,
              tell,
            )
            for (const [n, { place, asked }] of places.entries())
              segments[from + place] = levelled(opened(), asked, score, ranked[0]![n]!)
          }
        })
      }
      run.progress('segment', requests.length, requests.length)
      return segments
    },
    expected: (query, signal) =>
      withMemory(async () => {
        const ranked = await rankOne(query, document.userCount, signal)
        const { users, logScores, level, expectedPerScore } = ranked
        const expected = new Float32Array(document.userCount)
        for await (const { from, to } of slices(users.length))
          for (let k = from; k < to; k++)
            expected[users[k]!] = Math.exp(logScores[k]! + level) * expectedPerScore
        return { expected, expectedPerScore }
      }),
    explain: (query, user, signal) =>
      withMemory(async () => {
        const { asked, score, level } = await rankOne(query, 0, signal)
        return explain(kernel, opened(), asked, score, level, user, signal)
      }),
    unknownUser: (query, signal) =>
      withMemory(async () => {
        const { asked, score, level } = await rankOne(query, 0, signal)
        return level + unknownUserScore(opened().fitted, asked, score)
      }),
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
      text = undefined
      await results.end()
      await memory.end()
    },
  }
}

const comma = Buffer.from(',')

/**
 * What is added to the log of each user's score, so that what is expected of all users is the query's demand, and what is
 * expected for each unit of a score.
 */
function levelOf(
  { fitted, document }: LoadedModel,
  asked: Asked,
  { calibration }: Score,
  { logSum }: Ranked,
) {
  // No user is likelier to act than it has interactions.
  const perScore = Math.max(0, queryValue(calibration, asked))
  const level = logDemand(fitted, document.demand, asked) - perScore - logSum
  return { level, expectedPerScore: Math.exp(perScore) }
}

function levelled(loaded: LoadedModel, asked: Asked, score: Score, ranked: Ranked): Segment {
  const { users, logScores } = ranked
  const { level, expectedPerScore } = levelOf(loaded, asked, score, ranked)
  for (let k = 0; k < logScores.length; k++) logScores[k]! += level
  return { users, logScores, expectedPerScore }
}

type Placed = { place: number; asked: Asked }

/** What the kernel needs for each query, by the score that ranks it. */
async function askAll(
  kernel: Kernel,
  { document, fitted }: LoadedModel,
  queries: SegmentQuery[],
  signal: AbortSignal,
) {
  const { score, coldScore, setScore = score, itemCount } = document
  const warm: { place: number; items: Uint32Array }[] = []
  const sets: { place: number; items: Uint32Array }[] = []
  const cold: { place: number; items: Uint32Array }[] = []
  const like: { place: number; users: Uint32Array }[] = []
  for (const [place, query] of queries.entries()) {
    if ('users' in query) {
      like.push({ place, users: query.users })
      continue
    }
    const items = query.items.filter((item) => item < itemCount)
    if (items.length > 1) sets.push({ place, items })
    else if (items.length > 0 || coldScore === undefined) warm.push({ place, items })
    else cold.push({ place, items: query.items })
  }
  const setsOf = (some: typeof warm) => some.map(({ items }) => items)
  const placed = (some: { place: number }[], asked: Asked[]): Placed[] =>
    some.map(({ place }, n) => ({ place, asked: asked[n]! }))
  const groups = [
    { score, places: placed(warm, await askForItems(kernel, fitted, setsOf(warm), signal)) },
    {
      score: setScore,
      places: placed(sets, await askForItems(kernel, fitted, setsOf(sets), signal)),
    },
    { score, places: placed(like, await askForUsers(kernel, fitted, document.als, like, signal)) },
  ]
  if (cold.length > 0) {
    const places = placed(cold, await askForNewItems(kernel, fitted, setsOf(cold), signal))
    groups.push({ score: coldScore!, places })
  }
  return groups.filter(({ places }) => places.length > 0)
}

async function ask(kernel: Kernel, loaded: LoadedModel, query: SegmentQuery, signal: AbortSignal) {
  const [{ score, places } = { score: undefined, places: [] }] = await askAll(
    kernel,
    loaded,
    [query],
    signal,
  )
  return { asked: places[0]!.asked, score: score! }
}

/** Consecutive requests that fit into the bounds together, at least one. */
function* blocks(requests: Parameters<Model['segment']>[0], userCount: number) {
  const resultsOf = (n: number) => Math.min(requests[n]!.resultCount, userCount)
  const itemsOf = (n: number) => {
    const { query } = requests[n]!
    return 'items' in query ? query.items.length : 1
  }
  for (let from = 0; from < requests.length; ) {
    let to = from + 1
    let results = resultsOf(from)
    let items = itemsOf(from)
    for (; to < requests.length && to - from < queriesMax; to++) {
      results += resultsOf(to)
      items += itemsOf(to)
      if (results > resultsMax || items > itemsMax) break
    }
    yield { from, to }
    from = to
  }
}

/** Items with events come first, each part by JSON text; one without events must have traits to be of use. */
function itemIndex({ document, fitted, itemIds }: LoadedModel, id: string): number | undefined {
  // DuckDB writes \u001F where JavaScript writes \u001f.
  const text = JSON.stringify(id).replace(/\\(u00..|.)/g, (code) =>
    code.startsWith('\\u') ? `\\u${code.slice(2).toUpperCase()}` : code,
  )
  const wanted = Buffer.from(text)
  const { itemCount, coldItemCount, coldScore } = document
  const warm = indexOf(wanted, itemIds, 0, itemCount)
  if (warm !== undefined || coldScore === undefined) return warm
  const cold = indexOf(wanted, itemIds, itemCount, itemCount + coldItemCount)
  const { starts } = fitted.itemTraits
  return cold !== undefined && starts[cold + 1]! > starts[cold]! ? cold : undefined
}

const lineOf = ({ lines, offsets }: IdLines, index: number): Uint8Array =>
  lines.subarray(offsets[index]!, offsets[index + 1]! - 1)

/** The bytes of an id whose JSON text this is. */
const textOf = (line: Uint8Array): Uint8Array =>
  Buffer.from(JSON.parse(Buffer.from(line).toString()))

/** Binary search among lines low..high) that ascend by `keyOf`. */
function indexOf(
  wanted: Uint8Array,
  ids: IdLines,
  low: number,
  high: number,
  keyOf: (line: Uint8Array) => Uint8Array = (line) => line,
): number | undefined {
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = Buffer.compare(keyOf(lineOf(ids, middle)), wanted)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle
  }
  return undefined
}
