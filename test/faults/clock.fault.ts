// Rule: a clock that jumps by days, forth or back, stops no job and changes no byte.
import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../crash/serverProcess.ts'
import { versionEnded } from '../crash/shop.ts'
import { client } from '../harness.ts'
import { allThere, folderFor, mixedLoad, prepare, sameBytes, tell } from './load.ts'
import { chance, times } from './seed.ts'

const jumpCount = times(6)
const preload = fileURLToPath(new URL('./clockJumps.ts', import.meta.url))

test('the clock of a server jumps while it works', async (t) => {
  const random = chance(t)
  const days = Array.from({ length: jumpCount }, (_, n) =>
    Math.round(random.between(1, 400) * (n % 2 === 0 ? -1 : 1)),
  )
  const dataDir = await folderFor(t)
  process.env.NODE_OPTIONS = `--import=${preload}`
  process.env.CLOCK_JUMPS = [0, ...days].join()
  const server = startProcess(dataDir)
  delete process.env.NODE_OPTIONS
  const personalize = client(await server.url)
  let offset = 0
  // Signatures have the server's time. The client would take it from the header `date`, which Node
  // writes with a clock that does not jump.
  Object.defineProperty(personalize.config, 'systemClockOffset', {
    get: () => offset,
    set: () => undefined,
  })
  await prepare(personalize, dataDir)
  const load = mixedLoad(random, (answer) => answer)
  for (const each of days) {
    for (let works = 0; works < 3; works++) await load.work(personalize)
    await load.create(personalize)
    await sleep(random.between(0, 300))
    server.child.kill('SIGWINCH')
    await server.logged(`the clock is at ${each} days`)
    offset = each * 24 * 3_600_000
  }
  const outcome = await allThere(personalize, load, /^$/)
  for (const { kind, name } of outcome.active)
    if (kind === 'training') {
      const { trainingHours } = await versionEnded(personalize, name)
      ok(trainingHours! >= 0 && trainingHours! < 0.1, `${name} took ${trainingHours} hours`)
    }
  await sameBytes(t, personalize, dataDir, outcome)
  personalize.destroy()
  server.child.kill('SIGTERM')
  await server.ended
  tell(t, `the clock jumps to ${days} days`, load, outcome)
})
