import closeWithGrace from 'close-with-grace'
import { readConfig } from '../config.ts'
import { type Context, open } from '../context.ts'
import { requeue, startWork } from '../jobs/runner.ts'
import { type Listening, listen } from '../wire/listen.ts'

/**
 * Serves until SIGTERM or SIGINT; prints the endpoint once it
 * answers. Exit code 0 when asked to end.
 */
export async function serve(argv: readonly string[]): Promise<void> {
  const config = readConfig(argv)
  const ctx = await open(config)
  const server = await begin(ctx).catch(async (error) => {
    await ctx.close()
    throw error
  })
  closeWithGrace({ delay: 4500, logger: false }, async ({ err }) => {
    if (err) ctx.log.fatal({ err })
    await server.close()
    await ctx.close()
  })
  const keys = config.credentials ? '' : 'AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test '
  const flags = `--region ${config.region} --endpoint-url ${server.url}`
  process.stdout.write(
    `OpenPersonalize answers at ${server.url}\n` +
      `Try: ${keys}aws personalize list-recipes ${flags}\n`,
  )
}

async function begin(ctx: Context): Promise<Listening> {
  await requeue(ctx)
  const server = await listen(ctx)
  await startWork(ctx)
  return server
}
