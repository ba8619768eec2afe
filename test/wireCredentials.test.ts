import { deepEqual, equal, rejects } from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadCredentials } from '../src/credentials.ts'

const account = '123456789012'

test('without a file test/test is the only key, on loopback only', async () => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) {
    const find = await loadCredentials({ host, account, credentials: undefined })
    deepEqual(find('test'), { secretAccessKey: 'test', account })
    equal(find('other'), undefined)
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'example.com', ''])
    await rejects(loadCredentials({ host, account, credentials: undefined }), {
      message: /OPENPERSONALIZE_CREDENTIALS/,
    })
})

test('a file in the AWS format gives its keys, each with its account, and test/test no more', async (t) => {
  const find = await load(
    t,
    `# keys
[default]
aws_access_key_id = AKIAONE
aws_secret_access_key = ab/c+d==
region = us-east-1

[team.marketing]
aws_access_key_id=AKIATWO
aws_secret_access_key="x;y#z"
aws_account_id=210987654321

[sso]
sso_session = x
`,
  )
  deepEqual(find('AKIAONE'), { secretAccessKey: 'ab/c+d==', account })
  deepEqual(find('AKIATWO'), { secretAccessKey: 'x;y#z', account: '210987654321' })
  equal(find('test'), undefined)
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
    [`[a]\n${key}[b]\n${key}`, /has the aws_access_key_id of \[b\] twice/],
  ] as const
  for (const [text, message] of cases) await rejects(load(t, text), { message })
  await rejects(loadCredentials({ host: '127.0.0.1', account, credentials: '/nowhere/keys' }), {
    message: /\/nowhere\/keys cannot be read/,
  })
})

async function load(t: TestContext, text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  t.after(() => rm(folder, { recursive: true }))
  const credentials = join(folder, 'keys')
  await writeFile(credentials, text)
  return loadCredentials({ host: '0.0.0.0', account, credentials })
}
