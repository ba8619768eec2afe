/** Every setting: flag before variable before default, and bad values refused by name. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  ConfigError,
  flagName,
  quotaSetting,
  readConfig,
  settings,
  variableName,
} from '../src/config.ts'
import { type Quota, quotas } from '../src/limits.ts'

const run = promisify(execFile)
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

test('the defaults', () => {
  const { memoryBytes, quotas: numbers, ...config } = readConfig([], {})
  deepEqual(config, {
    port: 8080,
    host: '127.0.0.1',
    adminPort: undefined,
    adminHost: '127.0.0.1',
    dataDir: resolve('.openpersonalize'),
    databaseUrl: undefined,
    jobs: true,
    leaseSeconds: 30,
    files: 'disk',
    endpointUrlS3: undefined,
    endpointUrlSts: undefined,
    endpointUrlKms: undefined,
    roles: 'assume',
    region: 'us-east-1',
    account: '123456789012',
    credentials: undefined,
    tlsCertificate: undefined,
    tlsKey: undefined,
    requestsPerSecond: undefined,
    connections: 10_000,
    requestBytes: 4_194_304,
    headerBytes: 32_768,
    headerSeconds: 20,
    requestSeconds: 120,
    threads: availableParallelism(),
    kernel: 'auto',
    logLevel: 'info',
    traces: false,
    strict: false,
    quotaPreset: 'open',
  })
  ok(memoryBytes >= 512e6)
  for (const [quota, { open }] of Object.entries(quotas)) equal(numbers[quota as Quota], open)
  throws(() => Object.assign(numbers, { schemas: 1 }), TypeError)
})

const twice = (text: string): [string, string] => [text, text]

/** A setting, its member of Config, two texts it takes, what they become, and one it refuses. */
const cases: [
  keyof typeof settings,
  string,
  string,
  unknown,
  string,
  unknown,
  string | undefined,
][] = [
  ['port', 'port', '1', 1, '65535', 65_535, '65536'],
  ['host', 'host', '::1', '::1', '0.0.0.0', '0.0.0.0', undefined],
  ['adminPort', 'adminPort', '0', 0, '65535', 65_535, '65536'],
  ['adminHost', 'adminHost', '::1', '::1', '0.0.0.0', '0.0.0.0', undefined],
  ['dataDir', 'dataDir', '/a', '/a', 'b', resolve('b'), undefined],
  [
    'databaseUrl',
    'databaseUrl',
    ...twice('postgres://h/d'),
    ...twice('postgresql://u:p@h/d'),
    undefined,
  ],
  ['jobs', 'jobs', 'false', false, 'true', true, 'no'],
  ['leaseSeconds', 'leaseSeconds', '2', 2, '3600', 3600, '1'],
  ['files', 'files', 's3', 's3', 'disk', 'disk', 'tape'],
  ...(['endpointUrlS3', 'endpointUrlSts', 'endpointUrlKms'] as const).map(
    (name): (typeof cases)[number] => [
      name,
      name,
      'http://a:1',
      'http://a:1',
      'https://b',
      'https://b',
      'b:1',
    ],
  ),
  ['roles', 'roles', 'ignore', 'ignore', 'assume', 'assume', 'all'],
  ['region', 'region', 'eu-west-1', 'eu-west-1', 'us-gov-east-1', 'us-gov-east-1', 'Europe'],
  ['account', 'account', '000000000001', '000000000001', '9'.repeat(12), '9'.repeat(12), '12'],
  ['credentials', 'credentials', '/keys', '/keys', 'keys', resolve('keys'), undefined],
  ['tlsCertificate', 'tlsCertificate', '/crt', '/crt', 'crt', resolve('crt'), undefined],
  ['tlsKey', 'tlsKey', '/key', '/key', 'key', resolve('key'), undefined],
  ['requestsPerSecond', 'requestsPerSecond', '1', 1, '1000', 1000, '0'],
  ['connections', 'connections', '1', 1, '20', 20, '0'],
  ['requestBytes', 'requestBytes', '1024', 1024, '9999', 9999, '1023'],
  ['headerBytes', 'headerBytes', '1024', 1024, '9999', 9999, '1023'],
  ['headerSeconds', 'headerSeconds', '1', 1, '3600', 3600, '0'],
  ['requestSeconds', 'requestSeconds', '1', 1, '3600', 3600, '0.5'],
  ['threads', 'threads', '1', 1, '8', 8, '0'],
  ['kernel', 'kernel', 'reference', 'reference', 'avx2', 'avx2', 'fast'],
  ['memory', 'memoryBytes', '512000000', 512e6, '1000000000', 1e9, '1GB'],
  ['logLevel', 'logLevel', 'debug', 'debug', 'silent', 'silent', 'loud'],
  ['quotas', 'quotaPreset', 'aws', 'aws', 'open', 'open', 'none'],
  ['strict', 'strict', 'true', true, 'false', false, 'yes'],
]

