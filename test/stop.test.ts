// Rule: SIGTERM ends a server within 5 s with exit code 0, whatever its clients hold open.
import { equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startProcess } from './crash/serverProcess.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** What a client does before the SIGTERM; gives how it lets go of its connection. */
type Client = (url: URL) => Promise<() => void>

/** Opens a connection and writes the beginning of a request, or nothing. */
const begins =
  (bytes: string): Client =>
  async ({ hostname, port }) => {
    const socket = connect(Number(port), hostname)
    // The server cuts the connection; whether that arrives as an end or as a reset is its choice.
    socket.on('error', ({ message }) => ok(message.includes('ECONNRESET'), message))
    await once(socket, 'connect')
    if (bytes) socket.write(bytes)
    return () => socket.destroy()
  }

/** Has an answer and keeps the connection for the next request. */
const keepsAlive: Client = async (url) => {
  const agent = new Agent({ keepAlive: true })
  const asked = request(url, { agent }).end()
  const [answer] = await once(asked, 'response')
  await once(answer.resume(), 'end')
  return () => agent.destroy()
}

const clients: Record<string, Client> = {
  none: async () => () => {},
  'one that keeps its connection alive': keepsAlive,
  'one that has sent nothing': begins(''),
  'one that has sent half its headers': begins('POST / HTTP/1.1\r\nHost: x\r\n'),
  'one that has sent half its body': begins(
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{',
  ),
}
for (const [name, client] of Object.entries(clients))
  test(`the client is ${name}`, async () => {
    const server = startProcess(join(folder, 'data'))
    const letGo = await client(new URL(await server.url))
    const asked = performance.now()
    server.child.kill('SIGTERM')
    const { code, log } = await server.ended
    letGo()
    equal(code, 0, log)
    ok(performance.now() - asked < 5000, `${performance.now() - asked} ms`)
  })
