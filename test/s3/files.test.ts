/** Real buckets behave like folders of the disk, whatever befalls the requests on their way. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, mock, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateKeyCommand, DisableKeyCommand } from '@aws-sdk/client-kms'
import { InvalidLocation, type Upload } from '../../src/data/files.ts'
import { tryKeys } from '../../src/data/s3Clients.ts'
import { s3Files } from '../../src/data/s3Files.ts'
import { partBytes } from '../../src/data/s3Writer.ts'
import { JobFailure } from '../../src/errors.ts'
import { s3Limits } from '../../src/limits.ts'
import { faultyWay, refuse } from './faults.ts'
import { allow, startMoto } from './moto.ts'

const jobArn = 'arn:aws:personalize:us-east-1:123456789012:batch-segment-job/spring-sale'
const bucketRights = allow(
  's3:GetObject',
  's3:PutObject',
  's3:ListBucket',
  's3:AbortMultipartUpload',
)

const moto = await startMoto({ after })
const way = await faultyWay({ after }, moto.endpoint)
await moto.s3.createBucket({ Bucket: 'bucket' })
const others = { AWS: 'arn:aws:iam::123456789012:user/somebody-else' }
const roles = {
  all: await moto.role('all', [bucketRights, allow('kms:DescribeKey')]),
  writes: await moto.role('writes', [allow('s3:PutObject')]),
  noKeys: await moto.role('noKeys', [bucketRights]),
  closed: await moto.role('closed', [bucketRights], others),
}
const own = await moto.user('server', [allow('sts:AssumeRole')])
process.env.AWS_ACCESS_KEY_ID = own.accessKeyId
process.env.AWS_SECRET_ACCESS_KEY = own.secretAccessKey
await moto.checkRights()

const options = {
  region: 'us-east-1',
  endpointUrlS3: way.endpoint,
  endpointUrlSts: way.endpoint,
  endpointUrlKms: way.endpoint,
  roles: 'assume',
} as const
const store = s3Files(options)
const hastyStore = s3Files({ ...options, idleMs: 1000 })
const files = store.as({ jobArn, roleArn: roles.all })
const hasty = hastyStore.as({ jobArn, roleArn: roles.all })
after(() => {
  store.close()
  hastyStore.close()
})
afterEach(() => {
  way.fault = () => undefined
})

const put = (Key: string, Body: string | Buffer, Bucket = 'bucket') =>
  moto.s3.putObject({ Bucket, Key, Body })

async function write(url: string, chunks: Iterable<string | Uint8Array>, kmsKeyArn?: string) {
  const writer = await files.create(url, { kmsKeyArn })
  for (const chunk of chunks) await writer.write(chunk)
  await writer.finish()
}

async function all<Part>(parts: AsyncIterable<Part>): Promise<Part[]> {
  const found: Part[] = []
  for await (const part of parts) found.push(part)
  return found
}

const text = async (url: string, from = files) =>
  Buffer.concat(await all(from.bytes(url))).toString()
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Nothing is left of an upload: neither an object nor parts. */
async function leftNothing(Key: string) {
  const { Uploads } = await moto.s3.listMultipartUploads({ Bucket: 'bucket' })
  deepEqual(Uploads ?? [], [])
  await rejects(moto.s3.headObject({ Bucket: 'bucket', Key }), { name: 'NotFound' })
}

test('a prefix lists every object whose key starts with it, over 1,000 too, in key order', async () => {
  const keys = Array.from({ length: 1003 }, (_, n) => `many/${n}`)
  for (let n = 0; n < keys.length; n += 50)
    await Promise.all(keys.slice(n, n + 50).map((key) => put(key, key)))
  for (const key of ['man', 'many', 'many_more/x', 'many/😀', 'many/\uffee']) await put(key, '12')

  let pages = 0
  way.fault = ({ url }) => {
    if (url!.includes('list-type=2')) pages += 1
    return undefined
  }
  const listed = await files.list('s3://bucket/many/')
  equal(pages, 2)
  const order = [...keys, 'many/😀', 'many/\uffee'].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  deepEqual(
    listed.map(({ url }) => url),
    order.map((key) => `s3://bucket/${key}`),
  )
  equal((await files.list('s3://bucket/many')).length, listed.length + 2)
  deepEqual(await files.list('s3://bucket/many_'), [{ url: 's3://bucket/many_more/x', bytes: 2 }])
  deepEqual(await files.list('s3://bucket/none'), [])
})

test('keys are taken literally', async () => {
  for (const key of [
    'a b+c',
    'é/%2e%2e',
    'q\'&<>"?#',
    '../x',
    'a//b',
    '~*[x]',
    ' x ',
    'a\u0001b',
    '/',
  ]) {
    await write(`s3://bucket/odd/${key}`, [key])
    equal(await text(`s3://bucket/odd/${key}`), key)
    deepEqual(await files.list(`s3://bucket/odd/${key}`), [
      { url: `s3://bucket/odd/${key}`, bytes: Buffer.byteLength(key) },
    ])
  }
})

