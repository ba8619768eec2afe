import { availableParallelism, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Quota, quotas, wireLimits } from './limits.ts'

/**
 * Every setting but the quotas: its default and what it means. Flag
 * and variable follow from the name.
 */
export const settings = {
  port: { default: '8080', means: 'port; 0 takes a free one' },
  host: { default: '127.0.0.1', means: 'address to listen on' },
  adminPort: {
    default: '',
    means:
      'port of `/health/live`, `/health/ready` and `/metrics`; 0 takes a free one; default: none is opened',
  },
  adminHost: { default: '127.0.0.1', means: 'address to listen on with the admin port' },
  dataDir: {
    default: './.openpersonalize',
    means: 'folder that holds everything: metadata, buckets, datasets, models',
  },
  databaseUrl: {
    default: '',
    means:
      'PostgreSQL (15 or newer) that holds the metadata and the job queue, `postgres://user:password@host/database`; default: one embedded in the data directory',
  },
  jobs: {
    default: 'true',
    means: '`false` only serves and leaves jobs to workers; needs a DATABASE_URL',
  },
  leaseSeconds: {
    default: '30',
    means: 'after so long without a sign of life a worker is replaced; needs a DATABASE_URL',
  },
  files: {
    default: '',
    means:
      'where `s3://bucket/key` lies: `disk` (a folder of the data directory) or `s3`; default: `s3` where AWS_ENDPOINT_URL_S3 is set, else `disk`',
  },
  endpointUrlS3: { default: '', means: 'S3 server; default, with `--files s3`: AWS' },
  endpointUrlSts: {
    default: '',
    means: 'where roles are assumed; default: the S3 server, or AWS',
  },
  endpointUrlKms: {
    default: '',
    means: 'where the keys of jobs are looked up; default: the S3 server, or AWS',
  },
  roles: {
    default: 'assume',
    means:
      "whose rights count in S3: `assume` (those of the job's role) or `ignore` (those of the server, for S3 servers without STS)",
  },
  region: { default: 'us-east-1', means: 'region in ARNs and signatures' },
  account: {
    default: '123456789012',
    means: 'account id in ARNs, 12 digits',
  },
  credentials: {
    default: '',
    means:
      'file of access keys, with policies where its name ends in `.yaml`, `.yml` or `.json`, otherwise in the AWS credentials format; without one `test`/`test` is accepted, on loopback only',
  },
  tlsCertificate: {
    default: '',
    means:
      'PEM file of the certificate, and of those between it and its authority; with it the API is HTTPS only',
  },
  tlsKey: { default: '', means: 'PEM file of the key of that certificate' },
  requestsPerSecond: {
    default: '',
    means:
      'requests that an access key may make in a second; what is more is answered `ThrottlingException`; default: no limit',
  },
  connections: {
    default: String(wireLimits.connections),
    means: 'open connections; more are closed at once',
  },
  requestBytes: {
    default: String(wireLimits.requestBytesMax),
    means: 'bytes of the body of a request',
  },
  headerBytes: {
    default: String(wireLimits.headerBytesMax),
    means: 'bytes of all headers of a request',
  },
  headerSeconds: {
    default: String(wireLimits.headersMs / 1000),
    means: 'seconds in which the headers of a request must have come',
  },
  requestSeconds: {
    default: String(wireLimits.requestMs / 1000),
    means: 'seconds in which a request must have come whole',
  },
  threads: {
    default: '',
    means: 'threads for training and segments; default: the cores of the machine',
  },
  kernel: {
    default: 'auto',
    means:
      'which code computes: `auto` takes the native kernel with the fastest instructions of the machine, or the TypeScript reference where it is not built; `avx512bf16`, `avx512`, `avx2`, `neon`, `plain` (native) or `reference` forces one',
  },
  memory: {
    default: '',
    means:
      'bytes that DuckDB may use before it spills to disk, half of them for trainings; default: a quarter of the memory',
  },
  logLevel: {
    default: 'info',
    means: 'fatal, error, warn, info, debug, trace or silent; logs go to stderr',
  },
  quotas: {
    default: 'open',
    means: '`open` (what the machine can do) or `aws` (exactly the quotas of AWS)',
  },
  strict: {
    default: 'false',
    means: '`true` answers only what AWS answers: what goes beyond it is ignored or refused',
  },
} as const satisfies Record<string, { default: string; means: string }>

