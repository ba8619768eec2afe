import closeWithGrace from 'close-with-grace'
import type { Context } from '../context.ts'
import { listenAdmin } from '../wire/admin.ts'
import type { Listening } from '../wire/port.ts'

/** What a process has opened besides its context; `keep` has it closed first. */
export type Keep = (opening: Promise<Listening>) => Promise<Listening>

/**
 * Lets a process live until SIGTERM or SIGINT. `begin` gives the lines that say on stdout that it
 * works. Exit code 0 when asked to end.
 */
export async function untilAsked(
  ctx: Context & { close(): Promise<void> },
  begin: (keep: Keep) => Promise<string[]>,
): Promise<void> {
  const opened: Listening[] = []
  const close = async () => {
    await Promise.all(opened.map((each) => each.close()))
    await ctx.close()
  }
  const keep: Keep = async (opening) => {
    const listening = await opening
    opened.push(listening)
    return listening
  }
  const lines = await begin(keep).catch(async (error) => {
    await close().catch((err) => ctx.log.error({ err }))
    throw error
  })
  closeWithGrace({ delay: 4500, logger: false }, async ({ err }) => {
    if (err) ctx.log.fatal({ err })
    await close()
  })
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Opens the admin port where one is set; the line that says where. */
export async function openAdmin(ctx: Context, keep: Keep): Promise<string[]> {
  const { adminPort } = ctx.config
  if (adminPort === undefined) return []
  const { url } = await keep(listenAdmin(ctx, adminPort))
  return [`Health: ${url}/health/ready`]
}

export const computes = ({ engine, config }: Context) =>
  `Computes with: ${engine.kernel}, ${config.threads} threads`