test('what is not there, and what is no place, is said as the disk says it', async () => {
  const asked: [string, RegExp][] = [
    ['s3://bucket/none', /^s3:\/\/bucket\/none: there is no such object\.$/],
    ['s3://no-bucket/x', /^s3:\/\/no-bucket\/x: there is no bucket 'no-bucket'\.$/],
    ['https://bucket/x', /http and https locations are not supported/],
    ['s3://Bucket/x', /'Bucket' is not a bucket name/],
    ['s3://bu..cket/x', /is not a bucket name/],
    ['s3://../x', /is not a bucket name/],
    ['s3://bucket', /it names no object/],
  ]
  for (const [url, message] of asked)
    await rejects(all(files.lines(url)), (error: Error) => {
      ok(error instanceof InvalidLocation)
      return message.test(error.message)
    })
  await rejects(files.list('s3://no-bucket/'), InvalidLocation)
  await rejects(write('s3://no-bucket/x', ['x']), InvalidLocation)
  await rejects(write('s3://no-bucket/x', [Buffer.alloc(9e6)]), InvalidLocation)
})

test('an object is written in parts, and appears when it is whole', async () => {
  const bytes = randomBytes(3 * s3Limits.partBytes + 12345)
  const writer = await files.create('s3://bucket/parts')
  await put('parts', 'old')
  let parts = 0
  way.fault = ({ url, headers }) => {
    if (!url!.includes('partNumber=')) return undefined
    ok(headers['x-amz-checksum-crc32'])
    parts += 1
    return undefined
  }
  for (let at = 0; at < bytes.length; at += 700_001) {
    const chunk = Buffer.from(bytes.subarray(at, at + 700_001))
    await writer.write(chunk)
    chunk.fill(0) // they are ours again
  }
  equal(await text('s3://bucket/parts'), 'old')
  await writer.finish()
  equal(parts, 4)
  equal(digest(Buffer.concat(await all(files.bytes('s3://bucket/parts')))), digest(bytes))

  await write('s3://bucket/exact', [bytes.subarray(0, 2 * s3Limits.partBytes)])
  deepEqual((await files.list('s3://bucket/exact'))[0]?.bytes, 2 * s3Limits.partBytes)
  await write('s3://bucket/empty', [])
  equal(await text('s3://bucket/empty'), '')

  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
  const path = await files.localPath('s3://bucket/parts', folder)
  equal(digest(await readFile(path)), digest(bytes))
  await rm(folder, { recursive: true })
})

test('the most parts hold the largest object', () => {
  let total = 0
  for (let number = 1; number <= s3Limits.partsMax; number += 1) total += partBytes(number)
  ok(total > s3Limits.objectBytesMax)
  ok(partBytes(s3Limits.partsMax) < 5 * 2 ** 30, "S3's largest part")
})

test('an upload that fails leaves neither an object nor parts', async () => {
  const bytes = Buffer.alloc(2.5 * s3Limits.partBytes)
  const failing: [string, string][] = [
    ['POST', 'uploads='],
    ['PUT', 'partNumber=1&'],
    ['PUT', 'partNumber=3&'],
    ['POST', 'uploadId='],
  ]
  for (const [method, part] of failing) {
    way.fault = (asked, answer) =>
      asked.method === method && asked.url!.includes(part)
        ? refuse(answer, 403, 'AccessDenied')
        : undefined
    const writer = await files.create('s3://bucket/failing')
    await rejects(
      writer.write(bytes).then(() => writer.finish()),
      { name: 'JobFailure', message: /^Insufficient privileges .* s3:\/\/bucket\/failing: / },
    )
    await writer.abort()
    await writer.abort()
    await leftNothing('failing')
  }
})

test('an upload that is given up while a part is on its way leaves nothing', async () => {
  const stop = new AbortController()
  const stopped = store.as({ jobArn, roleArn: roles.all, signal: stop.signal })
  const writer = await stopped.create('s3://bucket/stopped')
  const arrived: string[] = []
  way.fault = async ({ url, method }) => {
    if (url!.includes('partNumber=')) await sleep(300)
    if (url!.includes('uploadId=')) arrived.push(method!)
    return undefined
  }
  await writer.write(Buffer.alloc(1.5 * s3Limits.partBytes))
  stop.abort()
  await rejects(stopped.list('s3://bucket/'), { name: 'AbortError' })
  await writer.abort()
  deepEqual(arrived, ['PUT', 'DELETE'])
  await leftNothing('stopped')
})

