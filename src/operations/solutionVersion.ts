import { randomBytes } from 'node:crypto'
import { arnPath } from '../arn.ts'
import { invalidInput, resourceInUse } from '../errors.ts'
import type { Tx } from '../store/database.ts'
import { patch } from '../store/resource.ts'
import { listTags } from '../store/tag.ts'
import { describe, listOf } from './answers.ts'
import { existing, insertNew, referenced, requireActive, requireRoomForJob } from './lookup.ts'
import type { Operation } from './operation.ts'
import { ownTag } from './ownTags.ts'
import { snapshotOf } from './snapshot.ts'

/**
 * Records a solution version over the data of this moment and queues its training. Spec C.1, C.5.
 */
export const createSolutionVersion: Operation<'CreateSolutionVersion'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const solution = await referenced(tx, caller, 'solution', input.solutionArn)
    requireActive(solution)
    const trainingMode = input.trainingMode ?? 'FULL'
    if (trainingMode !== 'FULL')
      throw invalidInput(
        `The trainingMode ${trainingMode} does not fit ${solution.doc.recipeArn}; it must be FULL.`,
      )

    const id = input.name ?? randomBytes(4).toString('hex')
    const solutionVersionArn = `${solution.arn}/${id}`
    const { name, datasetGroupArn, recipeArn, eventType, solutionConfig = {} } = solution.doc
    const { itemColumns } = solution.internal
    const {
      performHPO = false,
      performAutoML = false,
      performIncrementalUpdate = false,
    } = solution.doc
    await insertNew(ctx, tx, caller, {
      kind: 'solutionVersion',
      arn: solutionVersionArn,
      parent: solution.arn,
      status: 'CREATE PENDING',
      doc: {
        name: `${name}/${id}`,
        solutionArn: solution.arn,
        recipeArn: recipeArn!,
        datasetGroupArn,
        ...(eventType !== undefined && { eventType }),
        solutionConfig,
        performHPO,
        performAutoML,
        performIncrementalUpdate,
        trainingMode,
        trainingType: 'MANUAL',
      },
      internal: {
        snapshot: await snapshotOf(tx, caller, datasetGroupArn),
        ...(itemColumns && { itemColumns }),
        ...(!ctx.config.strict && (await horizonOf(tx, solution.arn))),
      },
      tags: input.tags ?? [],
    })
    await requireRoomForJob(ctx, tx, caller, 'solutionVersion', 'pendingSolutionVersions')
    await ctx.queue.enqueue(tx, 'solutionVersion', solutionVersionArn)
    return { solutionVersionArn }
  })

/** The days that the solution's tag asks for, if it has one. */
async function horizonOf(tx: Tx, solutionArn: string): Promise<{ horizonDays?: number }> {
  const days = ownTag(await listTags(tx, solutionArn), 'openpersonalize:horizon-days')
  return days === undefined ? {} : { horizonDays: Number(days) }
}

export const describeSolutionVersion = describe<'DescribeSolutionVersion'>('solutionVersion')

/** Unlike other lists, AWS's declares that its parent may be missing. */
export const listSolutionVersions: Operation<'ListSolutionVersions'> = async (
  ctx,
  caller,
  input,
) => {
  const { solutionArn } = input
  if (solutionArn !== undefined) await referenced(ctx.db.kysely, caller, 'solution', solutionArn)
  return listVersions(ctx, caller, input)
}

const listVersions = listOf('ListSolutionVersions', 'solutionVersion', (input) => input.solutionArn)

/** Stops a training: at once while it waits, at its next step while it runs. Spec C.5 [M docs]. */
export const stopSolutionVersionCreation: Operation<'StopSolutionVersionCreation'> = (
  ctx,
  caller,
  { solutionVersionArn },
) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const version = await existing(tx, caller, 'solutionVersion', solutionVersionArn)
    const next = {
      'CREATE PENDING': 'CREATE STOPPED',
      'CREATE IN_PROGRESS': 'CREATE STOPPING',
    } as const
    const status = next[version.status as keyof typeof next]
    if (!status)
      throw resourceInUse(
        `The solution version ${arnPath(version.arn)} is ${version.status}; only one that is ` +
          'CREATE PENDING or CREATE IN_PROGRESS can be stopped.',
      )
    await patch(tx, version, { status }, ctx.clock())
    return {}
  })

/** The metrics of a trained version, as measured when it was trained. Spec H.1. */
export const getSolutionMetrics: Operation<'GetSolutionMetrics'> = async (
  ctx,
  caller,
  { solutionVersionArn },
) => {
  const version = await existing(ctx.db.kysely, caller, 'solutionVersion', solutionVersionArn)
  requireActive(version)
  return { solutionVersionArn, metrics: version.internal.metrics ?? {} }
}
