import type { AddressInfo } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { cannotStart } from '../errors.ts'
import { wireLimits } from '../limits.ts'

export type Listening = { url: string; port: number; close: () => Promise<void> }

/** Fastify's settings for what one connection may take of size and time, whatever it asks. */
export const connectionLimits = (config: Config) => ({
  bodyLimit: config.requestBytes,
  keepAliveTimeout: wireLimits.keepAliveMs,
  requestTimeout: config.requestSeconds * 1000,
  http: {
    headersTimeout: headersMs(config),
    // Of TLS, whose handshake comes before the headers.
    handshakeTimeout: headersMs(config),
    maxHeaderSize: config.headerBytes,
    connectionsCheckingInterval: wireLimits.connectionsCheckedMs,
  },
})

const headersMs = ({ headerSeconds, requestSeconds }: Config) =>
  Math.min(headerSeconds, requestSeconds) * 1000

/**
 * Lets the app answer on an address until closed; `close` lets requests under way end. Throws
 * CannotStart, which names the flags of the address, when the address cannot be had.
 */
export async function openPort(
  app: FastifyInstance,
  host: string,
  wanted: number,
  flags: string,
): Promise<Listening> {
  await app
    .listen({ host, port: wanted })
    .catch(cannotStart(`The server cannot listen; choose another ${flags}`))
  const { port } = app.server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  const scheme = app.server instanceof TlsServer ? 'https' : 'http'
  return { url: `${scheme}://${name}:${port}`, port, close: () => close(app) }
}

/**
 * Requests under way may end. A connection that has sent nothing, or half a request, is not waited
 * for: Node counts neither as idle.
 */
async function close(app: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), wireLimits.closeMs)
  await app.close()
  clearTimeout(cut)
}
