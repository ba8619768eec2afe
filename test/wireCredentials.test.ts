import { deepEqual, doesNotMatch, equal, match, ok, rejects } from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { pino } from 'pino'
import { ConfigError } from '../src/config.ts'
import { openCredentials, readCredentials } from '../src/credentials.ts'
import { parseIni, parseYaml } from '../src/credentialsFile.ts'
import { decide } from '../src/policy.ts'

const account = '123456789012'

test('without a file test/test is the only key, on loopback only', async () => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) {
    const keys = await readCredentials({ host, account, credentials: undefined })
    deepEqual(keys.get('test'), { secretAccessKey: 'test', account, name: 'test' })
    equal(keys.get('other'), undefined)
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'example.com', ''])
    await rejects(readCredentials({ host, account, credentials: undefined }), {
      message: /OPENPERSONALIZE_CREDENTIALS/,
    })
})

test('a file may have the key test/test, on loopback only', async (t) => {
  const text = '[default]\naws_access_key_id = test\naws_secret_access_key = test\n'
  await rejects(load(t, text), { message: /everybody knows the key test\/test/ })
  ok((await load(t, text, 'keys', '::1')).get('test'))
  ok((await load(t, text.replace(/test\n$/, 'own\n'))).get('test'))
})

test('a file in the AWS format gives its keys, each with its account, and test/test no more', async (t) => {
  const keys = await load(
    t,
    `# keys
[default]
aws_access_key_id = AKIAONE
aws_secret_access_key = ab/c+d==
region = us-east-1

[team.marketing]
aws_access_key_id=AKIATWO
aws_secret_access_key = "x;y#z"
# a comment
aws_account_id=210987654321 # ours

[sso]
sso_session = x
`,
  )
  deepEqual(keys.get('AKIAONE'), { secretAccessKey: 'ab/c+d==', account, name: 'AKIAONE' })
  deepEqual(keys.get('AKIATWO'), {
    secretAccessKey: 'x;y#z',
    account: '210987654321',
    name: 'AKIATWO',
  })
  equal(keys.get('test'), undefined)
})

test('a file that cannot be used is refused, naming the file and what is wrong', async (t) => {
  const key = 'aws_access_key_id = A\naws_secret_access_key = B\n'
  const cases = [
    ['', /has no \[profile\] with aws_access_key_id/],
    ['[default]\nregion = x\n', /has no \[profile\]/],
    [key, /has lines before its first \[profile\]/],
    ['{"a": 1}', /has lines before its first \[profile\]/],
    [`[default]\nhello\n${key}`, /has a line without "=" in \[default\]/],
    ['[default]\naws_access_key_id = A\n', /needs an aws_secret_access_key in \[default\]/],
    ['[default]\naws_secret_access_key = A\n', /needs an aws_access_key_id/],
    [
      '[default]\naws_access_key_id = A/B\naws_secret_access_key = B\n',
      /needs an aws_access_key_id/,
    ],
    [`[default]\n${key}aws_account_id = 12\n`, /needs an aws_account_id of 12 digits/],
    [
      `[a]\n${key}aws_session_token = C\n`,
      /aws_session_token in \[a\]; .* YAML, with sessionToken/,
    ],
    [`[a]\n${key.replace('B', 'B#C')}`, /has "#" or ";" in the key of line 3: put it in quotes, /],
    [`[a]\n${key.replace('B', '"B;C" # D')}`, /has "#" or ";" in the key of line 3/],
    [`[a]\n${key.replace('A', 'A ;B')}`, /has "#" or ";" in the key of line 2/],
    [`[a]\n${key}[b]\n${key}`, /has the aws_access_key_id of \[b\] twice/],
  ] as const
  for (const [text, message] of cases) await rejects(load(t, text), { message })
  await rejects(readCredentials({ host: '127.0.0.1', account, credentials: '/nowhere/keys' }), {
    message: /\/nowhere\/keys cannot be read/,
  })
})

const yaml = `
accessKeys:
  - accessKeyId: ANNA
    secretAccessKey: no
    account: 012345678901
    name: anna@example
    policies:
      - &read
        Version: 2012-10-17
        Statement: {Effect: Allow, Action: "personalize:Describe*", Resource: "*"}
      - Statement:
          - {Effect: Deny, Action: ["personalize:*"], Resource: "*", Condition: {Bool: {"aws:SecureTransport": false}}}
  - {accessKeyId: BERT, secretAccessKey: 1.0, policies: [*read]}
  - {accessKeyId: CARL, secretAccessKey: "x", sessionToken: y, expiration: 2026-11-24T10:30:00Z}
  - {accessKeyId: DORA, secretAccessKey: "x", policies: []}
`

