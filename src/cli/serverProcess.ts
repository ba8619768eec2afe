import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A server of our own that runs as a child process, on a free port of 127.0.0.1. */
export type ServerProcess = {
  endpoint: string
  pid: number
  /** The last lines it wrote to stderr, for people who ask why it failed. */
  complaints(): string
  /**
   * Ends it as a service manager would (SIGTERM) and waits; kills
   * it if it is still there after 8 s.
   */
  stop(): Promise<number | null>
  /** Ends it at once, without waiting: for exit handlers. */
  kill(): void
}

/**
 * Starts `serve` on `dataDir` and resolves when it answers. Throws if it ends, or is silent for a
 * minute, before that. `flags` are more flags of `serve`, such as `--log-level`.
 */
export async function startServer(dataDir: string, flags: string[] = []): Promise<ServerProcess> {
  const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url))
  const child = spawn(
    process.execPath,
    [main, 'serve', '--host', '127.0.0.1', '--port', '0', '--data-dir', dataDir, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = once(child, 'exit')
  let said = ''
  child.stderr.on('data', (bytes) => {
    said = (said + bytes).slice(-4000)
  })
  const complaints = () => said.trim().split('\n').slice(-30).join('\n')

  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line)
      if (found) resolve(found[0])
    })
  })
  const early = ended.then(([code]) => {
    throw new Error(`The server ended with code ${code} before it answered.\n${complaints()}`)
  })
  const late = sleep(60_000, undefined, { ref: false }).then(() => {
    throw new Error(`The server did not answer within 60 s.\n${complaints()}`)
  })
  const endpoint = await Promise.race([ready, early, late]).catch((error) => {
    child.kill('SIGKILL')
    throw error
  })

  return {
    endpoint,
    pid: child.pid!,
    complaints,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      child.kill('SIGTERM')
      const patience = setTimeout(() => child.kill('SIGKILL'), 8000)
      const [code] = await ended
      clearTimeout(patience)
      return code
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
