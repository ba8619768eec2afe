/** The whole way from CSV to segments over real buckets, each job with the rights of its role. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CreateKeyCommand, DisableKeyCommand } from '@aws-sdk/client-kms'
import { startServer } from '../../src/cli/serverProcess.ts'
import { call } from '../extensionClient.ts'
import { type ClientSide, client, ended, roleArn } from '../harness.ts'
import { segmentJobs } from '../segmentJobs.ts'
import {
  emptyShop,
  imported,
  type SmallShop,
  scratchLeft,
  smallShop,
  smallShopFiles,
  trained,
} from '../smallShop.ts'
import { databaseFlags } from '../testDatabase.ts'
import { faultyWay } from './faults.ts'
import { allow, startMoto } from './moto.ts'

const moto = await startMoto({ after })
const way = await faultyWay({ after }, moto.endpoint)
for (const Bucket of ['imports', 'segments']) await moto.s3.createBucket({ Bucket })
const rights = allow('s3:GetObject', 's3:ListBucket', 's3:PutObject', 's3:AbortMultipartUpload')
equal(await moto.role('PersonalizeRole', [rights, allow('kms:DescribeKey')]), roleArn)
const somebody = { AWS: 'arn:aws:iam::123456789012:user/somebody-else' }
const closedRole = await moto.role('ClosedRole', [rights], somebody)
const readingRole = await moto.role('ReadingRole', [allow('s3:GetObject', 's3:ListBucket')])
const own = await moto.user('server', [allow('sts:AssumeRole')])
await moto.checkRights()
// What the server and `doctor` inherit.
Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: own.accessKeyId,
  AWS_SECRET_ACCESS_KEY: own.secretAccessKey,
  AWS_ENDPOINT_URL_S3: way.endpoint,
})

const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
const flags = ['--log-level', 'error', ...databaseFlags(dataDir)]
let server = await startServer(dataDir, flags)
let personalize = client(server.endpoint)
after(async () => {
  personalize.destroy()
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const at = (url: string) => {
  const [, Bucket = '', Key = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(url) ?? []
  return { Bucket, Key }
}
/** What the helpers of other tests need of a server, with buckets of S3. */
const s: ClientSide = {
  personalize,
  put: async (url: string, content: string | Uint8Array) => {
    await moto.s3.putObject({ ...at(url), Body: Buffer.from(content) })
  },
  read: async (url: string) => (await moto.s3.getObject(at(url))).Body!.transformToString(),
}
let shop: SmallShop
const importing = await moto.recorded(async () => {
  shop = await smallShop(s)
})
const version = await trained(s, shop!, 'aws-item-affinity')
const { arnOf, answered, create, jobEnded, reasonOf } = segmentJobs(s, version)
const refused = /^Insufficient privileges for accessing data in Amazon S3\. /

test('imports have read their files as their role, and left no copy', async () => {
  const source = 'X-Amz-Source-Arn'
  const assumed = importing.filter(({ headers }) => headers[source])
  deepEqual(
    assumed.map(({ headers, body }) => {
      const input = new URLSearchParams(Buffer.from(body, 'base64').toString())
      return [headers[source], input.get('RoleArn'), input.get('RoleSessionName')]
    }),
    ['shop-Interactions', 'shop-Items', 'shop-Users'].map((job) => [
      ...[`arn:aws:personalize:us-east-1:123456789012:dataset-import-job/${job}`, roleArn, job],
    ]),
  )
  await scratchLeft(dataDir)
  deepEqual(await readdir(join(dataDir, 's3')), [])
})

