import { isMainThread } from 'node:worker_threads'

/**
 * Preloaded into a process under test: its clock jumps at each SIGWINCH, to the next of CLOCK_JUMPS,
 * which are days from the true time; it begins at the first.
 */
const jumps = (process.env.CLOCK_JUMPS ?? '').split(',').map(Number)
if (isMainThread && process.env.CLOCK_JUMPS) {
  const TrueDate = Date
  let days = jumps.shift()!
  process.on('SIGWINCH', () => {
    days = jumps.shift()!
    process.stderr.write(`the clock is at ${days} days\n`)
  })
  const now = () => TrueDate.now() + days * 24 * 3_600_000
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, words, self) =>
      Reflect.construct(target, words.length > 0 ? words : [now()], self),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  })
}
