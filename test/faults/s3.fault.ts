// Rule: whatever befalls single requests to S3, jobs end well, and outputs have the bytes of a quiet run.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startServer } from '../../src/cli/serverProcess.ts'
import { client, roleArn } from '../harness.ts'
import { type Fault, faultyWay, refuse } from '../s3/faults.ts'
import { allow, startMoto } from '../s3/moto.ts'
import { segmentJobs } from '../segmentJobs.ts'
import { emptyShop, imported, smallShop, smallShopFiles, trained } from '../smallShop.ts'
import { folderFor } from './load.ts'
import { type Chance, chance, times } from './seed.ts'

const jobCount = times(5)

test('S3 refuses, cuts, is slow and loses its answers', async (t) => {
  const random = chance(t)
  const moto = await startMoto({ after })
  const way = await faultyWay({ after }, moto.endpoint)
  for (const Bucket of ['imports', 'segments']) await moto.s3.createBucket({ Bucket })
  equal(await moto.role('PersonalizeRole', [allow('s3:*')]), roleArn)
  const dataDir = await folderFor(t)
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'own' })
  const flags = ['--log-level', 'error', '--database-url', '', '--endpoint-url-s3', way.endpoint]
  const server = await startServer(dataDir, flags)
  t.after(() => server.stop())
  const personalize = client(server.endpoint)
  t.after(() => personalize.destroy())
  const at = (url: string) => {
    const [, , Bucket = '', ...key] = url.split('/')
    return { Bucket, Key: key.join('/') }
  }
  const s = {
    personalize,
    put: async (url: string, content: string | Uint8Array) => {
      await moto.s3.putObject({ ...at(url), Body: Buffer.from(content) })
    },
    read: async (url: string) => (await moto.s3.getObject(at(url))).Body!.transformToString(),
  }
  const version = await trained(s, await smallShop(s), 'aws-item-affinity')
  const { answered, create, jobEnded } = segmentJobs(s, version)
  const line = '{"itemId": "i00", "numResults": 60}\n'
  const outBytes = (await answered('line', line)).length
  // One output goes at once, the other in parts.
  const long = line.repeat(Math.ceil((1.2 * 8 * 2 ** 20) / outBytes))
  await s.put('s3://segments/in/short.json', line.repeat(20))
  await s.put('s3://segments/in/long.json', long)
  const outputs = async (name: string) => {
    const { Contents = [] } = await moto.s3.listObjectsV2({
      Bucket: 'segments',
      Prefix: `${name}/out/`,
    })
    const found = Contents.map(async ({ Key }) => {
      const text = await s.read(`s3://segments/${Key}`)
      return [Key!.slice(name.length), createHash('sha256').update(text).digest('hex')]
    })
    return Promise.all(found)
  }
  await create('quiet', 's3://segments/in/')
  equal((await jobEnded('quiet')).status, 'ACTIVE')
  const expected = await outputs('quiet')
  equal(expected.length, 3)
  const empty = await emptyShop(s, 'faulty')

  const counts: Record<string, number> = {}
  way.fault = fates(random, counts)
  for (let n = 0; n < jobCount; n++) {
    const name = `faulty-${n}`
    await create(name, 's3://segments/in/')
    const [segments, users] = await Promise.all([
      jobEnded(name),
      imported(s, name, empty.datasets.Users, smallShopFiles().Users),
    ])
    for (const { status, failureReason } of [segments, users])
      equal(status, 'ACTIVE', failureReason)
    deepEqual(await outputs(name), expected)
  }
  t.diagnostic(`${jobCount} times two jobs: ${JSON.stringify(counts)}`)
  ok(Object.keys(counts).length > 1, 'something befell a request')
})

/** What befalls each request, by chance, and how often each befell one. */
function fates({ between }: Chance, counts: Record<string, number>): Fault {
  return async (asked, answer) => {
    const chosen = between(0, 100)
    const is = (fate: string) => {
      counts[fate] = (counts[fate] ?? 0) + 1
    }
    if (chosen < 8) {
      is('refused')
      const [status, code] =
        chosen < 4 ? ([500, 'InternalError'] as const) : ([503, 'SlowDown'] as const)
      asked.resume()
      await once(asked, 'end')
      return refuse(answer, status, code)
    }
    if (chosen < 12) {
      is('cut')
      asked.socket.destroy()
      return 'taken'
    }
    if (chosen < 16) {
      is('cut short')
      return Math.floor(between(1, 2000))
    }
    if (chosen < 20) {
      is('lost')
      return 'lost'
    }
    if (chosen < 30) {
      is('slow')
      await sleep(between(50, 500))
      return undefined
    }
    is('passed')
    return undefined
  }
}
