import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { parseSchema } from '../data/schema.ts'
import type { Snapshot } from '../engine/engine.ts'
import { builtRecipe } from '../recipes/index.ts'
import { defaultHorizonDays, trainingPlan } from '../recipes/userSegmentation.ts'
import type { DatasetFile, SnapshotFiles } from '../store/resource.ts'
import type { Job } from './job.ts'

/**
 * Trains the recipe over the snapshot that was taken when the
 * version was created. Spec D.9, E.8, H.
 */
export const solutionVersion: Job<'solutionVersion'> = async (ctx, version, run) => {
  const began = ctx.clock().getTime()
  const { doc, internal } = version
  const { schemas } = internal.snapshot
  const plan = trainingPlan(
    builtRecipe(doc.recipeArn).query,
    doc,
    {
      ...(schemas.interactions && { interactions: parseSchema(schemas.interactions).fields }),
      ...(schemas.items && { items: parseSchema(schemas.items).fields }),
    },
    version.arn,
    internal.horizonDays ?? defaultHorizonDays,
  )
  run.step('planned')
  const model = join('models', String(version.seq))
  const folder = join(ctx.config.dataDir, model)
  await rm(folder, { recursive: true, force: true })
  const { metrics } = await ctx.engine.train(
    plan,
    trainingSnapshot(ctx, internal.snapshot),
    folder,
    run,
  )
  run.step('trained')
  const hours = (ctx.clock().getTime() - began) / 3_600_000
  return {
    doc: { ...doc, trainingHours: Number(hours.toFixed(3)) },
    internal: { ...internal, model, metrics },
  }
}

/** Of bulk data, segments train on FULL imports only. Spec D.9 [D26]. */
function trainingSnapshot(ctx: Context, snapshot: SnapshotFiles): Snapshot {
  const paths = (files: DatasetFile[]) =>
    files.filter((file) => file.mode === 'FULL').map((file) => join(ctx.config.dataDir, file.path))
  return {
    interactions: paths(snapshot.interactions),
    items: paths(snapshot.items),
    users: paths(snapshot.users),
  }
}
