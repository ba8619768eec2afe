import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** OpenTelemetry, "OTLP Specification", JSON encoding. */
export type OtlpSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  status: { code?: number }
  attributes: { key: string; value: { stringValue?: string } }[]
}
type Body = {
  resourceSpans: {
    resource: { attributes: OtlpSpan['attributes'] }
    scopeSpans: { spans: OtlpSpan[] }[]
  }[]
}

/** A real receiver of traces over OTLP/HTTP, which keeps what it is sent. */
export async function startReceiver(t: { after(close: () => void): void }) {
  const spans: OtlpSpan[] = []
  const services = new Set<string | undefined>()
  const authorizations = new Set<string | undefined>()
  const server = createServer(async (request, response) => {
    authorizations.add(request.headers.authorization)
    const isTraces = request.method === 'POST' && request.url === '/v1/traces'
    const { resourceSpans } = (await json(request)) as Body
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')
      services.add(service?.value.stringValue)
      for (const each of scopeSpans) spans.push(...each.spans)
    }
    response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get services() {
      return [...services]
    },
    get authorizations() {
      return [...authorizations]
    },
  }
}
