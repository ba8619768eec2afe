import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Told } from './tell.ts'

/**
 * A request as it came: header names in lower case, `url` with its
 * query, the body's bytes untouched.
 */
export type Request = {
  id: string
  method: string
  url: string
  /** All values of a header, in their order. */
  headers: Readonly<NodeJS.Dict<string[]>>
  body: Uint8Array
  /** Of the connection: what a proxy says of others is not believed. */
  sourceIp: string
  isSecure: boolean
  told: Told
}

/** What goes back. */
export type Answer = { status: number; headers: Record<string, string>; body: string }

/** What Node has read of a request, with its whole body. */
export const requestOf = (
  id: string,
  message: IncomingMessage,
  body: Uint8Array,
  told: Told = {},
): Request => ({
  id,
  method: message.method ?? '',
  url: message.url ?? '/',
  headers: message.headersDistinct,
  body,
  sourceIp: plainAddress(message.socket.remoteAddress),
  isSecure: message.socket instanceof TLSSocket,
  told,
})

/** A header's value; of several values, as the signature sees them. */
export const header = (request: Request, name: string): string | undefined =>
  request.headers[name]?.join(',')

/** The path without its query. */
export const pathOf = ({ url }: Request) => url.split('?', 1)[0]!

/** The decoded query; a name that comes twice has a list. */
export function queryOf({ url }: Request): Record<string, string[]> {
  const start = url.indexOf('?')
  const query = new URLSearchParams(start < 0 ? '' : url.slice(start + 1))
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name)]))
}

/**
 * The address of a socket as policies name it: sockets for both kinds write IPv4 as IPv6, IPv6 may come with the zone it
 * was seen in, and a closed socket has none.
 */
export const plainAddress = (address: string | undefined) =>
  (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
