import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'

/** A program that writes lines to its stdout; it is killed when this process ends before it. */
export type Child = {
  process: ChildProcess
  /** The next line of its stdout. Throws if it ends before it writes one. */
  line(): Promise<string>
  /** Writes a line to its stdin. */
  tell(line: string): void
  /** Ends it with SIGTERM, unless it has ended, and waits. */
  end(): Promise<void>
}

/** Starts a program, `env` over this one's environment; what it writes to stderr is shown. */
export function start(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Child {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'exit').finally(() => process.off('exit', kill))
  ended.catch(() => undefined)
  const lines = linesOf(createInterface({ input: child.stdout }))
  return {
    process: child,
    async line() {
      const { value, done } = await lines.next()
      if (done) throw new Error(`${command} ${args.join(' ')} ended before it answered`)
      return value
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await ended
    },
  }
}

/** Starts this Node on a script. */
export const startNode = (args: string[]): Child => start(process.execPath, args)

async function* linesOf(reader: Interface): AsyncGenerator<string, void> {
  yield* reader
}
