import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Context } from '../context.ts'
import { wireLimits } from '../limits.ts'
import type { Refusal } from '../metrics.ts'
import { header, pathOf, plainAddress, type Request } from './request.ts'

/** What is known of a request: as much as it came to. */
export type Told = {
  operation?: string | undefined
  /** The ARN of the user whose key has signed it. */
  caller?: string | undefined
  /** What it made, or else what its input names first. */
  arn?: string | undefined
}

type Answered = { status: number; code: string; ms: number; bytes: number }

/**
 * Tells of a request that has been answered: a log line, metrics, a span. Never headers, queries or
 * inputs, which may hold secrets.
 */
export function tell(ctx: Context, request: Request, { status, code, ms, bytes }: Answered): void {
  const { operation, caller, arn } = request.told
  const target = operation === undefined ? targetOf(request) : undefined
  const requestId = request.id
  ctx.log.info(
    { requestId, operation, target, caller, arn, status, code, ms: Math.round(ms) },
    'answered',
  )
  const name = operation ?? 'unknown'
  const received = request.body.length
  ctx.metrics?.request(name, code, ms / 1000, { received, sent: bytes })
  const ended = Date.now()
  ctx.traces?.request(
    name,
    request.headers,
    { began: ended - ms, ended },
    {
      'aws.request_id': requestId,
      'rpc.method': name,
      'http.response.status_code': status,
      'openpersonalize.code': code,
      ...(caller !== undefined && { 'openpersonalize.caller': caller }),
      ...(arn !== undefined && { 'openpersonalize.arn': arn }),
    },
    status >= 500,
  )
}

/**
 * Tells of what Node refuses before it is a request of ours, in the log and the metrics: why and to whom, never what was
 * sent. A connection that its client breaks is none of it.
 */
export function tellRefusals(ctx: Context, server: Server): void {
  const tellOne = (reason: Refusal, address: string | undefined) => {
    ctx.log.info({ reason, sourceIp: plainAddress(address) }, 'refused')
    ctx.metrics?.refused(reason)
  }
  // Before the listener that closes the socket, which then has no address any more.
  server.prependListener('clientError', ({ code = '' }: NodeJS.ErrnoException, socket: Socket) => {
    const reason = refusals[code] ?? (/^(HPE|ERR_SSL)_/.test(code) ? 'malformed' : undefined)
    if (reason) tellOne(reason, socket.remoteAddress)
  })
  server.on('checkExpectation', ({ socket }, response) => {
    tellOne('expectation', socket.remoteAddress)
    response.writeHead(417).end()
  })
  server.on('drop', (dropped) => tellOne('connections', dropped?.remoteAddress))
}

const refusals: Record<string, Refusal> = {
  HPE_HEADER_OVERFLOW: 'headers',
  ERR_HTTP_REQUEST_TIMEOUT: 'time',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'time',
}

/** What names an operation that is not there. */
const targetOf = (request: Request) =>
  (header(request, 'x-amz-target') ?? pathOf(request)).slice(0, wireLimits.shownCharsMax)

/** The first member that holds the ARN of a resource. */
export function arnIn(members: object): string | undefined {
  for (const [name, value] of Object.entries(members))
    if (name.endsWith('Arn') && name !== 'roleArn' && typeof value === 'string') return value
  return undefined
}
