import { type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { askedOnce } from '../askedOnce.ts'
import type { Context } from '../context.ts'
import { wireLimits } from '../limits.ts'
import { connectionLimits, type Listening, openPort } from './port.ts'

/**
 * Opens health and metrics of the server on a port of their own, for whoever watches over it: without
 * signatures, and answered even where the API refuses requests because it is overloaded. Throws
 * CannotStart when the address cannot be had.
 */
export async function listenAdmin(ctx: Context, port: number): Promise<Listening> {
  const app = fastify({
    ...connectionLimits(ctx.config),
    frameworkErrors: (_error, request, reply) => notFound(request, reply),
  })
  // Refused before a body is read: no path takes one.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return notFound(request, reply)
  })
  const look = checks(ctx)
  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/health/ready', async (_request, reply) => {
    const found = await look()
    const isReady = Object.values(found).every((each) => each === 'ok')
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ready' : 'not ready',
      checks: { ...found, kernel: ctx.engine.kernel },
    })
  })
  const { metrics } = ctx
  if (metrics)
    app.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    )
  return openPort(app, ctx.config.adminHost, port, '--admin-port or --admin-host')
}

/** Looks at all parts at once: each is `ok`, or why it does not answer. */
function checks({ db, files, queue }: Context): () => Promise<Record<string, string>> {
  const parts: [name: string, who: string, part: { ping(): Promise<void> }][] = [
    ['database', 'The database', db],
    ['files', 'The object store', files],
    ['queue', 'The job queue', queue],
  ]
  const asked = parts.map(([name, who, part]) => {
    const ask = askedOnce(who, wireLimits.readyMs, () => part.ping())
    return async () =>
      ask().then(
        () => [name, 'ok'],
        (error: Error) => [name, withCause(error)],
      )
  })
  return async () => Object.fromEntries(await Promise.all(asked.map((ask) => ask())))
}

/** `fetch` says no more than that it failed. */
const withCause = ({ message, cause }: Error) =>
  cause instanceof Error ? `${message}: ${cause.message}` : message

const notFound = ({ method, url }: FastifyRequest, reply: FastifyReply) =>
  reply.code(404).send({
    status: 'not found',
    message:
      `There is no ${method} ${url}; ` +
      'there are GET /health/live, GET /health/ready and GET /metrics.',
  })
