import { isMainThread } from 'node:worker_threads'

/**
 * Preloaded into a server under test: ends the process with SIGKILL within the call that writes the log line of one
 * step (or SIGSTOP, or what else KILL_SIGNAL says). KILL_AT is `<end of the job's ARN> <start of the step>`, such as `/shop datasetImportJob 3`.
 */
const killAt = process.env.KILL_AT
const signal = process.env.KILL_SIGNAL ?? 'SIGKILL'
if (killAt && isMainThread) {
  const blank = killAt.indexOf(' ')
  const [arnEnd, step] = [killAt.slice(0, blank), killAt.slice(blank + 1)]
  const write = process.stderr.write.bind(process.stderr) as (text: string | Uint8Array) => boolean
  process.stderr.write = (text: string | Uint8Array) => {
    const written = write(text)
    for (const line of String(text).split('\n'))
      if (line.includes(`${arnEnd}","step":"${step}`)) process.kill(process.pid, signal)
    return written
  }
}
