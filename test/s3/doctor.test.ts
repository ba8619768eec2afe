// Rule: `doctor` tells whether jobs can have the rights of a role, use a key, and whether the clocks agree.
import { equal, match } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CreateKeyCommand, DisableKeyCommand } from '@aws-sdk/client-kms'
import { faultyWay } from './faults.ts'
import { allow, startMoto } from './moto.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const moto = await startMoto({ after })
const way = await faultyWay({ after }, moto.endpoint)
const roleArn = await moto.role('PersonalizeRole', [allow('kms:DescribeKey')])
const somebody = { AWS: 'arn:aws:iam::123456789012:user/somebody-else' }
const closedRole = await moto.role('ClosedRole', [allow('s3:ListBucket')], somebody)
const poorRole = await moto.role('PoorRole', [allow('s3:ListBucket')])
const own = await moto.user('server', [allow('sts:AssumeRole')])
await moto.checkRights()
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** What it finds, by check; what fails begins with `FAIL`. */
async function findings(...flags: string[]): Promise<Record<string, string>> {
  const words = [main, 'doctor', '--data-dir', join(folder, 'new'), '--port', '0', ...flags]
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: own.accessKeyId,
    AWS_SECRET_ACCESS_KEY: own.secretAccessKey,
    AWS_ENDPOINT_URL_S3: way.endpoint,
  }
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const said = (await text(child.stdout!)).trimEnd().split('\n')
  return Object.fromEntries(
    said.map((line) => {
      const [, verdict, what, finding] = /^(ok {2}|FAIL) ([\w ]+): (.+)$/.exec(line) ?? []
      return [what, verdict === 'FAIL' ? `FAIL ${finding}` : finding]
    }),
  )
}

test('without a role and a key it says how to try them', async () => {
  const found = await findings()
  equal(found.role, 'none named; --role-arn ARN tries one')
  equal(found.key, 'none named; --kms-key-arn ARN tries one')
  match(found.clock!, /^[01] s (behind|ahead of) S3$/)
})

test('a role and a key that a job can use, and not any more', async () => {
  const { KeyMetadata } = await moto.kms.send(new CreateKeyCommand({}))
  const { Arn: key = '', KeyId } = KeyMetadata!
  const found = await findings('--role-arn', roleArn, `--kms-key-arn=${key}`)
  equal(found.role, `${roleArn} can be assumed`)
  equal(found.key, `${key} is enabled`)
  const poor = await findings('--role-arn', poorRole, '--kms-key-arn', key)
  match(
    poor.key!,
    /^FAIL A job could not work; enable the key, and allow the role kms:DescribeKey: /,
  )
  await moto.kms.send(new DisableKeyCommand({ KeyId }))
  const disabled = await findings('--role-arn', roleArn, '--kms-key-arn', key)
  match(disabled.key!, /^FAIL .* cannot be used: it is Disabled\.$/)
  match((await findings('--kms-key-arn', key)).key!, /^FAIL .* name one with --role-arn\.$/)
})

test('a role that does not trust the server', async () => {
  const { role } = await findings('--role-arn', closedRole)
  match(role!, /^FAIL A job could not work; let the trust policy of the role name the server/)
  match(role!, /ClosedRole cannot be assumed: /)
})

test('a clock that is an hour ahead of the one of S3', async (t) => {
  t.after(() => {
    way.fault = () => undefined
  })
  way.fault = ({ method }, answer) => {
    if (method !== 'HEAD') return undefined
    answer.writeHead(403, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end()
    return 'taken'
  }
  match((await findings()).clock!, /^FAIL 360\d s ahead of S3; set it, best with NTP on both/)
})
