import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { extname } from 'node:path'
import type { Logger } from 'pino'
import { type Config, ConfigError } from './config.ts'
import { parseIni, parseYaml } from './credentialsFile.ts'
import type { Statement } from './policy.ts'
import { watchFiles } from './watch.ts'

/** What belongs to an access key, or undefined for a key nobody has. */
export type Credentials = (accessKeyId: string) => Credential | undefined
export type Credential = {
  secretAccessKey: string
  account: string
  /** The user's name in ARNs. */
  name: string
  /** Without them the key may do everything in its account. */
  policies?: readonly Statement[]
  sessionToken?: string
  expiration?: Date
}

type Settings = Pick<Config, 'host' | 'credentials' | 'account'>

/**
 * Reads the access keys that requests may be signed with: those of a file, or `test`/`test`. Throws ConfigError for a
 * file without usable keys, and for an address beyond loopback with the key that everybody knows.
 */
export async function readCredentials(config: Settings): Promise<Map<string, Credential>> {
  const { host, credentials: path, account } = config
  const keys =
    path === undefined
      ? new Map([['test', { secretAccessKey: 'test', account, name: 'test' }]])
      : await readKeys(path, account)
  if (!isLoopback(host) && keys.get('test')?.secretAccessKey === 'test')
    throw new ConfigError(
      `The host is ${host}, so others can reach it, and everybody knows the key test/test. ` +
        'Name a file with OPENPERSONALIZE_CREDENTIALS that has other keys, or listen on 127.0.0.1.',
    )
  return keys
}

/** The same, and the file is read again whenever it changes. */
export async function openCredentials(
  config: Settings,
  log: Logger,
): Promise<{ find: Credentials; close: () => void }> {
  let keys = await readCredentials(config)
  const paths = config.credentials === undefined ? [] : [config.credentials]
  const close = watchFiles(paths, log, async () => {
    keys = await readCredentials(config)
  })
  return { find: (accessKeyId) => keys.get(accessKeyId), close }
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

async function readKeys(path: string, account: string): Promise<Map<string, Credential>> {
  const parse = ['.yaml', '.yml', '.json'].includes(extname(path)) ? parseYaml : parseIni
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new ConfigError(`The credentials file ${path} cannot be read: ${cause}.`, { cause })
  })
  return parse(path, text, account)
}
