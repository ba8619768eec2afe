import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openDuck, withConnection } from '../src/data/duck.ts'
import type { Model, SegmentQuery, TrainingPlan } from '../src/engine/engine.ts'
import { collectMemory } from '../src/engine/local/arrays.ts'
import { localEngine } from '../src/engine/local/engine.ts'
import { threadKernel } from '../src/engine/local/kernel.ts'
import { openModel } from '../src/engine/local/model.ts'
import { readModel } from '../src/engine/local/modelFiles.ts'
import { chooseInstructions } from '../src/engine/local/native.ts'
import { openThreads } from '../src/engine/local/threads.ts'
import { type Judged, judge, summary } from './evaluator.ts'
import type { Bench } from './main.ts'
import { dataSets, type Goal, missingData, type Parted, part, type Split } from './qualityData.ts'

const threadCount = 2
const run = { signal: new AbortController().signal, progress() {} }

/** Segments of real data, judged by who acted later: ours, each candidate of the score alone, the most active users. */
export async function quality({ report, folder }: Bench): Promise<void> {
  if (missingData) {
    report.add('quality', 0, 'data sets', undefined, missingData)
    return
  }
  for (const [name, set] of Object.entries(dataSets)) {
    for (const split of Object.keys(set.goals) as Split[])
      await measure(report, folder, name, split, set.goals[split]!, false)
    if (set.attributes) await measure(report, folder, name, 'time', set.attributes.goal, true)
  }
}

export async function measure(
  report: Bench['report'],
  root: string,
  name: string,
  split: Split,
  goal: Goal,
  attributes: boolean,
): Promise<void> {
  const set = dataSets[name]!
  const folder = join(root, `${name}-${split}`)
  await mkdir(folder, { recursive: true })
  const options = { threads: threadCount, memoryBytes: 2e9, scratch: join(folder, 'scratch') }
  const duck = await openDuck(options)
  const engine = localEngine({ duck: options, kernel: 'auto' })
  try {
    const parted = await withConnection(duck, (connection) =>
      part(connection, name, split, folder, attributes),
    )
    const plan: TrainingPlan = {
      model: attributes ? 'itemAttributeAffinity' : 'itemAffinity',
      ...{ factorCount: 149, seed: 1, events: [], attributes: set.columns, horizonDays: set.days },
      foresees: split === 'time' ? 'horizon' : 'newestFifth',
    }
    const snapshot = { interactions: [parted.interactions], items: [parted.items], users: [] }
    const path = join(folder, 'model')
    const began = performance.now()
    const document = await engine.train(plan, snapshot, path, run)
    const seconds = (performance.now() - began) / 1000
    const row = `quality.${name}.${split}${attributes ? '.attributes' : ''}`
    const users = new Set<number>()
    const ours = await withModel(path, async (model) => {
      const judged = await judgedBy(model, parted, set.onlyNew === true, users)
      if (split === 'time') {
        const { predicted, observed } = await levels(model, parted)
        report.add(
          `${row}.calibration`,
          predicted / observed,
          'ratio',
          undefined,
          'predicted / observed interactions of random queries',
        )
      }
      return summary(judged)
    })
    const active = summary(mostActive(parted, set.onlyNew === true))
    const { stretch } = goal
    const said = `${document.score.name}; recall ${interval(ours)}`
    const reach = (unit: 'hits' | 'recall') =>
      report.reach({
        ...{ name: `${row}.${unit}`, value: ours[unit], unit, better: 'larger' },
        peer: { name: 'goal', value: goal[unit] },
        goal: { must: 1, ...(stretch && { stretch: stretch[unit] / goal[unit] }) },
        note: `most active users ${active[unit].toFixed(3)}; ${said}`,
      })
    reach('hits')
    reach('recall')
    report.add(`${row}.coverage`, users.size / parted.userCount, 'share')
    report.add(`${row}.train_seconds`, seconds, 's')

    for (const { name: candidate, terms, recall } of document.candidates) {
      const alone = await withModel(
        path,
        async (model) => summary(await judgedBy(model, parted, set.onlyNew === true)),
        { name: candidate, terms, calibration: [] },
      )
      const note = `hits ${alone.hits.toFixed(3)}; validation recall ${recall.toFixed(3)}`
      report.add(`${row}.recall of ${candidate}`, alone.recall, 'recall', undefined, note)
    }
  } finally {
    await engine.close()
    await duck.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const interval = ({ recallLow, recallHigh }: { recallLow: number; recallHigh: number }) =>
  `95 % ${recallLow.toFixed(3)}-${recallHigh.toFixed(3)}`

/** The model at a path, ranking by another score where one is given. */
async function withModel<Result>(
  path: string,
  work: (model: Model) => Promise<Result>,
  score?: Model['document']['score'],
): Promise<Result> {
  const threads = openThreads(threadCount, chooseInstructions('auto').instructions)
  const kernel = threadKernel(threads, threadCount)
  const memory = collectMemory()
  const loaded = await memory.during(() => readModel(kernel, path, run.signal))
  const document = { ...loaded.document, ...(score && { score }) }
  const model = await openModel(kernel, { ...loaded, document }, path, memory)
  try {
    return await work(model)
  } finally {
    await model.close()
    await threads.close()
  }
}

const kOf = ({ userCount }: Parted) => Math.max(1, Math.round(userCount / 100))

const queryOf = (model: Model, items: string[]): SegmentQuery => ({
  items: Uint32Array.from(items, (id) => model.itemIndex(id)!),
})

async function judgedBy(
  model: Model,
  parted: Parted,
  onlyNew: boolean,
  covered = new Set<number>(),
): Promise<Judged[]> {
  const k = kOf(parted)
  const requests = parted.queries.map(({ items, before }) => ({
    query: queryOf(model, items),
    resultCount: k,
    mask: onlyNew ? without(before ?? [], model) : undefined,
  }))
  const segments = await model.segment(requests, run)
  return segments.map(({ users }, n) => {
    for (const user of users) covered.add(user)
    const acted = new Set(parted.queries[n]!.acted.map((id) => model.userIndex(id)!))
    return judge(users, acted, k)
  })
}

function without(ids: string[], model: Model): Uint8Array {
  const mask = new Uint8Array(Math.ceil(model.document.userCount / 8)).fill(255)
  for (const id of ids) {
    const user = model.userIndex(id)!
    mask[user >>> 3]! &= ~(1 << (user & 7))
  }
  return mask
}

function mostActive(parted: Parted, onlyNew: boolean): Judged[] {
  const k = kOf(parted)
  return parted.queries.map(({ acted, before }) => {
    const had = new Set(onlyNew ? before : [])
    const listed = new Set<string>()
    for (let n = 0; listed.size < k && n < parted.mostActive.length; n++)
      if (!had.has(parted.mostActive[n]!)) listed.add(parted.mostActive[n]!)
    const hits = acted.filter((id) => listed.has(id)).length
    return { hits, recall: hits / Math.min(acted.length, k) }
  })
}

async function levels(model: Model, { levels }: Parted) {
  let predicted = 0
  let observed = 0
  for (const { items, events } of levels) {
    observed += events
    const { expected } = await model.expected(queryOf(model, items), run.signal)
    for (const each of expected) predicted += each
  }
  return { predicted, observed }
}
