import { availableParallelism, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Quota, quotas } from './limits.ts'

/** Every setting but the quotas: its flag, its variable, its default and what it means. */
export const settings = {
  port: { env: 'OPENPERSONALIZE_PORT', default: '8080', means: 'port; 0 takes a free one' },
  host: { env: 'OPENPERSONALIZE_HOST', default: '127.0.0.1', means: 'address to listen on' },
  dataDir: {
    env: 'OPENPERSONALIZE_DATA_DIR',
    default: './.openpersonalize',
    means: 'folder that holds everything: metadata, buckets, datasets, models',
  },
  region: { env: 'AWS_REGION', default: 'us-east-1', means: 'region in ARNs and signatures' },
  account: {
    env: 'OPENPERSONALIZE_ACCOUNT',
    default: '123456789012',
    means: 'account id in ARNs, 12 digits',
  },
  credentials: {
    env: 'OPENPERSONALIZE_CREDENTIALS',
    default: '',
    means:
      'file of access keys in the AWS credentials format; without one `test`/`test` is accepted, on loopback only',
  },
  threads: {
    env: 'OPENPERSONALIZE_THREADS',
    default: '',
    means: 'threads for training and segments; default: the cores of the machine',
  },
  memory: {
    env: 'OPENPERSONALIZE_MEMORY',
    default: '',
    means: 'bytes that DuckDB may use before it spills to disk; default: a quarter of the memory',
  },
  logLevel: {
    env: 'OPENPERSONALIZE_LOG_LEVEL',
    default: 'info',
    means: 'fatal, error, warn, info, debug, trace or silent; logs go to stderr',
  },
  quotas: {
    env: 'OPENPERSONALIZE_QUOTAS',
    default: 'open',
    means: '`open` (what the machine can do) or `aws` (exactly the quotas of AWS)',
  },
} as const satisfies Record<string, { env: string; default: string; means: string }>

/** The settings as read and checked, frozen. */
export type Config = {
  readonly port: number
  readonly host: string
  /** Absolute path. */
  readonly dataDir: string
  readonly region: string
  readonly account: string
  readonly credentials: string | undefined
  readonly threads: number
  readonly memoryBytes: number
  readonly logLevel: string
  readonly quotaPreset: 'open' | 'aws'
  readonly quotas: Readonly<Record<Quota, number>>
}

/** `dataDir` -> `--data-dir` */
export const flagName = (setting: string) =>
  `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** `datasetGroups` -> `OPENPERSONALIZE_QUOTA_DATASET_GROUPS` */
export const quotaVariable = (quota: string) =>
  `OPENPERSONALIZE_QUOTA_${quota.replace(/[A-Z]/g, '_$&').toUpperCase()}`

/** A setting that cannot be used; the message names it and says what would be right. */
export class ConfigError extends Error {}

/** Reads flags first, then variables, then defaults. Throws ConfigError. */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Config {
  const flags = parseFlags(argv)
  const text = (name: keyof typeof settings): string => {
    const { env: variable, default: fallback } = settings[name]
    return flags[flagName(name).slice(2)] ?? (env[variable] || fallback)
  }
  const preset = oneOf('quotas', text('quotas'), ['open', 'aws'] as const)
  return Object.freeze({
    port: count('port', text('port'), 0, 65_535),
    host: text('host'),
    dataDir: resolve(text('dataDir')),
    region: matching('region', text('region'), /^[a-z]{2}(-[a-z]+)+-\d+$/, 'us-east-1'),
    account: matching('account', text('account'), /^\d{12}$/, '123456789012'),
    credentials: text('credentials') ? resolve(text('credentials')) : undefined,
    threads: count('threads', text('threads') || String(availableParallelism()), 1, 1024),
    memoryBytes: count('memory', text('memory') || String(Math.floor(totalmem() / 4)), 128e6, 1e15),
    logLevel: oneOf('logLevel', text('logLevel'), logLevels),
    quotaPreset: preset,
    quotas: Object.freeze(
      Object.fromEntries(
        (Object.keys(quotas) as Quota[]).map((quota) => {
          const variable = quotaVariable(quota)
          const own = env[variable]
          return [quota, own ? count(variable, own, 0, 1e15) : quotas[quota][preset]]
        }),
      ) as Record<Quota, number>,
    ),
  })
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

function parseFlags(argv: readonly string[]): Record<string, string> {
  try {
    return parseArgs({
      args: [...argv],
      options: Object.fromEntries(
        Object.keys(settings).map((name) => [flagName(name).slice(2), { type: 'string' as const }]),
      ),
    }).values as Record<string, string>
  } catch (error) {
    throw new ConfigError(
      `${(error as Error).message}. The flags are ${Object.keys(settings).map(flagName).join(', ')}.`,
      { cause: error },
    )
  }
}

function label(setting: string): string {
  return setting in settings
    ? `${flagName(setting)} (${settings[setting as keyof typeof settings].env})`
    : setting
}

function count(setting: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most)
    throw new ConfigError(
      `${label(setting)} is '${text}'; it must be a whole number from ${least} to ${most}.`,
    )
  return value
}

function matching(setting: string, text: string, pattern: RegExp, example: string): string {
  if (!pattern.test(text))
    throw new ConfigError(
      `${label(setting)} is '${text}'; it must look like ${example} (${pattern.source}).`,
    )
  return text
}

function oneOf<Word extends string>(setting: string, text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text)
  if (word === undefined)
    throw new ConfigError(`${label(setting)} is '${text}'; it must be one of ${words.join(', ')}.`)
  return word
}
