// Rule: on a full disk jobs fail with a reason or are tried again, nothing that was acknowledged is
// lost, and the server lives or ends with a word, and works once there is room again.
import { ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { orLost, serving, startProcess } from '../crash/serverProcess.ts'
import { client } from '../harness.ts'
import { startPostgres } from '../postgres/postgresServer.ts'
import { allThere, mixedLoad, prepare, sameBytes, tell } from './load.ts'
import { chance, times } from './seed.ts'

const fillings = times(3)

test('the disk of an embedded server is full', (t) => fillAndFree(t, 'embedded'))
test('the disk of a server and its Postgres is full', (t) => fillAndFree(t, 'postgres'))

async function fillAndFree(t: TestContext, store: 'embedded' | 'postgres') {
  const random = chance(t)
  const disk = await mkdtemp(join(tmpdir(), 'openpersonalize-faults-'))
  t.after(async () => {
    spawnSync('umount', ['--lazy', disk])
    await rm(disk, { recursive: true, force: true })
  })
  const options = `size=${store === 'embedded' ? 160 : 260}m,mode=755`
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk])
  if (mounted.status !== 0) {
    t.diagnostic(`NOT TRIED: a small disk needs the right to mount: ${mounted.stderr}`)
    return
  }
  const postgres = store === 'embedded' ? undefined : await startPostgres(disk)
  t.after(() => postgres?.stop())
  const flags = postgres ? ['--database-url', postgres.url, '--lease-seconds', '2'] : []
  const dataDir = join(disk, 'data')
  await serving(dataDir, (personalize) => prepare(personalize, dataDir), flags)
  const refusals = { creates: 0, ends: 0, starts: 0 }
  const load = mixedLoad(random, (answer) =>
    orLost(answer).catch((error: { $fault?: string }) => {
      if (error.$fault !== 'server') throw error
      refusals.creates += 1
      return undefined
    }),
  )
  const filler = join(disk, 'filler')
  for (let filled = 0; filled < fillings; filled++) {
    const server = startProcess(dataDir, undefined, flags)
    const personalize = client(await server.url)
    const { bavail, bsize } = await statfs(disk)
    const left = filled % 2 === 0 ? 0 : Math.floor(random.between(0, 400_000))
    for (let works = 0; works < 2; works++) await load.work(personalize)
    await writeFile(filler, Buffer.alloc(bavail * bsize - left)).catch((error) => {
      if (error.code !== 'ENOSPC') throw error
    })
    const until = performance.now() + random.between(500, 2000)
    const before = refusals.creates
    // Pages and files that are there already take some creates.
    for (let n = 0; performance.now() < until || (refusals.creates === before && n < 100); n++) {
      await load.create(personalize)
      await sleep(random.between(10, 50))
    }
    personalize.destroy()
    if (server.child.exitCode !== null) refusals.ends += 1
    else server.child.kill('SIGTERM')
    const { code, log } = await server.ended
    ok(code === 0 || /No space left|ENOSPC|could not|cannot/.test(log), log.slice(-4000))
    const again = startProcess(dataDir, undefined, flags)
    const url = await again.url.catch(() => undefined)
    if (url === undefined) {
      refusals.starts += 1
      const { log: said } = await again.ended
      ok(/No space left|ENOSPC|cannot/.test(said), said.slice(-4000))
    } else again.child.kill('SIGTERM')
    await again.ended
    await rm(filler)
    // It may have ended, or live on without one of its processes.
    await postgres?.crash()
  }
  const outcome = await serving(
    dataDir,
    async (personalize) => {
      const found = await allThere(
        personalize,
        load,
        /No space left|ENOSPC|ended its process 3 times/,
      )
      await sameBytes(t, personalize, dataDir, found)
      return found
    },
    flags,
  )
  ok(refusals.creates > 0, 'no Create met the full disk')
  tell(t, `${fillings} times full, refused: ${JSON.stringify(refusals)}`, load, outcome)
}
