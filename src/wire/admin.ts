import { setTimeout } from 'node:timers/promises'
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Context } from '../context.ts'
import { wireLimits } from '../limits.ts'
import { connectionLimits, type Listening, openPort } from './port.ts'

/**
 * Opens the health of the server on a port of its own, for whoever watches over it: without
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
  const database = databaseCheck(ctx)
  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/health/ready', async (_request, reply) => {
    const checks = { database: await database(), kernel: ctx.engine.kernel }
    const isReady = checks.database === 'ok'
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', checks })
  })
  return openPort(app, ctx.config.host, port, '--admin-port')
}

/**
 * `ok`, or why the database does not answer. It is asked once at a time, however many want to
 * know: one that hangs must not collect questions.
 */
function databaseCheck({ db }: Context): () => Promise<string> {
  let asked: Promise<string> | undefined
  return () => {
    asked ??= db
      .ping()
      .then(
        () => 'ok',
        (error: Error) => error.message,
      )
      .finally(() => {
        asked = undefined
      })
    const late = setTimeout(wireLimits.readyMs, undefined, { ref: false }).then(
      () => `The database has not answered within ${wireLimits.readyMs} ms.`,
    )
    return Promise.race([asked, late])
  }
}

const notFound = ({ method, url }: FastifyRequest, reply: FastifyReply) =>
  reply.code(404).send({
    status: 'not found',
    message: `There is no ${method} ${url}; there are GET /health/live and GET /health/ready.`,
  })
