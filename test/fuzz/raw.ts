import { connect } from 'node:net'

/** What a server said: all of it, and of an answer in JSON status, exception and text. */
export type Said = {
  text: string
  status: number
  code: string | undefined
  message: string | undefined
}

/** Sends bytes over a connection of their own, which ends with them, and reads until the server closes it. */
export function sendBytes(port: number, bytes: Uint8Array): Promise<Said> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(bytes))
    socket.on('data', (chunk) => chunks.push(chunk))
    // A server that refuses early closes while bytes are still under way.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(read(Buffer.concat(chunks).toString())))
  })
}

function read(whole: string): Said {
  const text = whole.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? []
  const [, length] = /^content-length: (\d+)/im.exec(text) ?? []
  // What is refused by its headers is answered before the body, and a body that is broken once more.
  const rest = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4))
  const body = rest.subarray(0, Number(length ?? rest.length)).toString()
  const error = body.startsWith('{') ? JSON.parse(body) : {}
  return { text, status: Number(status ?? 0), code: error.__type, message: error.message }
}

/** The bytes of a request whose connection ends with it. */
export function requestBytes(
  { method, path, body }: { method: string; path: string; body: string | Uint8Array },
  headers: [name: string, value: string][],
): Buffer {
  const content = Buffer.from(body)
  const lines = headers
    .filter(([name]) => !/^(content-length|connection)$/i.test(name))
    .map(([name, value]) => `${name}: ${value}\r\n`)
  const length = `content-length: ${content.length}\r\nconnection: close\r\n`
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n`
  return Buffer.concat([Buffer.from(head), content])
}
