import { ConfigError, readConfig } from '../config.ts'
import { open } from '../context.ts'
import { requeue, startWork } from '../jobs/runner.ts'
import { listen } from '../wire/listen.ts'
import { computes, openAdmin, untilAsked } from './untilAsked.ts'

/** Serves until SIGTERM or SIGINT; prints the endpoint once it answers. */
export async function serve(argv: readonly string[]): Promise<void> {
  const config = readConfig(argv)
  if (!config.jobs && config.databaseUrl === undefined)
    throw new ConfigError(
      'With --jobs false nobody does jobs, unless workers share a DATABASE_URL.',
    )
  const ctx = await open(config)
  await untilAsked(ctx, async (keep) => {
    if (config.jobs) await requeue(ctx)
    const { url } = await keep(listen(ctx))
    const health = await openAdmin(ctx, keep)
    if (config.jobs) await startWork(ctx)
    const keys = config.credentials ? '' : 'AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test '
    return [
      `OpenPersonalize answers at ${url}`,
      `Try: ${keys}aws personalize list-recipes --region ${config.region} --endpoint-url ${url}`,
      computes(ctx),
      ...health,
    ]
  })
}
