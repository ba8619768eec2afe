// Rule: servers, workers and the Postgres server may be killed, and workers hang and end, in any
// order: all that was acknowledged is there, jobs end once, and with the bytes of a quiet run.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PersonalizeServiceException } from '@aws-sdk/client-personalize'
import { orLost, type ServerProcess, startProcess } from '../crash/serverProcess.ts'
import { client } from '../harness.ts'
import { startPostgres } from '../postgres/postgresServer.ts'
import { killAmid } from './kill.ts'
import { allThere, folderFor, mixedLoad, prepare, sameBytes, tell } from './load.ts'
import { chance, times } from './seed.ts'

const serverKills = times(24)
const workerKills = times(46)
const postgresKills = times(10)

test('servers, workers and Postgres killed at random moments of a mixed load', async (t) => {
  const random = chance(t)
  const dataDir = await folderFor(t)
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const flags = ['--database-url', postgres.url, '--lease-seconds', '2']
  const serve = () => started(dataDir, 'serve', [...flags, '--jobs', 'false'])
  const work = () => started(dataDir, 'worker', [...flags, '--admin-port', '0'])

  let server = await serve()
  const workers = [await work(), await work()]
  const quiet = client(await server.url)
  await prepare(quiet, dataDir)
  quiet.destroy()

  const load = mixedLoad(random, orFailed)
  let isOver = false
  const loading = (async () => {
    while (!isOver) {
      const personalize = client(await server.url)
      await Promise.all([load.create(personalize), load.create(personalize)])
      personalize.destroy()
      await sleep(random.between(20, 200))
    }
  })()
  const kills = { server: 0, worker: 0, postgres: 0, hung: 0 }
  const killServers = async () => {
    while (kills.server < serverKills) {
      const personalize = client(await server.url)
      await load.work(personalize)
      await sleep(random.between(0, 1500))
      personalize.destroy()
      server.child.kill('SIGKILL')
      await server.ended
      kills.server += 1
      server = await serve()
    }
  }
  const killWorkers = async (place: number) => {
    while (kills.worker < workerKills) {
      kills.worker += 1
      const worker = workers[place]!
      if (random.random() < 0.2) {
        kills.hung += 1
        await hang(worker, random.between(200, 3500))
      }
      killAmid(worker, random)
      await worker.ended
      workers[place] = await work()
    }
  }
  const killPostgres = async () => {
    while (kills.postgres < postgresKills) {
      await sleep(random.between(500, 4000))
      await postgres.crash()
      kills.postgres += 1
    }
  }
  const killing = [killServers(), killWorkers(0), killWorkers(1), killPostgres()]
  await Promise.all(killing).finally(() => {
    isOver = true
  })
  await loading
  const personalize = client(await server.url)
  const outcome = await allThere(personalize, load)
  await sameBytes(t, personalize, dataDir, outcome)
  personalize.destroy()
  for (const { child, ended } of [server, ...workers]) {
    child.kill('SIGTERM')
    const { code, log } = await ended
    equal(code, 0, log.slice(-4000))
  }
  tell(t, JSON.stringify(kills), load, outcome)
})

/** Starts a process as who watches over it would: again, where the database is not there yet. */
async function started(dataDir: string, command: 'serve' | 'worker', flags: string[]) {
  for (let tries = 0; ; tries++) {
    const process = startProcess(dataDir, undefined, flags, command)
    if (await process.url.catch(() => undefined)) return process
    const { code, signal, log } = await process.ended
    if (tries === 20) throw new Error(`${command} does not start: ${signal ?? code} ${log}`)
  }
}

/** As `orLost`, and what a server answers whose database is gone, or another process that took a dead server's port. */
const orFailed = <Answer>(answer: Promise<Answer>): Promise<Answer | undefined> =>
  orLost(answer).catch((error: Partial<PersonalizeServiceException>) => {
    if (error.$fault !== 'server' && error.$metadata?.httpStatusCode !== 404) throw error
    return undefined
  })

async function hang({ child }: ServerProcess, ms: number): Promise<void> {
  child.kill('SIGSTOP')
  await sleep(ms)
  child.kill('SIGCONT')
}
