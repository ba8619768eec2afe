/** Many connections at once get right answers, quickly enough, and the server's memory stays as it is. */
import { deepEqual, ok } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { meanOf, mixedLoad } from '../../bench/load.ts'
import { startServer } from '../../src/cli/serverProcess.ts'

const connections = 64
const forMs = 10_000

async function loaded(t: TestContext, ...flags: string[]) {
  const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-load-'))
  const { endpoint, pid, stop } = await startServer(dataDir, ['--log-level', 'error', ...flags])
  t.after(async () => {
    await stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  const { answers, perSecond, p50, p99, mb } = await mixedLoad({
    endpoint,
    pid,
    connections,
    forMs,
  })
  const told = [...answers].map(([answer, count]) => `${count} x ${answer}`).join(', ')
  const ms = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
  t.diagnostic(`${perSecond.toFixed(0)} requests/s, ${ms}, ${told}; ${mb.map(Math.round)} MB`)
  return { answers, mb }
}

test('64 connections of Describe, List and Create get no error, and memory stays flat', async (t) => {
  const { answers, mb } = await loaded(t)
  deepEqual([...answers.keys()], ['200'])
  if (mb.length > 0) ok(meanOf(mb.slice(-2)) < 1.3 * meanOf(mb.slice(2, 4)) + 50, String(mb))
})

test('with a rate limit they get no other error than ThrottlingException', async (t) => {
  const { answers } = await loaded(t, '--requests-per-second', '100')
  deepEqual([...answers.keys()].sort(), ['200', '400 ThrottlingException'])
  ok(answers.get('200')! <= 100 * (forMs / 1000 + 1))
})
