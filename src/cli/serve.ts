import closeWithGrace from 'close-with-grace'
import { readConfig } from '../config.ts'
import { type Context, open } from '../context.ts'
import { requeue, startWork } from '../jobs/runner.ts'
import { listenAdmin } from '../wire/admin.ts'
import { listen } from '../wire/listen.ts'
import type { Listening } from '../wire/port.ts'

/** What answers: the API and, where it has a port, the health of the server. */
type Listeners = { api: Listening; admin: Listening | undefined }

/**
 * Serves until SIGTERM or SIGINT; prints the endpoint once it
 * answers. Exit code 0 when asked to end.
 */
export async function serve(argv: readonly string[]): Promise<void> {
  const ctx = await open(readConfig(argv))
  const opened: Listening[] = []
  const close = async () => {
    await Promise.all(opened.map((each) => each.close()))
    await ctx.close()
  }
  const listeners = await begin(ctx, opened).catch(async (error) => {
    await close()
    throw error
  })
  closeWithGrace({ delay: 4500, logger: false }, async ({ err }) => {
    if (err) ctx.log.fatal({ err })
    await close()
  })
  process.stdout.write(startLines(ctx, listeners))
}

/** What it opened before it failed is in `opened`. */
async function begin(ctx: Context, opened: Listening[]): Promise<Listeners> {
  const keep = (each: Listening) => {
    opened.push(each)
    return each
  }
  await requeue(ctx)
  const api = keep(await listen(ctx))
  const { adminPort } = ctx.config
  const admin = adminPort === undefined ? undefined : keep(await listenAdmin(ctx, adminPort))
  await startWork(ctx)
  return { api, admin }
}

function startLines({ config, engine }: Context, { api, admin }: Listeners): string {
  const keys = config.credentials ? '' : 'AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test '
  const lines = [
    `OpenPersonalize answers at ${api.url}`,
    `Try: ${keys}aws personalize list-recipes --region ${config.region} --endpoint-url ${api.url}`,
    `Computes with: ${engine.kernel}, ${config.threads} threads`,
    ...(admin ? [`Health: ${admin.url}/health/ready`] : []),
  ]
  return `${lines.join('\n')}\n`
}
