import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { parse } from 'ini'
import { type Config, ConfigError } from './config.ts'

/** The secret and the account that belong to an access key, or undefined for a key nobody has. */
export type Credentials = (accessKeyId: string) => Credential | undefined
export type Credential = { secretAccessKey: string; account: string }

/**
 * Reads the access keys that requests may be signed with: a file in the AWS credentials format,
 * or `test`/`test` while bound to loopback. Throws ConfigError for a file without usable keys, or
 * for another address without a file.
 */
export async function loadCredentials(
  config: Pick<Config, 'host' | 'credentials' | 'account'>,
): Promise<Credentials> {
  const keys = config.credentials
    ? parseKeys(config.credentials, await readKeys(config.credentials), config.account)
    : testKey(config)
  return (accessKeyId) => keys.get(accessKeyId)
}

function testKey({ host, account }: Pick<Config, 'host' | 'account'>): Map<string, Credential> {
  if (!isLoopback(host))
    throw new ConfigError(
      `The host is ${host}, so others can reach it, ` +
        'and without a credentials file everybody knows the key ' +
        'test/test. Name a file with OPENPERSONALIZE_CREDENTIALS, or listen on 127.0.0.1.',
    )
  return new Map([['test', { secretAccessKey: 'test', account }]])
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

async function readKeys(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`The credentials file ${path} cannot be read: ${error}`, { cause: error })
  }
}

function parseKeys(path: string, text: string, account: string): Map<string, Credential> {
  const bad = (reason: string) => new ConfigError(`The credentials file ${path} ${reason}.`)
  const keys = new Map<string, Credential>()
  for (const [profile, settings] of profiles(parse(text), [])) {
    if (profile === '' && Object.keys(settings).length > 0)
      throw bad('has lines before its first [profile]')
    if (Object.values(settings).includes(true)) throw bad(`has a line without "=" in [${profile}]`)
    const id = settings.aws_access_key_id
    const secretAccessKey = settings.aws_secret_access_key
    if (id === undefined && secretAccessKey === undefined) continue
    if (typeof id !== 'string' || !/^[\w.-]{1,128}$/.test(id))
      throw bad(`needs an aws_access_key_id of letters, digits, ".", "_", "-" in [${profile}]`)
    if (typeof secretAccessKey !== 'string' || secretAccessKey === '')
      throw bad(`needs an aws_secret_access_key in [${profile}]`)
    const own = settings.aws_account_id ?? account
    if (typeof own !== 'string' || !/^\d{12}$/.test(own))
      throw bad(`needs an aws_account_id of 12 digits, or none, in [${profile}]`)
    if (keys.has(id)) throw bad(`has the aws_access_key_id of [${profile}] twice`)
    keys.set(id, { secretAccessKey, account: own })
  }
  if (keys.size === 0)
    throw bad('has no [profile] with aws_access_key_id and aws_secret_access_key')
  return keys
}

/**
 * Each section with its own settings. `ini` nests `[a.b]` into `a`, so
 * sections are looked for at every depth.
 */
function* profiles(
  section: Record<string, unknown>,
  path: string[],
): Generator<[string, Record<string, unknown>]> {
  const settings: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(section))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      yield* profiles(value as Record<string, unknown>, [...path, name])
    else settings[name] = value
  yield [path.join('.'), settings]
}
