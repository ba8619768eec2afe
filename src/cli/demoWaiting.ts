import { setTimeout } from 'node:timers/promises'
import { DemoFailure } from './demoPlan.ts'

/** Takes the latest words about a step. */
export type Say = (message: string) => void

/** Runs all at once; `say` gets the latest words of each, joined. */
export function inParallel<Each, Result>(
  list: Each[],
  say: Say,
  work: (each: Each, say: Say) => Promise<Result>,
): Promise<Result[]> {
  const words: string[] = []
  return Promise.all(
    list.map((each, index) =>
      work(each, (message) => {
        words[index] = message
        say(words.filter(Boolean).join(', '))
      }),
    ),
  )
}

/**
 * Asks until the status is ACTIVE. There are no waiters in the SDKs:
 * every customer writes this loop.
 */
export async function untilActive(
  what: string,
  describe: () => Promise<Described | undefined>,
  say?: Say,
): Promise<void> {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    const found = await describe()
    if (found?.status === 'ACTIVE') return
    if (found?.status === 'CREATE FAILED')
      throw new DemoFailure(`The server could not create ${what}: ${found.failureReason}`)
    say?.(
      (found?.status ?? '')
        .replace(/^CREATE /, '')
        .replace('_', ' ')
        .toLowerCase(),
    )
    await setTimeout(pollMs)
  }
  throw new DemoFailure(`Gave up on ${what} after ${patienceMs / 60_000} minutes.`)
}

const pollMs = 250
const patienceMs = 30 * 60_000

type Described = { status?: string | undefined; failureReason?: string | undefined }
