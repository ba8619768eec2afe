import { equal, match, ok, rejects } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { generateShop } from '../src/cli/demoData.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

// The README's first command: whoever runs it sees segments, and has nothing to clean up.
test('the demo shows segments of both recipes and leaves nothing', {
  timeout: 400_000,
}, async (t) => {
  const { child, temporary, output } = await start(t, [])
  const [code] = await once(child, 'close')
  equal(code, 0, output())
  for (const words of [
    /5,000 users, 1,000 items, 150,000 interactions/,
    /Imported interactions.csv, items.csv, users.csv/,
    /Trained aws-item-affinity and aws-item-attribute-affinity/,
    /aws-item-affinity: the 25 users most likely to come for \w/,
    /aws-item-attribute-affinity: the 25 users most likely to come for DEPARTMENT \w+, only COUNTRY Germany/,
    /user-\d+ +Germany +(basic|silver|gold) /,
    /coverage +hits_at_1_percent +recall_at_1_percent/,
    /s3\/demo\/segments\/aws-item-affinity\.jsonl\.out/,
    /aws personalize create-batch-segment-job --endpoint-url/,
    /boto3\.client\('personalize'/,
  ])
    match(output(), words)
  // The planted taste is found: most users of a department's segment like it best.
  const shares = [...output().matchAll(/(\d+) of these 25 like DEPARTMENT (\w+) best/g)]
  ok(shares.length >= 6)
  for (const [line, count] of shares) ok(Number(count) > 12, line)
  ok(!output().includes('\u001b'), 'no escape codes where there is no terminal')
  await nothingStays(temporary, output())
})

test('--data takes own files, and --keep keeps what they became', {
  timeout: 200_000,
}, async (t) => {
  const own = await ownFolder(t)
  await generateShop(own, { users: 200, items: 40, interactions: 3000, seed: 1 })
  const { child, temporary, output } = await start(t, ['--data', own, '--keep'])
  const [code] = await once(child, 'close')
  equal(code, 0, output())
  match(output(), /200 users, 40 items, 3,000 interactions/)
  const [kept] = await readdir(temporary)
  ok(kept && output().includes(`npm start -- --port 8080 --data-dir ${join(temporary, kept)}`))
  const out = join(temporary, kept, 's3/demo/segments/aws-item-affinity.jsonl.out')
  equal((await readFile(out, 'utf8')).trimEnd().split('\n').length, 3)
  await noServer(output())
})

test('interactions alone are enough: one recipe, no filter', { timeout: 200_000 }, async (t) => {
  const own = await ownFolder(t)
  await generateShop(own, { users: 100, items: 30, interactions: 2000, seed: 2 })
  await rm(join(own, 'items.csv'))
  await rm(join(own, 'users.csv'))
  const { child, temporary, output } = await start(t, ['--data', own])
  const [code] = await once(child, 'close')
  equal(code, 0, output())
  match(output(), /most likely to come for item-\d+/)
  ok(!output().includes('attribute-affinity'))
  await nothingStays(temporary, output())
})

const bad: [string, string[], Record<string, string>, RegExp][] = [
  ['a folder that is not there', ['--data', 'no/such/folder'], {}, /There is no folder .*such/],
  ['a flag that is not there', ['--fast'], {}, /--fast.*npm run demo/s],
  ['a folder without interactions', [], { 'items.csv': 'ITEM_ID\n1\n' }, /no interactions\.csv/],
  [
    'a missing column',
    [],
    { 'interactions.csv': 'USER_ID,ITEM\n1,2\n' },
    /no column ITEM_ID, TIME/,
  ],
  [
    'dates as text',
    [],
    { 'interactions.csv': 'USER_ID,ITEM_ID,TIMESTAMP\n1,2,2025-01-01\n' },
    /TIMESTAMP must hold whole seconds/,
  ],
  [
    'too few events to train on',
    [],
    { 'interactions.csv': 'USER_ID,ITEM_ID,TIMESTAMP\n1,2,1700000000\n' },
    /could not create .*: .*(fewer|interactions)/,
  ],
]
for (const [what, flags, files, words] of bad)
  test(`${what} is told plainly`, { timeout: 60_000 }, async (t) => {
    const own = await ownFolder(t)
    for (const [name, text] of Object.entries(files)) await writeFile(join(own, name), text)
    const { child, temporary, output } = await start(t, flags.length > 0 ? flags : ['--data', own])
    const [code] = await once(child, 'close')
    equal(code, 1, output())
    match(output(), words)
    ok(!/^ +at /m.test(output()), 'no stack trace')
    await nothingStays(temporary, output())
  })

test('Ctrl-C ends the server and removes the folder', { timeout: 60_000 }, async (t) => {
  const { child, temporary, output } = await start(t, [])
  while (!output().includes('Imported')) await once(child.stdout!, 'data')
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  equal(code, 130, output())
  await nothingStays(temporary, output())
})

/** Starts the demo with a temporary folder of its own as the system's, so that what it leaves is seen. */
async function start(t: TestContext, flags: string[]) {
  const temporary = await ownFolder(t)
  const child: ChildProcess = spawn(process.execPath, [main, 'demo', ...flags], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGTERM'))
  let said = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  return { child, temporary, output: () => said }
}

async function ownFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-demo-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function nothingStays(temporary: string, output: string): Promise<void> {
  equal((await readdir(temporary)).join(), '')
  await noServer(output)
}

async function noServer(output: string): Promise<void> {
  const endpoint = /listens on (http:\S+)/.exec(output)?.[1]
  if (endpoint) await rejects(fetch(endpoint), /fetch failed/)
}
