import { ConfigError, readConfig } from '../config.ts'
import { open } from '../context.ts'
import { requeue, startWork } from '../jobs/runner.ts'
import { databaseName } from '../store/postgres.ts'
import { computes, openAdmin, untilAsked } from './untilAsked.ts'

/** Does jobs until SIGTERM or SIGINT, beside the servers and workers of the same DATABASE_URL. */
export async function worker(argv: readonly string[]): Promise<void> {
  const config = readConfig(argv)
  if (config.databaseUrl === undefined)
    throw new ConfigError(
      'A worker needs a DATABASE_URL that it shares with a server. ' +
        'Without one, `serve` does all jobs itself.',
    )
  if (!config.jobs) throw new ConfigError('A worker does jobs, so --jobs cannot be false.')
  const ctx = await open(config, { isServing: false })
  await untilAsked(ctx, async (keep) => {
    await requeue(ctx)
    const health = await openAdmin(ctx, keep)
    await startWork(ctx)
    const from = databaseName(config.databaseUrl!)
    return [`OpenPersonalize takes jobs from ${from}`, computes(ctx), ...health]
  })
}