const kernelChoices = [
  'auto',
  'avx512bf16',
  'avx512',
  'avx2',
  'neon',
  'plain',
  'reference',
] as const

/** Which code computes: one by name, or `auto` for the fastest that the machine can run. */
export type KernelChoice = (typeof kernelChoices)[number]

/** The settings as read and checked, frozen. */
export type Config = {
  readonly port: number
  readonly host: string
  /** Without one, health is not served. */
  readonly adminPort: number | undefined
  readonly adminHost: string
  /** Absolute path. */
  readonly dataDir: string
  /** Without one, the database is embedded. Holds a password: never shown. */
  readonly databaseUrl: string | undefined
  /** Whether `serve` takes jobs. */
  readonly jobs: boolean
  readonly leaseSeconds: number
  readonly files: 'disk' | 's3'
  /** Undefined is AWS's own; the same for the next two. */
  readonly endpointUrlS3: string | undefined
  readonly endpointUrlSts: string | undefined
  readonly endpointUrlKms: string | undefined
  readonly roles: 'assume' | 'ignore'
  readonly region: string
  readonly account: string
  readonly credentials: string | undefined
  readonly tlsCertificate: string | undefined
  readonly tlsKey: string | undefined
  /** Of one access key; undefined is no limit. */
  readonly requestsPerSecond: number | undefined
  readonly connections: number
  readonly requestBytes: number
  readonly headerBytes: number
  readonly headerSeconds: number
  readonly requestSeconds: number
  readonly threads: number
  readonly kernel: KernelChoice
  readonly memoryBytes: number
  readonly logLevel: string
  /** Whether the variables of OpenTelemetry ask for traces; its own code reads where to. */
  readonly traces: boolean
  /** Answers only what AWS answers. */
  readonly strict: boolean
  readonly quotaPreset: 'open' | 'aws'
  readonly quotas: Readonly<Record<Quota, number>>
}

