import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Personalize } from '@aws-sdk/client-personalize'
import { client } from '../harness.ts'
import { databaseFlags } from '../testDatabase.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const preload = fileURLToPath(new URL('./killAt.ts', import.meta.url))

/** A test that fails midway leaves its server running, which would keep the test process alive for ever. */
const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** How a process ended: its exit code, or the signal that ended it. */
export type Ended = { code: number | null; signal: NodeJS.Signals | null; log: string }

/** A process of its own on a data directory; what it logs at level debug is kept. */
export type ServerProcess = {
  child: ChildProcess
  ended: Promise<Ended>
  /** The endpoint; rejects if the process ends before it prints one. */
  url: Promise<string>
  /** Milliseconds from the start of the process to its endpoint. */
  startMs: Promise<number>
  /** Resolves once a log line holds the text; rejects if the process ends before. */
  logged(text: string): Promise<void>
  stdout(): string
}

/** Starts `serve`, or `worker`; `killAt` is what killAt.ts reads, `flags` are more flags. */
export function startProcess(
  dataDir: string,
  killAt?: string,
  flags: string[] = [],
  command: 'serve' | 'worker' = 'serve',
): ServerProcess {
  const began = performance.now()
  const child = spawn(
    process.execPath,
    [
      ...(killAt ? ['--import', preload] : []),
      main,
      ...[command, '--port', '0', '--data-dir', dataDir, '--log-level', 'debug'],
      ...databaseFlags(dataDir),
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, KILL_AT: killAt ?? '' } },
  )
  let log = ''
  let stdout = ''
  const waiting = new Map<string, () => void>()
  createInterface({ input: child.stderr }).on('line', (line) => {
    log += `${line}\n`
    for (const [text, resolve] of waiting) if (line.includes(text)) resolve()
  })
  children.add(child)
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child)
    return { code, signal, log } as Ended
  })
  const endedEarly = async (): Promise<never> => {
    const { code, signal } = await ended
    throw new Error(`the server ended early: ${signal ?? code}\n${log.slice(-4000)}`)
  }

  const found = Promise.withResolvers<{ url: string; ms: number }>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
    if (url) found.resolve({ url, ms: performance.now() - began })
  })
  const started = Promise.race([found.promise, endedEarly()])
  // Whoever awaits the endpoint sees the rejection; a process that shall be killed at its start has nobody who does.
  started.catch(() => undefined)
  const url = started.then((each) => each.url)
  const startMs = started.then((each) => each.ms)
  for (const promise of [url, startMs]) promise.catch(() => undefined)
  return {
    child,
    ended,
    url,
    startMs,
    async logged(text) {
      if (log.includes(text)) return
      const seen = Promise.withResolvers<void>()
      waiting.set(text, seen.resolve)
      await Promise.race([seen.promise, endedEarly()])
      waiting.delete(text)
    },
    stdout: () => stdout,
  }
}

/** Runs `work` against a server on the data directory and ends the server with SIGTERM. */
export async function serving<Result>(
  dataDir: string,
  work: (personalize: Personalize, server: ServerProcess) => Promise<Result>,
  flags: string[] = [],
): Promise<Result> {
  const server = startProcess(dataDir, undefined, flags)
  try {
    const personalize = client(await server.url)
    const result = await work(personalize, server)
    personalize.destroy()
    return result
  } finally {
    server.child.kill('SIGTERM')
    await server.ended
  }
}

/** What a client gets when the server dies while it answers; anything else is thrown. */
export async function orLost<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  return answer.catch((error: NodeJS.ErrnoException) => {
    if (/ECONNRESET|ECONNREFUSED|EPIPE|socket hang up/.test(`${error.code} ${error.message}`))
      return undefined
    throw error
  })
}