test('a DATABASE_URL that cannot be one is refused without being shown', () => {
  for (const url of ['secret', 'mysql://user:secret@host/database', 'postgres//secret@host'])
    throws(
      () => readConfig([], { DATABASE_URL: url }),
      ({ message }: Error) => {
        match(message, /^--database-url \(DATABASE_URL\) must look like postgres:/)
        return !message.includes('secret')
      },
    )
})

test('every setting has a case here', () => {
  deepEqual(cases.map(([setting]) => setting).sort(), Object.keys(settings).sort())
})

for (const [setting, member, a, becomesA, b, becomesB, bad] of cases)
  test(`${flagName(setting)} counts before ${variableName(setting)}`, () => {
    const read = (argv: string[], env: Record<string, string>) =>
      readConfig(argv, env)[member as keyof ReturnType<typeof readConfig>]
    const variable = variableName(setting)
    equal(read([flagName(setting), a], {}), becomesA)
    equal(read([], { [variable]: b }), becomesB)
    equal(read([`${flagName(setting)}=${a}`], { [variable]: b }), becomesA)
    equal(read([], { [variable]: '' }), read([], {}), 'an empty variable is none')
    if (bad === undefined) return
    for (const [argv, env] of [
      [[flagName(setting), bad], {}],
      [[], { [variable]: bad }],
    ] as const)
      throws(
        () => readConfig(argv, env),
        (error: Error) => {
          ok(error instanceof ConfigError)
          const start = `${flagName(setting)} (${variable}) is '${bad}'; it must `
          ok(error.message.startsWith(start), error.message)
          return true
        },
      )
  })

for (const [quota, { aws }] of Object.entries(quotas) as [Quota, { aws: number }][])
  test(`the quota ${quota} has a preset, a flag and a variable`, () => {
    const flag = flagName(quotaSetting(quota))
    const variable = variableName(quotaSetting(quota))
    match(flag, /^--quota-[a-z-]+$/)
    match(variable, /^OPENPERSONALIZE_QUOTA_[A-Z_]+$/)
    equal(readConfig(['--quotas', 'aws'], {}).quotas[quota], aws)
    equal(readConfig(['--quotas', 'aws'], { [variable]: '7' }).quotas[quota], 7)
    equal(readConfig([flag, '0'], { [variable]: '7' }).quotas[quota], 0)
    throws(() => readConfig([flag, '-1'], {}), /must be a whole number|argument is ambiguous/)
    throws(() => readConfig([], { [variable]: '1.5' }), { message: new RegExp(`^${flag} `) })
  })

test('STS and KMS are where S3 is, and files are there, unless it is said otherwise', () => {
  const env = { AWS_ENDPOINT_URL_S3: 'http://a:1' }
  const { files, endpointUrlSts, endpointUrlKms } = readConfig([], env)
  deepEqual([files, endpointUrlSts, endpointUrlKms], ['s3', 'http://a:1', 'http://a:1'])
  equal(readConfig(['--endpoint-url-sts', 'http://b:2'], env).endpointUrlSts, 'http://b:2')
  equal(readConfig(['--files', 'disk'], env).files, 'disk')
})

test('traces are asked for by the variables of OpenTelemetry', () => {
  const traces = (env: Record<string, string>) => readConfig([], env).traces
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }
  ok(traces(endpoint))
  ok(traces({ OTEL_TRACES_EXPORTER: 'otlp' }))
  ok(!traces({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }))
  ok(!traces({ ...endpoint, OTEL_SDK_DISABLED: 'true' }))
  throws(() => traces({ OTEL_TRACES_EXPORTER: 'zipkin' }), /must be otlp or none/)
  throws(() => traces({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), /http\/json/)
})

test('an unknown flag and a stray word are refused', () => {
  throws(() => readConfig(['--prot', '1'], {}), {
    message: /Unknown option '--prot'.*--help lists/,
  })
  throws(() => readConfig(['8080'], {}), ConfigError)
})

test('the command line: help, and one line for what is wrong', async () => {
  for (const words of [
    ['help'],
    ['--help'],
    ['serve', '-h'],
    ['demo', '--help'],
    ['doctor', '--help'],
  ]) {
    const { stdout, stderr } = await run(process.execPath, [main, ...words])
    match(stdout, /^Usage: openpersonalize .*\n.*worker.*\n.*doctor.*\n.*demo/)
    equal(stderr, '')
  }
  for (const words of [['swerve'], ['--port', 'x'], ['serve', '--nope'], ['--quotas=none']]) {
    const failed = await run(process.execPath, [main, ...words]).catch((error) => error)
    equal(failed.code, 1)
    equal(failed.stdout, '')
    equal(failed.stderr.trimEnd().split('\n').length, 1, failed.stderr)
  }
})