test('a segment job reads and writes as its role, encrypted with its key', async () => {
  const { KeyMetadata } = await moto.kms.send(new CreateKeyCommand({}))
  const { Arn: kmsKeyArn = '', KeyId } = KeyMetadata!
  await s.put('s3://segments/both/in/one.json', '{"itemId": "i00"}\n{"itemId": "none"}')
  await s.put('s3://segments/both/in/two.json', '{"itemId": "i01"}')
  await s.put('s3://segments/both/in/', '')
  const encrypted = {
    jobInput: { s3DataSource: { path: 's3://segments/both/in/', kmsKeyArn } },
    jobOutput: { s3DataDestination: { path: 's3://segments/both/out', kmsKeyArn } },
  }
  const requests = await moto.recorded(async () => {
    await create('both', '', encrypted)
    equal((await jobEnded('both')).failureReason, undefined)
  })
  const { Contents = [] } = await moto.s3.listObjectsV2({ Bucket: 'segments', Prefix: 'both/out' })
  deepEqual(
    Contents.map(({ Key }) => Key!.slice('both/out/'.length)),
    ['_CHECK', 'one.json.out', 'two.json.out'],
  )
  const jobs = requests.filter(({ url }) => url.includes('/segments/'))
  ok(jobs.length >= 6)
  for (const { headers } of jobs) ok(headers['X-Amz-Security-Token'])
  const written = requests.filter(({ method, url }) => method === 'PUT' && url.includes('/out/'))
  equal(written.length, 3)
  for (const { headers } of written)
    equal(headers['X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id'], kmsKeyArn)

  const [line = '', error = ''] = (await s.read('s3://segments/both/out/one.json.out')).split('\n')
  equal(JSON.parse(line).output.usersList.length, 25)
  match(error, /"output": null, "error": "The item none had no interactions/)

  await moto.kms.send(new DisableKeyCommand({ KeyId }))
  const reason = await reasonOf('disabled', '', encrypted)
  match(reason, refused)
  ok(reason.endsWith(`The KMS key ${kmsKeyArn} cannot be used: it is Disabled.`), reason)
})

test('an answer is read again as the role of its job', async () => {
  await answered('read', '{"itemId": "i02"}')
  const batchSegmentJobArn = arnOf('read')
  const input = { batchSegmentJobArn, userId: 'u02', line: 1 }
  const explained = await call({ url: server.endpoint }, 'ExplainSegment', input)
  ok(explained.userCount > 0)
})

test('what is refused or missing fails the job, and its reason says so', async () => {
  await s.put('s3://segments/in.json', '{"itemId": "i00"}')
  const path = 's3://segments/in.json'
  match(await reasonOf('closed', path, { roleArn: closedRole }), refused)
  const cannotWrite = await reasonOf('reading', path, { roleArn: readingRole })
  match(cannotWrite, refused)
  match(cannotWrite, /PutObject s3:\/\/segments\/reading\/out\/_CHECK: Access Denied$/)
  equal(
    await reasonOf('missing', 's3://segments/none'),
    'Invalid S3 input path. There is no object under s3://segments/none.',
  )
  equal(
    await reasonOf('nowhere', 's3://no-such-bucket/x'),
    "Invalid S3 input path. s3://no-such-bucket/x: there is no bucket 'no-such-bucket'.",
  )
  const output = { jobOutput: { s3DataDestination: { path: 's3://no-such-bucket/' } } }
  match(await reasonOf('no-output', path, output), /^Invalid S3 output path\. .* no bucket/)
})

test('an import takes the first level of a folder, without the object of the folder itself', async () => {
  const { datasets } = await emptyShop(s, 'folders')
  const [header, ...rows] = smallShopFiles().Users.trimEnd().split('\n')
  await s.put('s3://imports/users/', '')
  await s.put('s3://imports/users/1.csv', [header, ...rows.slice(0, 9)].join('\n'))
  await s.put('s3://imports/users/2.csv', [header, ...rows.slice(9)].join('\n'))
  await s.put('s3://imports/users/old/3.csv', 'NOT,READ')
  const run = async (jobName: string, dataLocation: string, more: { roleArn?: string }) => {
    const { datasetImportJobArn } = await personalize.createDatasetImportJob({
      ...{ jobName, datasetArn: datasets.Users, dataSource: { dataLocation } },
      ...(more as { roleArn: string }),
    })
    return ended(
      async () =>
        (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
    )
  }
  const folder = await run('folder', 's3://imports/users/', { roleArn })
  equal(folder.failureReason, undefined)
  equal(folder.status, 'ACTIVE')
  const reason = async (...args: Parameters<typeof run>) => (await run(...args)).failureReason ?? ''
  match(await reason('closed', 's3://imports/users/', { roleArn: closedRole }), refused)
  match(await reason('nobody', 's3://imports/users/', {}), /The job has no roleArn\.$/)
  equal(
    await reason('missing', 's3://imports/none.csv', { roleArn }),
    'Invalid Data location. There is no object s3://imports/none.csv.',
  )
  match((await imported(s, 'bad', datasets.Users, 'USER_ID\nx')).failureReason!, /missing the/)
})

test('doctor asks S3 and STS with the keys of the server', async () => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    'doctor',
    '--data-dir',
    dataDir,
    ...flags,
  ])
  const said = `S3 answers at ${way.endpoint}, roles are assumed by arn:aws:iam::123456789012:user/server`
  match(stdout, new RegExp(`^ok   files: ${said}$`, 'm'))
})

test('what a killed server has begun to upload is given up, and written again', async () => {
  const line = '{"itemId": "i00", "numResults": 60}\n'
  const outBytes = (await answered('line', line)).length
  const count = Math.ceil((2.2 * 8 * 2 ** 20) / outBytes)
  await s.put('s3://segments/killed/in.json', line.repeat(count))
  const begun = Promise.withResolvers<void>()
  way.fault = ({ url }) => {
    if (!url!.includes('partNumber=2')) return undefined
    begun.resolve()
    return 'taken'
  }
  await create('killed', 's3://segments/killed/in.json')
  await begun.promise
  server.kill()
  const uploads = async () =>
    (await moto.s3.listMultipartUploads({ Bucket: 'segments' })).Uploads?.length ?? 0
  equal(await uploads(), 1)
  way.fault = () => undefined

  await sleep(200)
  personalize.destroy()
  server = await startServer(dataDir, flags)
  personalize = client(server.endpoint)
  const job = await jobEnded('killed', { ...s, personalize })
  equal(job.failureReason, undefined)
  equal((await s.read('s3://segments/killed/out/in.json.out')).split('\n').length, count + 1)
  equal(await uploads(), 0)
})
