import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Server as TlsServer } from 'node:tls'
import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Context } from '../context.ts'
import { ServiceError, unavailable } from '../errors.ts'
import { wireLimits } from '../limits.ts'
import { watchFiles } from '../watch.ts'
import { admit, failure, handle } from './handle.ts'
import { connectionLimits, type Listening, openPort } from './port.ts'
import { type Answer, type Request, requestOf } from './request.ts'
import { type Told, tell, tellRefusals } from './tell.ts'
import { readTls } from './tls.ts'

/** What a test narrows; the limits are in `wireLimits`. */
export type ListenOptions = { heapBytesMax?: number; pressureSampleMs?: number }

/**
 * Opens the HTTP server on the host and port of the settings and answers with `handle` until
 * closed; `close` lets requests under way end. Throws CannotStart when the address cannot be had.
 */
export async function listen(ctx: Context, options: ListenOptions = {}): Promise<Listening> {
  const tls = await readTls(ctx.config)
  const limits = connectionLimits(ctx.config)
  const app: FastifyInstance = fastify({
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    ...limits,
    ...(tls && { https: { ...limits.http, ...tls } }),
    // Nothing is routed by Fastify: the contract knows the paths. What its
    // router cannot read is no path of ours.
    frameworkErrors: (_error, request, reply) => answer(request, reply),
  })
  const fail = (request: FastifyRequest, reply: FastifyReply, error: unknown) =>
    send(reply, failure(ctx, read(request), asServiceError(ctx, error)))
  const answer = async (request: FastifyRequest, reply: FastifyReply) =>
    send(reply, await handle(ctx, read(request)))

  app.addHook('onResponse', async (request, reply) => {
    tell(ctx, read(request), {
      status: reply.statusCode,
      code: (reply.getHeader('x-amzn-errortype') as string | undefined) ?? 'OK',
      ms: reply.elapsedTime,
      bytes: Number(reply.getHeader('content-length') ?? 0),
    })
  })
  await app.register(underPressure, {
    maxEventLoopDelay: wireLimits.eventLoopDelayMsMax,
    maxHeapUsedBytes:
      options.heapBytesMax ?? wireLimits.heapShareMax * getHeapStatistics().heap_size_limit,
    sampleInterval: options.pressureSampleMs ?? wireLimits.pressureSampleMs,
    pressureHandler: async () => {
      throw overloaded()
    },
  })
  // Nobody makes the server hold a body but with a key that it knows, and all together no more than so many. What is
  // refused here Node reads on and drops, so that the connection can be used again.
  let held = 0
  app.addHook('onRequest', async (asked, reply) => {
    admit(ctx, read(asked))
    const bytes = bodyBytesMax(asked.raw, ctx.config.requestBytes)
    if (held + bytes > wireLimits.bodiesMax * ctx.config.requestBytes) throw overloaded()
    held += bytes
    reply.raw.once('close', () => {
      held -= bytes
    })
  })
  // The body stays bytes, whatever the content type: the signature covers them as they came.
  // Fastify refuses a type that is not well written, so it sees none but this.
  app.addHook('onRequest', async ({ raw }) => {
    raw.headers['content-type'] = 'application/octet-stream'
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => fail(request, reply, error))
  app.setNotFoundHandler(answer)
  app.all('/*', answer)

  app.server.maxConnections = ctx.config.connections
  tellRefusals(ctx, app.server)
  const listening = await openPort(app, ctx.config.host, ctx.config.port, '--port or --host')
  const unwatch = watchTls(ctx, app)
  return {
    ...listening,
    close: async () => {
      unwatch()
      await listening.close()
    },
  }
}

const overloaded = () => unavailable('The server is overloaded; try again.')

/** As many bytes as the body of a request may have, before any of them has come. */
function bodyBytesMax({ headers }: IncomingMessage, requestBytes: number): number {
  if (headers['transfer-encoding'] !== undefined) return requestBytes
  return Math.min(Number(headers['content-length'] ?? 0), requestBytes)
}

/** Certificates are renewed while the server runs. */
function watchTls({ config, log }: Context, { server }: FastifyInstance): () => void {
  const { tlsCertificate, tlsKey } = config
  if (!(server instanceof TlsServer) || !tlsCertificate || !tlsKey) return () => undefined
  return watchFiles([tlsCertificate, tlsKey], log, async () => {
    server.setSecureContext((await readTls(config))!)
  })
}

function read(asked: FastifyRequest): Request {
  const { id, raw, body } = asked
  const told = tellings.get(asked) ?? {}
  tellings.set(asked, told)
  return requestOf(id, raw, body instanceof Uint8Array ? body : new Uint8Array(), told)
}

/** What is known of each request once it is answered. */
const tellings = new WeakMap<FastifyRequest, Told>()

const send = (reply: FastifyReply, { status, headers, body }: Answer) =>
  reply.code(status).headers(headers).send(Buffer.from(body))

/**
 * What Fastify refuses by itself (too large, a content length that lies) is the caller's fault too.
 */
function asServiceError({ config }: Context, error: unknown): unknown {
  if (error instanceof ServiceError || !(error instanceof Error) || !('statusCode' in error))
    return error
  const status = error.statusCode as number
  if (status === 413)
    return new ServiceError(
      'RequestEntityTooLargeException',
      `The request body is larger than ${config.requestBytes} bytes.`,
      413,
    )
  return status < 500 ? new ServiceError('SerializationException', error.message, status) : error
}