test('a file in YAML gives keys with account, name, policies and session; every value is a text', async (t) => {
  const keys = await load(t, yaml, 'keys.yaml')
  const { policies = [], ...anna } = keys.get('ANNA')!
  deepEqual(anna, { secretAccessKey: 'no', account: '012345678901', name: 'anna@example' })
  deepEqual(
    policies.map(({ effect, conditions }) => [effect, conditions.length]),
    [
      ['Allow', 0],
      ['Deny', 1],
    ],
  )
  const { policies: read, ...bert } = keys.get('BERT')!
  deepEqual(bert, { secretAccessKey: '1.0', account, name: 'BERT' })
  deepEqual(read, [policies[0]])
  deepEqual(keys.get('CARL'), {
    secretAccessKey: 'x',
    account,
    name: 'CARL',
    sessionToken: 'y',
    expiration: new Date('2026-11-24T10:30:00Z'),
  })
  deepEqual(keys.get('DORA')?.policies, [])
  equal(keys.get('test'), undefined)
})

test('a file in JSON gives the same keys', async (t) => {
  const Statement = {
    Effect: 'Allow',
    Action: ['*'],
    Resource: '*',
    Condition: { Null: { k: true } },
  }
  const key = {
    accessKeyId: 'A',
    secretAccessKey: 's',
    account: '210987654321',
    policies: [{ Statement }],
  }
  const text = JSON.stringify({ accessKeys: [key] }, null, 2)
  const found = (await load(t, text, 'keys.json')).get('A')
  deepEqual(
    [found?.secretAccessKey, found?.account, found?.policies?.length],
    ['s', '210987654321', 1],
  )
})

test('the file that docs/callers.md prints can be used, and means what its comments say', async (t) => {
  const page = await readFile(new URL('../docs/callers.md', import.meta.url), 'utf8')
  const keys = await load(t, /^```yaml keys\.yaml\n(.*?)^```$/ms.exec(page)![1]!, 'keys.yaml')
  deepEqual([...keys.keys()], ['ADMIN', 'ANNA', 'NIGHTLY'])
  equal(keys.get('ADMIN')?.policies, undefined)
  const ask = (operation: string, path: string, sourceIp: string, team: string[]) =>
    decide(keys.get('ANNA')!.policies!, {
      action: `personalize:${operation}`,
      resource: `arn:aws:personalize:us-east-1:111122223333:${path}`,
      facts: new Map(Object.entries({ 'aws:sourceip': [sourceIp], 'aws:resourcetag/team': team })),
    })
  equal(ask('DescribeFilter', 'filter/a', '10.1.2.3', ['blue']), 'allowed')
  equal(ask('DescribeFilter', 'filter/a', '203.0.113.7', ['blue']), 'explicitDeny')
  equal(ask('UpdateSolution', 'solution/a', '10.1.2.3', ['red']), 'allowed')
  equal(ask('UpdateSolution', 'solution/a', '10.1.2.3', ['blue']), 'implicitDeny')
  equal(ask('DeleteSolution', 'solution/a', '10.1.2.3', ['red']), 'explicitDeny')
  equal(ask('CreateBatchSegmentJob', 'batch-segment-job/red-1', '127.0.0.1', []), 'allowed')
})

test('a file in YAML or JSON that cannot be used is refused with the place, and shows no secret', async (t) => {
  const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
  const key = `accessKeyId: A, secretAccessKey: "${secret}"`
  const keys = (...entries: string[]) => `accessKeys: [${entries.map((each) => `{${each}}`)}]`
  const cases: [string, RegExp][] = [
    ['', /keys\.yaml must be an object\.$/],
    ['accessKeys: []', /must have accessKeys, a list with one key at least\.$/],
    ['keys: []', /has keys; it may have accessKeys\.$/],
    [`accessKeys: [{${key}`, /is no YAML or JSON: BAD_\w+ in line 1, column \d+\.$/],
    [`${secret}\n${secret}: [`, /is no YAML or JSON: \w+ in line \d, column \d+\.$/],
    [keys(`${key}, ${key}`), /DUPLICATE_KEY in line 1, column \d+\.$/],
    [keys(`${key}, policies: [*none]`), /it has an alias that cannot be used\.$/],
    [`accessKeys: ["${secret}"]`, /accessKeys\[0\] must be an object\.$/],
    [keys('secretAccessKey: x'), /accessKeys\[0\]\.accessKeyId must be 1 to 128 letters/],
    [keys('accessKeyId: A/B, secretAccessKey: x'), /accessKeyId must be 1 to 128 letters/],
    [keys('accessKeyId: A'), /accessKeys\[0\]\.secretAccessKey must be a text\.$/],
    [keys('accessKeyId: A, secretAccessKey: ""'), /secretAccessKey must be a text\.$/],
    [keys(`${key}, account: 12`), /account must be 12 digits\.$/],
    [keys(`${key}, name: a b`), /name must be 1 to 128 letters/],
    [keys(`${key}, policy: []`), /accessKeys\[0\] has policy; it may have accessKeyId, /],
    [keys(`accessKeyId: A, "${secret}": x`), /has an unknown member; it may have accessKeyId, /],
    [keys(key, key), /accessKeys\[1\]\.accessKeyId is there twice\.$/],
    [keys(`${key}, policies: x`), /accessKeys\[0\]\.policies must be a list\.$/],
    [keys(`${key}, policies: [{}]`), /accessKeys\[0\]\.policies\[0\] has no Statement\.$/],
    [keys(`${key}, sessionToken: ""`), /sessionToken must be a text\.$/],
    [keys(`${key}, expiration: tomorrow`), /expiration must be a time as 2026-11-24T10:30:00Z\.$/],
    [keys(`${key}, expiration: 2026-13-24T10:30:00Z`), /expiration must be a time as/],
  ]
  for (const [text, message] of cases)
    await rejects(load(t, text, 'keys.yaml'), (error: Error) => {
      ok(error instanceof ConfigError, text)
      match(error.message, message)
      doesNotMatch(error.message, /wJalr/)
      return true
    })
})

