import { intro, log, outro, spinner } from '@clack/prompts'

/**
 * Where the demo shows how far it is: a spinner on a terminal, plain
 * lines without escape codes elsewhere.
 */
export type Screen = {
  begin(title: string): void
  /** Runs one step: `say` tells what it is at, `done` is the line that stays when it has ended. */
  step<Result>(
    title: string,
    work: (say: (message: string) => void) => Promise<Result>,
    done?: (result: Result) => string,
  ): Promise<Result>
  /** A paragraph with a heading. */
  show(heading: string, lines: string[]): void
  fail(message: string): void
  end(message: string): void
}

export function openScreen(): Screen {
  const run = process.stdout.isTTY ? spin : print
  return {
    begin: (title) => intro(title),
    step: async (title, work, done) => {
      const started = performance.now()
      return run(title, work, (result) => {
        const seconds = (performance.now() - started) / 1000
        return `${done?.(result) ?? title} (${seconds.toFixed(1)} s)`
      })
    },
    show: (heading, lines) => log.step([heading, ...lines].join('\n')),
    fail: (message) => log.error(message),
    end: (message) => outro(message),
  }
}

const spin: Screen['step'] = async (title, work, done) => {
  const wheel = spinner()
  const started = Date.now()
  wheel.start(title)
  try {
    const result = await work((message) => {
      const seconds = Math.floor((Date.now() - started) / 1000)
      wheel.message(`${title}, ${seconds} s: ${message}`)
    })
    wheel.stop(done?.(result) ?? title)
    return result
  } catch (error) {
    wheel.error(title)
    throw error
  }
}

const silenceMs = 10_000

const print: Screen['step'] = async (title, work, done) => {
  let [latest, seconds] = ['', 0]
  // A log without a line for long looks dead.
  const timer = setInterval(() => {
    seconds += silenceMs / 1000
    log.message(`… ${title}, ${seconds} s${latest && `: ${latest}`}`, { spacing: 0 })
  }, silenceMs)
  try {
    const result = await work((message) => {
      latest = message
    })
    log.step(done?.(result) ?? title)
    return result
  } finally {
    clearInterval(timer)
  }
}
