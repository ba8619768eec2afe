// Rule: whenever a server is killed, all that it acknowledged is there at its next start, jobs end,
// and what they leave has the bytes of a run that nobody disturbs.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { orLost, type ServerProcess, serving, startProcess } from '../crash/serverProcess.ts'
import { client } from '../harness.ts'
import { killAmid } from './kill.ts'
import { allThere, folderFor, type Load, mixedLoad, prepare, sameBytes, tell } from './load.ts'
import { type Chance, chance, times } from './seed.ts'

const kills = times(30)

test('an embedded server killed at random moments of a mixed load', async (t) => {
  const random = chance(t)
  const dataDir = await folderFor(t)
  const startMs = await serving(dataDir, async (personalize, server) => {
    await prepare(personalize, dataDir)
    return server.startMs
  })
  const load = mixedLoad(random, orLost)
  for (let killed = 0; killed < kills; killed++) {
    const server = startProcess(dataDir)
    if (random.random() < 0.2)
      setTimeout(() => server.child.kill('SIGKILL'), random.between(0, startMs))
    else await loaded(server, load, random)
    equal((await server.ended).signal, 'SIGKILL')
  }
  const outcome = await serving(dataDir, async (personalize) => {
    const found = await allThere(personalize, load)
    await sameBytes(t, personalize, dataDir, found)
    return found
  })
  tell(t, `${kills} kills`, load, outcome)
})

/** Asks a server for things until it is killed. */
async function loaded(server: ServerProcess, load: Load, random: Chance): Promise<void> {
  const personalize = client(await server.url)
  killAmid(server, random)
  await load.work(personalize)
  while (server.child.signalCode === null) {
    await Promise.all([load.create(personalize), load.create(personalize)])
    await sleep(random.between(20, 200))
  }
  personalize.destroy()
}
