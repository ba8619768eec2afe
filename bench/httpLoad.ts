import { connect } from 'node:net'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'

/** What was measured of many requests: those that came back in a second, and how long they took. */
export type Load = { perSecond: number; p50: number; p99: number; answers: Map<string, number> }

export type Asked = {
  url: string
  /** The bytes of the next request; undefined where there is none left. */
  next: () => string | undefined
  connections: number
  forMs: number
}

/**
 * Sends one request at a time over each connection, over plain sockets: an HTTP client in this
 * process would be slower than the servers. Answers are counted by status and exception.
 */
export async function load({ url, next, connections, forMs }: Asked): Promise<Load> {
  const took: number[] = []
  const answers = new Map<string, number>()
  const end = performance.now() + forMs
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      let began = 0
      let received = ''
      const send = () => {
        const bytes = performance.now() < end ? next() : undefined
        if (bytes === undefined) {
          socket.end()
          return resolve()
        }
        began = performance.now()
        received = ''
        socket.write(bytes)
      }
      socket.setNoDelay(true).once('connect', send).once('error', reject)
      socket.once('close', () => reject(new Error('The server closed the connection.')))
      socket.setEncoding('latin1').on('data', (text) => {
        received += text
        if (!isWhole(received)) return
        took.push(performance.now() - began)
        const answer = answerOf(received)
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        send()
      })
    })
  const began = performance.now()
  await Promise.all(Array.from({ length: connections }, one))
  const seconds = (performance.now() - began) / 1000
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(share * took.length)] ?? 0
  return { perSecond: took.length / seconds, p50: at(0.5), p99: at(0.99), answers }
}

function isWhole(received: string): boolean {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const [, length] = /content-length: (\d+)/i.exec(received) ?? []
  return received.length >= headEnd + 4 + Number(length)
}

/** `200`, or the status and the exception's name. */
function answerOf(received: string): string {
  const status = received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
  const [, code] = /"__type":"(\w+)"/.exec(received) ?? []
  return code === undefined ? status : `${status} ${code}`
}

/** The bytes of a request signed with test/test; a signature is good for 15 minutes. */
export async function signedRequest(
  url: string,
  operation: string,
  input: object,
): Promise<string> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    region: 'us-east-1',
    service: 'personalize',
    sha256: Sha256,
  })
  const body = JSON.stringify(input)
  const { host, hostname } = new URL(url)
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname,
    path: '/',
    headers: {
      host,
      'content-type': 'application/x-amz-json-1.1',
      'content-length': String(Buffer.byteLength(body)),
      'x-amz-target': `AmazonPersonalize.${operation}`,
    },
    body,
  })
  return bytesOf(headers, body)
}

/** The same without a signature, for servers that ask for none. */
export const plainRequest = (url: string, body: string): string =>
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
