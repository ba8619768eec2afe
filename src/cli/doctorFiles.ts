import { join } from 'node:path'
import type { Config } from '../config.ts'
import { askUnsigned, tryKey, tryKeys, tryRole } from '../data/s3Clients.ts'
import { CannotStart, cannotStart } from '../errors.ts'
import { limits } from '../limits.ts'
import { lookAtPostgres } from '../store/look.ts'

/** What `doctor` shall try that no setting names: the role and the key of a job. */
export type Named = { roleArn?: string; kmsKeyArn?: string }

const flags = { '--role-arn': 'roleArn', '--kms-key-arn': 'kmsKeyArn' } as const

/** Takes the flags of `doctor` itself out of the words; the rest are those of `serve`. */
export function takeNamed(argv: readonly string[]): { named: Named; rest: string[] } {
  const named: Named = {}
  const rest: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const [flag = '', given] = argv[at]!.split('=', 2)
    const name = flags[flag as keyof typeof flags]
    if (!name) rest.push(argv[at]!)
    else named[name] = given ?? argv[++at] ?? ''
  }
  return { named, rest }
}

export async function checkFiles(config: Config): Promise<string> {
  if (config.files === 'disk') return `buckets are folders of ${join(config.dataDir, 's3')}`
  const { endpointUrlS3 = 'AWS' } = config
  return tryKeys(config).catch(
    cannotStart(
      `S3 at ${endpointUrlS3} cannot be used; mend AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_STS ` +
        'or the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)',
    ),
  )
}

export async function checkRole(config: Config, { roleArn }: Named): Promise<string> {
  if (config.files === 'disk') return 'not asked for, since buckets are folders'
  if (config.roles === 'ignore') return 'not asked for, since roles are ignored'
  if (roleArn === undefined) return 'none named; --role-arn ARN tries one'
  await tryRole(config, asJob(config, roleArn)).catch(
    cannotStart(
      'A job could not work; let the trust policy of the role name the server, ' +
        "and the server's policy allow sts:AssumeRole",
    ),
  )
  return `${roleArn} can be assumed`
}

export async function checkKey(config: Config, { roleArn, kmsKeyArn }: Named): Promise<string> {
  if (config.files === 'disk') return 'not asked for, since buckets are folders'
  if (kmsKeyArn === undefined) return 'none named; --kms-key-arn ARN tries one'
  if (config.roles === 'assume' && roleArn === undefined)
    throw new CannotStart('A key is tried as the role of a job; name one with --role-arn.')
  await tryKey(config, asJob(config, roleArn), kmsKeyArn).catch(
    cannotStart('A job could not work; enable the key, and allow the role kms:DescribeKey'),
  )
  return `${kmsKeyArn} is enabled`
}

const asJob = ({ region, account }: Config, roleArn: string | undefined) => ({
  jobArn: `arn:aws:personalize:${region}:${account}:batch-segment-job/doctor`,
  roleArn,
})

/** Compares the clock of this machine with those of others; S3 refuses what is signed by a wrong one. */
export async function checkClock(config: Config): Promise<string> {
  const others: [string, () => Promise<Date>][] = []
  const { databaseUrl, dataDir } = config
  if (databaseUrl !== undefined)
    others.push(['the database', async () => (await lookAtPostgres(databaseUrl, dataDir)).now])
  if (config.files === 's3') others.push(['S3', () => askUnsigned(config)])
  if (others.length === 0) return 'there is no other to compare it with'
  const found: string[] = []
  for (const [who, ask] of others) {
    const now = await ask().catch(cannotStart(`The clock of ${who} cannot be read`))
    const seconds = (Date.now() - now.getTime()) / 1000
    const words = `${Math.abs(seconds).toFixed(0)} s ${seconds < 0 ? 'behind' : 'ahead of'} ${who}`
    if (Math.abs(seconds) * 1000 > limits.clockSkewMs)
      throw new CannotStart(`${words}; set it, best with NTP on both machines`)
    found.push(words)
  }
  return found.join(', ')
}
