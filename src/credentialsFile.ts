import { parse } from 'ini'
import { parseDocument } from 'yaml'
import { ConfigError } from './config.ts'
import type { Credential } from './credentials.ts'
import { membersOf, parsePolicy } from './policy.ts'

// NOTE: a message may name members, accounts and access key ids, but quotes no line and no secret: it is logged.

const idPattern = /^[\w.-]{1,128}$/
const accountPattern = /^\d{12}$/

/** The keys of a file in YAML or JSON, which is YAML too. Throws ConfigError. docs/callers.md. */
export function parseYaml(path: string, text: string, account: string): Map<string, Credential> {
  const file = `The credentials file ${path}`
  // The failsafe schema leaves every value the text that it is: 012345678901 stays an account, no becomes no Boolean.
  // Warnings of the library would quote the file.
  const document = parseDocument(text, { schema: 'failsafe', logLevel: 'error' })
  const [broken] = document.errors
  if (broken) {
    const [{ line, col } = { line: 1, col: 1 }] = broken.linePos ?? []
    const where = `line ${line}, column ${col}`
    throw new ConfigError(`${file} is no YAML or JSON: ${broken.code} in ${where}.`)
  }
  const { accessKeys } = membersOf(plain(document, file), file, ['accessKeys'])
  if (!Array.isArray(accessKeys) || accessKeys.length === 0)
    throw new ConfigError(`${file} must have accessKeys, a list with one key at least.`)
  const keys = new Map<string, Credential>()
  for (const [index, entry] of accessKeys.entries()) {
    const where = `${file}: accessKeys[${index}]`
    const { accessKeyId, ...credential } = keyOf(entry, where, account)
    if (keys.has(accessKeyId)) throw new ConfigError(`${where}.accessKeyId is there twice.`)
    keys.set(accessKeyId, credential)
  }
  return keys
}

/** Aliases that grow without bound are refused by the library. */
function plain(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    throw new ConfigError(`${file} is no YAML or JSON: it has an alias that cannot be used.`)
  }
}

function keyOf(entry: unknown, where: string, account: string) {
  const members = ['accessKeyId', 'secretAccessKey', 'account', 'name', 'policies']
  const key = membersOf(entry, where, [...members, 'sessionToken', 'expiration'])
  const text = (name: string, pattern: RegExp, shape: string, otherwise?: string): string => {
    const value = key[name] ?? otherwise
    if (typeof value !== 'string' || !pattern.test(value))
      throw new ConfigError(`${where}.${name} must be ${shape}.`)
    return value
  }
  const accessKeyId = text('accessKeyId', idPattern, '1 to 128 letters, digits, ".", "_", "-"')
  const credential: Credential = {
    secretAccessKey: text('secretAccessKey', /./s, 'a text'),
    account: text('account', accountPattern, '12 digits', account),
    name: text('name', /^[\w+=,.@-]{1,128}$/, '1 to 128 letters, digits, or +=,.@_-', accessKeyId),
  }
  if (key.policies !== undefined) {
    if (!Array.isArray(key.policies)) throw new ConfigError(`${where}.policies must be a list.`)
    credential.policies = key.policies.flatMap((policy, index) =>
      parsePolicy(policy, `${where}.policies[${index}]`),
    )
  }
  if (key.sessionToken !== undefined) credential.sessionToken = text('sessionToken', /./s, 'a text')
  if (key.expiration !== undefined) {
    const shape = 'a time as 2026-11-24T10:30:00Z'
    const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
    credential.expiration = new Date(text('expiration', pattern, shape))
    if (Number.isNaN(credential.expiration.getTime()))
      throw new ConfigError(`${where}.expiration must be ${shape}.`)
  }
  return { accessKeyId, ...credential }
}

/** `ini` takes what follows for a comment, and AWS's tools for a part of the key. */
const shortened = /^\s*aws_(access_key_id|secret_access_key)\s*=(?!\s*(["']).*\2\s*$).*[#;]/

/** The keys of a file in the AWS credentials format. Throws ConfigError. */
export function parseIni(path: string, text: string, account: string): Map<string, Credential> {
  const bad = (reason: string) => new ConfigError(`The credentials file ${path} ${reason}.`)
  const keys = new Map<string, Credential>()
  const cut = text.split('\n').findIndex((line) => shortened.test(line))
  if (cut >= 0)
    throw bad(
      `has "#" or ";" in the key of line ${cut + 1}: put it in quotes, and comments on lines of their own`,
    )
  for (const [profile, settings] of profiles(parse(text), [])) {
    if (profile === '' && Object.keys(settings).length > 0)
      throw bad('has lines before its first [profile]')
    if (Object.values(settings).includes(true)) throw bad(`has a line without "=" in [${profile}]`)
    const id = settings.aws_access_key_id
    const secretAccessKey = settings.aws_secret_access_key
    if (id === undefined && secretAccessKey === undefined) continue
    if (typeof id !== 'string' || !idPattern.test(id))
      throw bad(`needs an aws_access_key_id of letters, digits, ".", "_", "-" in [${profile}]`)
    if (typeof secretAccessKey !== 'string' || secretAccessKey === '')
      throw bad(`needs an aws_secret_access_key in [${profile}]`)
    if (settings.aws_session_token !== undefined)
      throw bad(
        `has an aws_session_token in [${profile}]; ` +
          'such keys belong into a file in YAML, with sessionToken and expiration',
      )
    const own = settings.aws_account_id ?? account
    if (typeof own !== 'string' || !accountPattern.test(own))
      throw bad(`needs an aws_account_id of 12 digits, or none, in [${profile}]`)
    if (keys.has(id)) throw bad(`has the aws_access_key_id of [${profile}] twice`)
    keys.set(id, { secretAccessKey, account: own, name: id })
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
