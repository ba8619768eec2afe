import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

type Cleanup = { after(close: () => Promise<void>): void }

/**
 * What befalls a request on its way: it is `taken`, or its answer is `lost`,
 * or cut after so many bytes, or (undefined) it passes.
 */
export type Fault = (asked: IncomingMessage, answer: ServerResponse) => Fate | Promise<Fate>
type Fate = 'taken' | 'lost' | number | undefined

/** A way to a server on which `fault` decides what befalls each request. */
export async function faultyWay(t: Cleanup, target: string) {
  const way = { endpoint: '', fault: (() => undefined) as Fault }
  const { hostname, port } = new URL(target)
  const server = createServer(async (asked, answer) => {
    const fate = await way.fault(asked, answer)
    if (fate === 'taken') return
    const { method, url: path, headers } = asked
    const body = await buffer(asked)
    const onward = request({ hostname, port, method, path, headers }, (answered) => {
      if (fate === 'lost') {
        answered.resume().on('end', () => answer.destroy())
        return
      }
      answer.writeHead(answered.statusCode!, answered.headers)
      if (fate === undefined) answered.pipe(answer)
      else passThenCut(answered, answer, fate)
    })
    onward.on('error', () => answer.destroy())
    onward.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  way.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.after(async () => {
    server.closeAllConnections()
    server.close()
  })
  return way
}

async function passThenCut(answered: IncomingMessage, answer: ServerResponse, bytes: number) {
  const body = await buffer(answered)
  answer.write(body.subarray(0, bytes), () => answer.destroy())
}

/** An error as S3 writes it. */
export function refuse(
  answer: ServerResponse,
  status: number,
  code: string,
  headers = {},
): 'taken' {
  answer.writeHead(status, { 'content-type': 'application/xml', ...headers })
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)
  return 'taken'
}
