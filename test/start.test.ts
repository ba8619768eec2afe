// Rules: a server answers within 3 s on a new data directory and within 1.5 s on one that is there
// already, on two quiet cores; it says so in three lines. Nobody else can put code where it keeps compiled modules.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProcess } from './crash/serverProcess.ts'

const goals = { first: 3000, later: 1500 }
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

// Node alone takes 40 ms to start and end on two quiet cores. Other work on the machine, such as
// the test file that runs beside this one, makes that longer by about the factor by which it makes
// our starts longer. So Node alone is measured before and after each start, and the time of the
// start is divided by the factor that both show together; never by less than 1, so that a quicker
// machine must keep the goals too. What noise is left only adds time: the quickest start counts.
const quietNodeMs = 40

test('the first start takes 3 s at most, a later one 1.5 s', async () => {
  const scaled = { first: [] as number[], later: [] as number[] }
  const isReached = (which: keyof typeof goals) => Math.min(...scaled[which]) < goals[which]
  let before = nodeMs()
  for (let n = 0; n < 3 && !(isReached('first') && isReached('later')); n++) {
    for (const which of ['first', 'later', 'later'] as const) {
      const ms = await startMs(join(folder, String(n)))
      const afterwards = nodeMs()
      scaled[which].push(ms / Math.max(1, (before + afterwards) / 2 / quietNodeMs))
      before = afterwards
    }
  }
  for (const which of ['first', 'later'] as const)
    ok(isReached(which), `${which} start: ${scaled[which].map(Math.round)} ms as if quiet`)
})

/** Milliseconds from the start of the process to its endpoint. */
async function startMs(dataDir: string): Promise<number> {
  const server = startProcess(dataDir)
  const ms = await server.startMs
  server.child.kill('SIGTERM')
  equal((await server.ended).code, 0)
  return ms
}

/** Milliseconds that Node alone takes, the mean over about the time of one of our starts. */
function nodeMs(): number {
  const times = 12
  const began = performance.now()
  for (let n = 0; n < times; n++) spawnSync(process.execPath, ['-e', '0'])
  return (performance.now() - began) / times
}

test('a ready server prints endpoint, command to try and what computes, and nothing else', async () => {
  const server = startProcess(join(folder, 'output'))
  const url = await server.url
  server.child.kill('SIGTERM')
  await server.ended
  const [first, second = '', third = '', ...rest] = server.stdout().split('\n')
  equal(first, `OpenPersonalize answers at ${url}`)
  match(second, /^Try: .*aws personalize list-recipes --region us-east-1 --endpoint-url http:/)
  match(third, /^Computes with: .+, \d+ threads$/)
  equal(rest.join(), '')
})

test('compiled modules are kept in a folder of this user alone, or nowhere', async () => {
  const home = join(folder, 'home')
  const caches = join(home, '.cache')
  const cache = join(caches, 'openpersonalize')
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  /** What lies in the folder of compiled modules after a command. */
  const kept = async (variables: Record<string, string>) => {
    const { NODE_COMPILE_CACHE: _, XDG_CACHE_HOME: __, ...rest } = process.env
    const env = { ...rest, HOME: home, TMPDIR: temporary, ...variables }
    const { status, stderr } = spawnSync(process.execPath, [main, 'help'], { env })
    equal(status, 0, String(stderr))
    deepEqual(await readdir(temporary), [])
    return readdir(cache)
  }
  const temporary = join(folder, 'temporary')
  await mkdir(temporary)
  for (const variables of [{}, { XDG_CACHE_HOME: caches }]) {
    equal((await kept(variables)).length, 1)
    equal((await lstat(cache)).mode & 0o777, 0o700)
    await rm(cache, { recursive: true })
  }
  await mkdir(cache)
  await chmod(cache, 0o777)
  deepEqual(await kept({}), [])
  await rm(cache, { recursive: true })
  await symlink(await mkdtemp(join(folder, 'elsewhere-')), cache)
  deepEqual(await kept({}), [])
  await rm(caches, { recursive: true })
  await mkdir(cache, { recursive: true })
  deepEqual(await kept({ HOME: '/dev/null' }), [])
})
