import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { benchFile } from './cache.ts'
import { startNode } from './children.ts'
import type { Bench } from './main.ts'
import { median, type Report } from './report.ts'
import { schema, serving } from './shop.ts'

const times = 3
const warmUpMs = 2000
const measureMs = 3000

type Load = { perSecond: number; p50: number; p99: number }

/**
 * DescribeSchema requests, each signature proved anew, in turn with Fastify alone, which says hello
 * to the same bytes.
 */
export async function request({ report, folder }: Bench): Promise<void> {
  const dataDir = await mkdtemp(join(folder, 'request-'))
  await serving(dataDir, async ({ personalize, endpoint }) => {
    const { schemaArn = '' } = await personalize.createSchema({ name: 'bench', schema })
    const body = JSON.stringify({ schemaArn })
    const bare = startNode([benchFile('bareFastify.ts')])
    const bareUrl = await bare.line()
    const ours = { url: endpoint, bytes: await signedRequest(endpoint, body) }
    const hello = { url: bareUrl, bytes: plainRequest(bareUrl, body) }
    for (const connections of [1, 8]) await compare(report, ours, hello, connections)
    await bare.end()
  })
}

type Target = { url: string; bytes: string }

async function compare(report: Report, ours: Target, hello: Target, connections: number) {
  await load(ours, connections, warmUpMs)
  await load(hello, connections, warmUpMs)
  const runs: Load[] = []
  const bareRuns: Load[] = []
  for (let n = 0; n < times; n++) {
    runs.push(await load(ours, connections, measureMs))
    bareRuns.push(await load(hello, connections, measureMs))
  }
  const add = (member: keyof Load, name: string, unit: string) =>
    report.add(
      `request.connections${connections}.${name}`,
      median(runs.map((run) => run[member])),
      unit,
      { name: 'Fastify alone', value: median(bareRuns.map((run) => run[member])) },
    )
  add('perSecond', 'per_second', 'requests/s')
  add('p50', 'p50_ms', 'ms')
  add('p99', 'p99_ms', 'ms')
}

/**
 * Sends the same bytes over and over, one request at a time per connection, over plain sockets: an
 * HTTP client in this process would be slower than the servers. Throws at an answer other than 200.
 */
async function load({ url, bytes }: Target, connections: number, forMs: number): Promise<Load> {
  const took: number[] = []
  const end = performance.now() + forMs
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      let began = 0
      let received = ''
      const send = () => {
        began = performance.now()
        received = ''
        socket.write(bytes)
      }
      socket.setNoDelay(true).once('connect', send).once('error', reject)
      socket.setEncoding('latin1').on('data', (text) => {
        received += text
        if (!isWhole(received)) return
        if (!received.startsWith('HTTP/1.1 200')) socket.destroy(new Error(received))
        took.push(performance.now() - began)
        if (performance.now() < end) return send()
        socket.end()
        resolve()
      })
    })
  const began = performance.now()
  await Promise.all(Array.from({ length: connections }, one))
  const seconds = (performance.now() - began) / 1000
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(share * took.length)]!
  return { perSecond: took.length / seconds, p50: at(0.5), p99: at(0.99) }
}

function isWhole(received: string): boolean {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const [, length] = /content-length: (\d+)/i.exec(received) ?? []
  return received.length >= headEnd + 4 + Number(length)
}

/** The bytes of a signed request; a signature is good for 15 minutes. */
async function signedRequest(url: string, body: string): Promise<string> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    region: 'us-east-1',
    service: 'personalize',
    sha256: Sha256,
  })
  const { host, hostname } = new URL(url)
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname,
    path: '/',
    headers: {
      host,
      'content-type': 'application/x-amz-json-1.1',
      'content-length': String(body.length),
      'x-amz-target': 'AmazonPersonalize.DescribeSchema',
    },
    body,
  })
  return bytesOf(headers, body)
}

const plainRequest = (url: string, body: string) =>
  bytesOf(
    {
      host: new URL(url).host,
      'content-type': 'application/json',
      'content-length': String(body.length),
    },
    body,
  )

const bytesOf = (headers: Record<string, string>, body: string) =>
  `POST / HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`
