import { join } from 'node:path'
import { parseSchema } from '../data/schema.ts'
import { builtRecipe } from '../recipes/index.ts'
import { defaultHorizonDays, trainingPlan } from '../recipes/userSegmentation.ts'
import { snapshotPaths } from '../segments/snapshotPaths.ts'
import { type Job, runName } from './job.ts'

/**
 * Trains the recipe over the snapshot that was taken when the
 * version was created. Spec D.9, E.8, H.
 */
export const solutionVersion: Job<'solutionVersion'> = async (ctx, version, run) => {
  const began = performance.now()
  const { doc, internal } = version
  const { schemas } = internal.snapshot
  const plan = trainingPlan(
    builtRecipe(doc.recipeArn).query,
    doc,
    {
      ...(schemas.interactions && { interactions: parseSchema(schemas.interactions).fields }),
      ...(schemas.items && { items: parseSchema(schemas.items).fields }),
    },
    internal.itemColumns,
    version.arn,
    internal.horizonDays ?? defaultHorizonDays,
  )
  run.step('planned')
  const model = join('models', runName(version))
  const { metrics } = await ctx.engine.train(
    plan,
    // Of bulk data, segments train on FULL imports only. Spec D.9 [D26].
    snapshotPaths(ctx, internal.snapshot, ({ mode }) => mode === 'FULL'),
    join(ctx.config.dataDir, model),
    run,
  )
  run.step('trained')
  const hours = (performance.now() - began) / 3_600_000
  return {
    doc: { ...doc, trainingHours: Number(hours.toFixed(3)) },
    internal: { ...internal, model, metrics },
  }
}