test('whatever stands in the file, it is used or refused by ConfigError, without its secrets', async (t) => {
  const warned: Error[] = []
  const warn = (warning: Error) => warned.push(warning)
  process.on('warning', warn)
  t.after(() => process.off('warning', warn))
  const words = [
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '\n',
    '*read',
    '&read',
    '"',
    "'",
    '!!x',
    '<<',
    '?',
    '|',
    '#',
    '%',
    '---',
  ]
  const more = fc.oneof(fc.constantFrom(...words, '__proto__', '${', 'null', '\t'), fc.string())
  const text = yaml.replaceAll('"x"', '"wJalrXUtnFEMI/K7MDENG+bPxRfiCY"')
  const place = fc.nat({ max: text.length })
  const seen = { used: 0, refused: 0 }
  fc.assert(
    fc.property(fc.array(fc.tuple(place, fc.nat(20), more), { maxLength: 3 }), (edits) => {
      const edited = edits.reduce(
        (rest, [at, length, word]) => rest.slice(0, at) + word + rest.slice(at + length),
        text,
      )
      for (const parse of [parseYaml, parseIni])
        try {
          ok(parse('keys', edited, account).size > 0)
          seen.used++
        } catch (error) {
          ok(error instanceof ConfigError, `${edited}: ${(error as Error).stack}`)
          doesNotMatch(error.message, /wJalrXUtnFEMI/)
          seen.refused++
        }
    }),
    { numRuns: 800, seed: 5 },
  )
  ok(seen.used > 100 && seen.refused > 100, JSON.stringify(seen))
  await sleep(10)
  deepEqual(warned, [])
})

test('a changed file counts a moment later; while it is broken the old keys count, and the log has no secret', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  t.after(() => rm(folder, { recursive: true }))
  const credentials = join(folder, 'keys.yaml')
  const write = (id: string, rest = '') =>
    writeFile(credentials, `accessKeys: [{accessKeyId: ${id}, secretAccessKey: hidden${rest}}]`)
  const logged: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => logged.push(line) })
  await write('ONE')
  const { find, close } = await openCredentials({ host: '127.0.0.1', account, credentials }, log)
  t.after(close)
  const until = async (isSo: () => boolean) => {
    for (let tries = 0; !isSo(); tries++) {
      ok(tries < 200, `within 10 s: ${isSo}; ${logged.join()}`)
      await sleep(50)
    }
  }
  ok(find('ONE'))
  await write('TWO')
  await until(() => find('TWO') !== undefined)
  equal(find('ONE'), undefined)
  await write('THREE', ', policies: [{}]')
  await until(() => logged.some((line) => line.includes('has no Statement')))
  match(logged.at(-1)!, /What was read before stays in use\./)
  ok(find('TWO'))
  await rm(credentials)
  await until(() => logged.some((line) => line.includes('ENOENT')))
  ok(find('TWO'))
  await writeFile(join(folder, 'new'), 'accessKeys: [{accessKeyId: FOUR, secretAccessKey: hidden}]')
  await rename(join(folder, 'new'), credentials)
  await until(() => find('FOUR') !== undefined)
  equal(find('TWO'), undefined)
  doesNotMatch(logged.join(), /hidden/)
})

test('while a file is being written the old keys count: half of it may give more rights than the whole', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  t.after(() => rm(folder, { recursive: true }))
  const credentials = join(folder, 'keys.yaml')
  const start = 'accessKeys:\n  - accessKeyId: ONE\n    secretAccessKey: x\n'
  const rest = '    policies: []\n  - {accessKeyId: TWO, secretAccessKey: x}\n'
  await writeFile(credentials, `${start}    policies: []\n`)
  const log = pino({ level: 'silent' })
  const { find, close } = await openCredentials({ host: '127.0.0.1', account, credentials }, log)
  t.after(close)
  await writeFile(credentials, start)
  for (let n = 0; n < 40; n++) {
    appendFileSync(credentials, '# more\n')
    await sleep(50)
    deepEqual(find('ONE')?.policies, [])
  }
  appendFileSync(credentials, rest)
  for (let tries = 0; find('TWO') === undefined; tries++) {
    ok(tries < 200, 'within 10 s')
    await sleep(50)
  }
  deepEqual(find('ONE')?.policies, [])
})

async function load(t: TestContext, text: string, name = 'keys', host = '0.0.0.0') {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  t.after(() => rm(folder, { recursive: true }))
  const credentials = join(folder, name)
  await writeFile(credentials, text)
  return readCredentials({ host, account, credentials })
}
