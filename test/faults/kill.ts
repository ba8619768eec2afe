import type { ServerProcess } from '../crash/serverProcess.ts'
import type { Chance } from './seed.ts'

/**
 * Kills a process a moment after one of the next steps of its jobs, so that it
 * has done some work on any machine, or where its jobs have ended.
 */
export function killAmid({ child }: ServerProcess, { between }: Chance): void {
  let steps = Math.floor(between(0, 24))
  const [ms, idleMs] = [between(0, 60), between(0, 600)]
  const kill = () => child.kill('SIGKILL')
  const late = setTimeout(kill, 5000)
  let idle: NodeJS.Timeout
  child.once('exit', () => {
    clearTimeout(late)
    clearTimeout(idle)
  })
  child.stderr!.on('data', (bytes: Buffer) => {
    const text = bytes.toString()
    steps -= text.split('"step":').length - 1
    if (steps <= 0) setTimeout(kill, ms)
    clearTimeout(idle)
    if (text.includes(' ended"')) idle = setTimeout(kill, idleMs)
  })
}