test('an upload that a killed process has begun can be given up', async () => {
  const begun: Upload[] = []
  const told = async (upload: Upload) => void begun.push(upload)
  const writer = await files.create('s3://bucket/killed', { begun: told })
  await writer.write(Buffer.alloc(2.5 * s3Limits.partBytes))
  equal(begun.length, 1)
  equal((await moto.s3.listMultipartUploads({ Bucket: 'bucket' })).Uploads?.length, 1)
  await files.discard(begun[0]!)
  await leftNothing('killed')
  await files.discard(begun[0]!)
  await writer.abort()
})

test('a request that S3 cannot answer now is asked again, later and later', async () => {
  await put('again', 'hello')
  const times: number[] = []
  const fates = [503, 500, 'cut', 'silent'] as const
  way.fault = ({ url }, answer) => {
    if (!url!.startsWith('/bucket/again')) return undefined
    const fate = fates[times.length]
    times.push(Date.now())
    if (fate === undefined) return undefined
    if (fate === 'cut') answer.destroy()
    if (typeof fate === 'number') return refuse(answer, fate, 'SlowDown')
    return 'taken'
  }
  equal(await text('s3://bucket/again', hasty), 'hello')
  equal(times.length, 5)
  ok(times[4]! - times[3]! >= 1000, 'silence is waited for')

  times.length = 0
  way.fault = (_, answer) => {
    times.push(Date.now())
    return refuse(answer, 500, 'InternalError')
  }
  await rejects(text('s3://bucket/again'), { name: 'InternalError' })
  equal(times.length, s3Limits.attempts)
})

test('an answer that is cut off goes on where it ended', async () => {
  const bytes = randomBytes(3_000_000)
  await put('cut', bytes)
  const ranges: (string | undefined)[] = []
  way.fault = ({ url, headers }) => {
    if (!url!.startsWith('/bucket/cut')) return undefined
    ranges.push(headers.range)
    return ranges.length <= 2 ? 1_000_000 : undefined
  }
  equal(digest(Buffer.concat(await all(files.bytes('s3://bucket/cut')))), digest(bytes))
  deepEqual(ranges, [undefined, 'bytes=1000000-', 'bytes=2000000-'])

  way.fault = () => 0
  await rejects(all(files.bytes('s3://bucket/cut')), Error)

  ranges.length = 0
  const changed = files.bytes('s3://bucket/cut')[Symbol.asyncIterator]()
  way.fault = () => (ranges.push('') === 1 ? 1_000_000 : undefined)
  await changed.next()
  await put('cut', 'another')
  const rest = async () => {
    while (!(await changed.next()).done);
  }
  await rejects(rest(), {
    name: 'JobFailure',
    message: 's3://bucket/cut was changed while it was read.',
  })
})

test('a slow reader outlives the connection', async () => {
  const long = 'x'.repeat(100_000)
  await put('slow', `${long}\n`.repeat(200))
  let lines = 0
  for await (const line of hasty.lines('s3://bucket/slow')) {
    if (lines++ === 10) await sleep(2000)
    equal(line, long)
  }
  equal(lines, 200)
})

