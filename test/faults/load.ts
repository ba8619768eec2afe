import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Personalize } from '@aws-sdk/client-personalize'
import { serving } from '../crash/serverProcess.ts'
import {
  createImport,
  createSegments,
  createSolution,
  createVersion,
  hashes,
  importEnded,
  prepareShop,
  put,
  queryLines,
  segmentsEnded,
  versionEnded,
} from '../crash/shop.ts'
import { filesLeft } from '../smallShop.ts'
import type { Chance } from './seed.ts'

type Resource = { status?: string | undefined; failureReason?: string | undefined }
type Kind = 'datasetGroup' | 'solution' | 'import' | 'training' | 'segments'
type Asked = { kind: Kind; name: string }

const kinds: Record<
  Kind,
  {
    create(personalize: Personalize, name: string): Promise<unknown>
    ended(personalize: Personalize, name: string): Promise<Resource>
  }
> = {
  datasetGroup: {
    create: (personalize: Personalize, name: string) => personalize.createDatasetGroup({ name }),
    ended: async (personalize: Personalize, name: string) =>
      (await personalize.describeDatasetGroup({ datasetGroupArn: arn('dataset-group', name) }))
        .datasetGroup!,
  },
  solution: {
    create: (personalize: Personalize, name: string) => createSolution(personalize, name),
    ended: async (personalize: Personalize, name: string) =>
      (await personalize.describeSolution({ solutionArn: arn('solution', name) })).solution!,
  },
  import: { create: createImport, ended: importEnded },
  training: { create: createVersion, ended: versionEnded },
  segments: {
    create: (personalize: Personalize, name: string) =>
      createSegments(personalize, name, 'ready', 'lines/'),
    ended: segmentsEnded,
  },
}

const arn = (noun: string, name: string) =>
  `arn:aws:personalize:us-east-1:123456789012:${noun}/${name}`

/** A data directory of its own, removed after the test. */
export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-faults-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A small shop with an import, a trained version of the solution `ready`, and lines to ask it with. */
export async function prepare(personalize: Personalize, dataDir: string): Promise<void> {
  await prepareShop(personalize, dataDir, 4000)
  await put(dataDir, 's3://data/lines/a.jsonl', queryLines(40))
  await put(dataDir, 's3://data/lines/b.jsonl', `${queryLines(3)}{"itemId": "unknown"}\n`)
  const asked: Asked[] = [
    { kind: 'import', name: 'first' },
    { kind: 'solution', name: 'ready' },
    { kind: 'training', name: 'ready' },
  ]
  for (const each of asked) await quietly(personalize, each)
}

async function quietly(personalize: Personalize, { kind, name }: Asked): Promise<void> {
  await kinds[kind].create(personalize, name)
  const { status, failureReason } = await kinds[kind].ended(personalize, name)
  equal(status, 'ACTIVE', failureReason)
}

/** A mixed load of creates, and what became of them. `lost` is what a client sees of a server that dies. */
export function mixedLoad(
  { random, oneOf }: Chance,
  lost: <Answer>(answer: Promise<Answer>) => Promise<Answer | undefined>,
) {
  const acknowledged: Asked[] = []
  const unanswered: Asked[] = []
  let count = 0
  const ask = async (personalize: Personalize, kind: Kind, name: string) => {
    const answer = await lost(kinds[kind].create(personalize, name))
    ;(answer ? acknowledged : unanswered).push({ kind, name })
    return answer !== undefined
  }
  return {
    acknowledged,
    unanswered,
    /** Asks for something that needs no work. */
    async create(personalize: Personalize): Promise<void> {
      await ask(personalize, random() < 0.8 ? 'datasetGroup' : 'solution', `n${count++}`)
    },
    /** Asks for a job. */
    async work(personalize: Personalize): Promise<void> {
      const name = `n${count++}`
      const kind = oneOf(['import', 'segments', 'training'] as const)
      if (kind === 'training' && !(await ask(personalize, 'solution', name))) return
      await ask(personalize, kind, name)
    },
  }
}
export type Load = ReturnType<typeof mixedLoad>

/** What a load has left: what ended well, and how many jobs failed because they ended three processes. */
export type Outcome = { active: Asked[]; failed: number }

/**
 * Everything that was acknowledged is there, all work ends, and fails only for `reason`.
 * What was asked for and not answered is there as a whole or not at all.
 */
export async function allThere(
  personalize: Personalize,
  { acknowledged, unanswered }: Pick<Load, 'acknowledged' | 'unanswered'>,
  reason = /ended its process 3 times/,
): Promise<Outcome> {
  const outcome: Outcome = { active: [], failed: 0 }
  const look = async (asked: Asked) => {
    const { kind, name } = asked
    const { status, failureReason } = await kinds[kind].ended(personalize, name)
    if (status === 'ACTIVE') return outcome.active.push(asked)
    equal(status, 'CREATE FAILED')
    match(failureReason!, reason)
    outcome.failed += 1
  }
  for (const asked of acknowledged) await look(asked)
  for (const asked of unanswered)
    await look(asked).catch((error: Error) => equal(error.name, 'ResourceNotFoundException'))
  return outcome
}

/** The same bytes as a server makes that nobody disturbs, and no other file once an import has swept. */
export async function sameBytes(
  t: TestContext,
  personalize: Personalize,
  dataDir: string,
  { active }: Outcome,
): Promise<void> {
  await quietly(personalize, { kind: 'import', name: 'last' })
  const quiet = await folderFor(t)
  await serving(quiet, async (other) => {
    await prepare(other, quiet)
    for (const { kind, name } of active)
      if (kind === 'training') {
        await quietly(other, { kind: 'solution', name })
        await quietly(other, { kind, name })
      }
    await quietly(other, { kind: 'segments', name: 'quiet' })
  })
  const expected = await hashes(join(quiet, 's3', 'out', 'quiet'))
  equal(Object.keys(expected).length, 3)
  for (const { kind, name } of active)
    if (kind === 'segments')
      deepEqual(await hashes(join(dataDir, 's3', 'out', name)), expected, name)
  const models = await modelHashes(quiet)
  await filesLeft(join(dataDir, 'models'), models.length)
  deepEqual(await modelHashes(dataDir), models)
  const imported = join('datasets', 'shop', 'INTERACTIONS')
  await filesLeft(join(dataDir, imported), 1)
  deepEqual(
    Object.values(await hashes(join(dataDir, imported))),
    Object.values(await hashes(join(quiet, imported))),
  )
}

/** Of all models, in an order that the numbers of their folders do not matter to. */
async function modelHashes(dataDir: string): Promise<string[]> {
  const root = join(dataDir, 'models')
  const found = (await readdir(root)).map(async (name) =>
    JSON.stringify(await hashes(join(root, name))),
  )
  return (await Promise.all(found)).sort()
}

/** What a test says of its run; throws where too little came through for the run to mean much. */
export function tell(t: TestContext, what: string, load: Load, { active, failed }: Outcome): void {
  const { acknowledged, unanswered } = load
  const works = active.filter(({ kind }) => kind !== 'datasetGroup' && kind !== 'solution')
  t.diagnostic(
    `${what}: ${acknowledged.length} creates acknowledged, ${unanswered.length} not answered, ` +
      `${works.length} jobs ended well, ${failed} ended three processes`,
  )
  ok(works.length >= 3)
}