/** `dataDir` -> `--data-dir` */
export const flagName = (setting: string) =>
  `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** The setting of a quota: `datasetGroups` -> `quotaDatasetGroups` */
export const quotaSetting = (quota: string) =>
  `quota${quota.charAt(0).toUpperCase()}${quota.slice(1)}`

/** `dataDir` -> `OPENPERSONALIZE_DATA_DIR`; what other tools have a variable for has that one. */
export const variableName = (setting: string) =>
  (/^(region$|endpointUrl)/.test(setting)
    ? 'AWS_'
    : setting === 'databaseUrl'
      ? ''
      : 'OPENPERSONALIZE_') + setting.replace(/[A-Z]/g, '_$&').toUpperCase()

/** A setting that cannot be used; the message names it and says what would be right. */
export class ConfigError extends Error {}

/** Reads flags first, then variables, then defaults. Throws ConfigError. */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Config {
  const flags = parseFlags(argv)
  const given = (name: string): string | undefined =>
    flags[flagName(name).slice(2)] ?? (env[variableName(name)] || undefined)
  const text = (name: keyof typeof settings): string => given(name) ?? settings[name].default
  const whole = (name: keyof typeof settings, least: number, most: number) =>
    count(name, text(name), least, most)
  const path = (name: keyof typeof settings) => (text(name) ? resolve(text(name)) : undefined)
  const preset = oneOf('quotas', text('quotas'), ['open', 'aws'] as const)
  const s3 = endpoint('endpointUrlS3', text('endpointUrlS3'))
  const database = databaseUrl(text('databaseUrl'))
  return Object.freeze({
    port: whole('port', 0, 65_535),
    host: text('host'),
    adminPort: text('adminPort') ? whole('adminPort', 0, 65_535) : undefined,
    adminHost: text('adminHost'),
    dataDir: resolve(text('dataDir')),
    databaseUrl: database,
    jobs: oneOf('jobs', text('jobs'), ['true', 'false']) === 'true',
    leaseSeconds: whole('leaseSeconds', 2, 3600),
    files: oneOf('files', text('files') || (s3 ? 's3' : 'disk'), ['disk', 's3'] as const),
    endpointUrlS3: s3,
    endpointUrlSts: endpoint('endpointUrlSts', text('endpointUrlSts')) ?? s3,
    endpointUrlKms: endpoint('endpointUrlKms', text('endpointUrlKms')) ?? s3,
    roles: oneOf('roles', text('roles'), ['assume', 'ignore'] as const),
    region: matching('region', text('region'), /^[a-z]{2}(-[a-z]+)+-\d+$/, 'us-east-1'),
    account: matching('account', text('account'), /^\d{12}$/, '123456789012'),
    credentials: path('credentials'),
    tlsCertificate: path('tlsCertificate'),
    tlsKey: path('tlsKey'),
    requestsPerSecond: text('requestsPerSecond') ? whole('requestsPerSecond', 1, 1e6) : undefined,
    connections: whole('connections', 1, 1e6),
    requestBytes: whole('requestBytes', 1024, 1e9),
    headerBytes: whole('headerBytes', 1024, 1e6),
    headerSeconds: whole('headerSeconds', 1, 3600),
    requestSeconds: whole('requestSeconds', 1, 3600),
    threads: count('threads', text('threads') || String(availableParallelism()), 1, 1024),
    kernel: oneOf('kernel', text('kernel'), kernelChoices),
    memoryBytes: count('memory', text('memory') || defaultMemory(), memoryMin, 1e15),
    logLevel: oneOf('logLevel', text('logLevel'), logLevels),
    traces: asksForTraces(env),
    strict: oneOf('strict', text('strict'), ['false', 'true']) === 'true',
    quotaPreset: preset,
    quotas: Object.freeze(
      Object.fromEntries(
        (Object.keys(quotas) as Quota[]).map((quota) => {
          const own = given(quotaSetting(quota))
          const value =
            own === undefined ? quotas[quota][preset] : count(quotaSetting(quota), own, 0, 1e15)
          return [quota, value]
        }),
      ) as Record<Quota, number>,
    ),
  })
}

/** Each of its parts (`context.ts`) must be enough to spill the rest of a large import or training. */
const memoryMin = 512e6
const defaultMemory = () => String(Math.max(memoryMin, Math.floor(totalmem() / 4)))

/** OpenTelemetry, "Environment Variable Specification"; traces go over HTTP, as JSON. */
function asksForTraces(env: NodeJS.ProcessEnv): boolean {
  const { OTEL_TRACES_EXPORTER: exporter, OTEL_SDK_DISABLED: disabled } = env
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT
  if (disabled?.toLowerCase() === 'true' || exporter === 'none') return false
  if (exporter && exporter !== 'otlp')
    throw new ConfigError(`OTEL_TRACES_EXPORTER is '${exporter}'; it must be otlp or none.`)
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL
  const asks = Boolean(exporter || endpoint)
  if (asks && protocol === 'grpc')
    throw new ConfigError(
      "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; traces go over HTTP: name that endpoint and http/json.",
    )
  return asks
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

function parseFlags(argv: readonly string[]): Record<string, string> {
  const names = [...Object.keys(settings), ...Object.keys(quotas).map(quotaSetting)]
  const flags = names.map((name) => [flagName(name).slice(2), { type: 'string' as const }])
  try {
    return parseArgs({ args: [...argv], options: Object.fromEntries(flags) }).values as Record<
      string,
      string
    >
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}. --help lists the flags.`, { cause: error })
  }
}

const label = (setting: string) => `${flagName(setting)} (${variableName(setting)})`

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

function endpoint(setting: string, text: string): string | undefined {
  return text ? matching(setting, text, /^https?:\/\/\S+$/, 'http://127.0.0.1:9000') : undefined
}

/** Its errors do not quote it: it holds a password. */
function databaseUrl(text: string): string | undefined {
  if (text === '') return undefined
  if (!/^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new ConfigError(
      `${label('databaseUrl')} must look like postgres://user:password@host:5432/database.`,
    )
  return text
}

function oneOf<Word extends string>(setting: string, text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text)
  if (word === undefined)
    throw new ConfigError(`${label(setting)} is '${text}'; it must be one of ${words.join(', ')}.`)
  return word
}