test('a bucket in another region is found there, and not looked for again', async () => {
  await moto.s3.createBucket({ Bucket: 'abroad' })
  let redirects = 0
  way.fault = ({ url, headers }, answer) => {
    if (!url!.startsWith('/abroad') || headers.authorization!.includes('/eu-west-1/s3/'))
      return undefined
    redirects += 1
    return refuse(answer, 301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-west-1' })
  }
  await write('s3://abroad/x', ['hello'])
  equal(await text('s3://abroad/x'), 'hello')
  await write('s3://abroad/parts', [Buffer.alloc(9e6)])
  equal((await files.list('s3://abroad/')).length, 2)
  equal(redirects, 1)
})

test('the role is assumed for the job, by name and source, and again in time', async () => {
  const own = store.as({ jobArn, roleArn: roles.all })
  const [assumed, ...listed] = await moto.recorded(async () => {
    await own.list('s3://bucket/none')
    await own.list('s3://bucket/none')
  })
  equal(listed.length, 2)
  const { RoleArn, RoleSessionName } = Object.fromEntries(
    new URLSearchParams(Buffer.from(assumed!.body, 'base64').toString()),
  )
  deepEqual({ RoleArn, RoleSessionName }, { RoleArn: roles.all, RoleSessionName: 'spring-sale' })
  equal(assumed!.headers['X-Amz-Source-Account'], '123456789012')
  equal(assumed!.headers['X-Amz-Source-Arn'], jobArn)
  ok(/SignedHeaders=\S*x-amz-source-account;x-amz-source-arn/.test(assumed!.headers.Authorization!))
  for (const { headers } of listed) ok(headers['X-Amz-Security-Token'])

  mock.timers.enable({ apis: ['Date'], now: Date.now() + 58 * 60_000 })
  const later = await moto.recorded(() => own.list('s3://bucket/none'))
  mock.timers.reset()
  ok(later[0]!.headers['X-Amz-Source-Arn'])
  ok(later.at(-1)!.headers['X-Amz-Security-Token'] !== listed[0]!.headers['X-Amz-Security-Token'])

  const short = store.as({ jobArn: jobArn.replace('spring-sale', 'x'), roleArn: roles.all })
  const [first] = await moto.recorded(() => short.list('s3://bucket/none'))
  ok(Buffer.from(first!.body, 'base64').includes('RoleSessionName=x-'))
})

const refused = 'Insufficient privileges for accessing data in Amazon S3. '

test('what the role may not do is said', async () => {
  const as = (roleArn: string | undefined) => store.as({ jobArn, roleArn })
  const reasonOf = async (asked: Promise<unknown>) => {
    const error = await asked.then(
      () => undefined,
      (error: Error) => error,
    )
    ok(error instanceof JobFailure, String(error))
    ok(error.message.startsWith(refused), error.message)
    return error.message.slice(refused.length)
  }
  equal(await reasonOf(as(undefined).list('s3://bucket/')), 'The job has no roleArn.')
  const closed = await reasonOf(as(roles.closed).list('s3://bucket/'))
  ok(closed.startsWith(`The role ${roles.closed} cannot be assumed: `), closed)
  const { writes } = roles
  equal(
    await reasonOf(as(writes).list('s3://bucket/x')),
    'ListObjectsV2 s3://bucket/x: Access Denied',
  )
  equal(
    await reasonOf(all(as(writes).lines('s3://bucket/x'))),
    'GetObject s3://bucket/x: Access Denied',
  )
})

test('where roles are ignored, the rights of the server count', async () => {
  const ignoring = s3Files({ ...options, roles: 'ignore' })
  // The server's own keys may assume roles and nothing else.
  const [asked, ...more] = await moto.recorded(() =>
    rejects(ignoring.as({ jobArn, roleArn: roles.all }).list('s3://bucket/'), {
      message: `${refused}ListObjectsV2 s3://bucket/: Access Denied`,
    }),
  )
  ignoring.close()
  ok(asked!.headers.Authorization!.includes(`Credential=${own.accessKeyId}/`))
  deepEqual(more, [])
})

test('whether the keys of the server are known can be asked', async () => {
  match(
    await tryKeys(options),
    /^S3 answers at .*, roles are assumed by arn:aws:iam::.*:user\/server$/,
  )
  match(await tryKeys({ ...options, roles: 'ignore' }), /^S3 answers at .*, roles are ignored$/)
  process.env.AWS_ACCESS_KEY_ID = 'AKIANOBODY'
  await rejects(tryKeys(options), { name: 'InvalidAccessKeyId' })
  process.env.AWS_ACCESS_KEY_ID = own.accessKeyId
})

test('a KMS key encrypts what is written, if it may be used', async () => {
  const { KeyMetadata } = await moto.kms.send(new CreateKeyCommand({}))
  const { Arn = '', KeyId } = KeyMetadata!
  await files.requireKey(Arn)
  const requests = await moto.recorded(async () => {
    await write('s3://bucket/secret', ['x'], Arn)
    await write('s3://bucket/secrets', [Buffer.alloc(9e6)], Arn)
    await write('s3://bucket/open', ['x'])
  })
  const header = 'X-Amz-Server-Side-Encryption'
  const encrypted = requests.filter(({ headers }) => headers[header])
  deepEqual(
    encrypted.map(({ method, url, headers }) => [
      ...[method, new URL(url).pathname, headers[header], headers[`${header}-Aws-Kms-Key-Id`]],
    ]),
    [
      ['PUT', '/bucket/secret', 'aws:kms', Arn],
      ['POST', '/bucket/secrets', 'aws:kms', Arn],
    ],
  )
  const { SSEKMSKeyId } = await moto.s3.headObject({ Bucket: 'bucket', Key: 'secrets' })
  equal(SSEKMSKeyId, Arn)

  const cannot = (arn: string, why: string) => ({
    name: 'JobFailure',
    message: new RegExp(`^${refused}The KMS key ${arn} cannot be used: ${why}`),
  })
  const unknown = Arn.replace(KeyId!, '00000000-0000-0000-0000-000000000000')
  await rejects(files.requireKey(unknown), cannot(unknown, '.*does not exist'))
  await rejects(store.as({ jobArn, roleArn: roles.noKeys }).requireKey(Arn), cannot(Arn, ''))
  await moto.kms.send(new DisableKeyCommand({ KeyId }))
  await rejects(files.requireKey(Arn), cannot(Arn, 'it is Disabled\\.'))
})
