import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { pino } from 'pino'
import { type Config, readConfig } from '../src/config.ts'
import type { Context } from '../src/context.ts'
import { readCredentials } from '../src/credentials.ts'
import type { Metrics } from '../src/metrics.ts'
import { operations } from '../src/operations/index.ts'
import type { AnyOperation } from '../src/operations/operation.ts'
import { limitRate } from '../src/rateLimit.ts'
import { type ListenOptions, listen } from '../src/wire/listen.ts'

/** A listening server whose operations touch nothing but what a test gives them; closed after the test. */
export async function wireServer(
  t: TestContext,
  {
    now = () => new Date(),
    settings = {},
    metrics,
    ...options
  }: ListenOptions & { now?: () => Date; settings?: Partial<Config>; metrics?: Metrics } = {},
) {
  const config = { ...readConfig(['--port', '0'], {}), ...settings }
  const keys = await readCredentials(config)
  const logged: string[] = []
  const ctx = {
    config,
    credentials: (id: string) => keys.get(id),
    rateLimit: limitRate(config.requestsPerSecond),
    clock: now,
    metrics,
    log: pino(
      { level: metrics ? 'info' : 'error' },
      { write: (line: string) => logged.push(line) },
    ),
  } as unknown as Context
  const server = await listen(ctx, options)
  t.after(() => server.close())
  return {
    ...server,
    logged,
    client: {
      endpoint: server.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    },
  }
}

/** Puts an operation into the table for the duration of a test. */
export function withOperation(t: TestContext, name: string, run: AnyOperation) {
  const before = operations[name]
  operations[name] = run
  t.after(() => {
    if (before) operations[name] = before
    else delete operations[name]
  })
}

export type Body = string | Uint8Array<ArrayBuffer>
export type Wanted = {
  method?: string
  path?: string
  /** With its service before a dot, or without for Amazon Personalize. */
  target?: string
  body?: Body
  headers?: Record<string, string>
  accessKeyId?: string
  secretAccessKey?: string
  sessionToken?: string
  region?: string
  service?: string
  signingDate?: Date
}

/** The headers of a request signed as boto3 signs: few headers, no x-amz-content-sha256. */
export async function signed(url: string, wanted: Wanted): Promise<Record<string, string>> {
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: wanted.accessKeyId ?? 'test',
      secretAccessKey: wanted.secretAccessKey ?? 'test',
      ...(wanted.sessionToken !== undefined && { sessionToken: wanted.sessionToken }),
    },
    region: wanted.region ?? 'us-east-1',
    service: wanted.service ?? 'personalize',
    sha256: Sha256,
    applyChecksum: false,
  })
  const { host, hostname } = new URL(url)
  const [path, query] = (wanted.path ?? '/').split('?')
  const { headers } = await signer.sign(
    {
      method: wanted.method ?? 'POST',
      protocol: 'http:',
      hostname,
      path: path!,
      query: queryOf(query),
      headers: {
        host,
        'content-type': wanted.path ? 'application/json' : 'application/x-amz-json-1.1',
        ...(wanted.target ? { 'x-amz-target': targetOf(wanted.target) } : {}),
        ...wanted.headers,
      },
      body: wanted.body ?? '{}',
    },
    { signingDate: wanted.signingDate ?? new Date() },
  )
  return headers
}

/** A name that comes twice has a list. */
function queryOf(text: string | undefined) {
  const query = new URLSearchParams(text)
  return Object.fromEntries([...query.keys()].map((name) => [name, query.getAll(name)]))
}

const targetOf = (name: string) => (name.includes('.') ? name : `AmazonPersonalize.${name}`)

export type Answered = {
  status: number
  headers: Headers
  text: string
  code: string | undefined
  message: string | undefined
}

/** Sends a signed request, `tamper` changing it after the signature. */
export async function send(
  url: string,
  wanted: Wanted,
  tamper: (request: { headers: Record<string, string>; body: Body }) => void = () => {},
): Promise<Answered> {
  const request = { headers: await signed(url, wanted), body: wanted.body ?? '{}' }
  tamper(request)
  const { host: _host, ...headers } = request.headers
  const method = wanted.method ?? 'POST'
  const answer = await fetch(`${url}${wanted.path ?? '/'}`, {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: request.body }),
  })
  const text = await answer.text()
  const error = text ? (JSON.parse(text) as { __type?: string; message?: string }) : {}
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    code: error.__type,
    message: error.message,
  }
}

/** Writes bytes to the server and collects all it says until it closes or `until` is in it. */
export function exchange(port: number, bytes: string, until: (said: string) => boolean) {
  return new Promise<string>((resolve, reject) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      said += chunk
      if (until(said)) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(said))
  })
}
