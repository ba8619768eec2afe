/** What must stay true of where a batch segment job reads and writes: spec D.3, D.6, D.7. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { server } from './harness.ts'
import { segmentJobs } from './segmentJobs.ts'
import { smallShop, trained } from './smallShop.ts'

const s = await server({ after }, { OPENPERSONALIZE_QUOTA_ITEM_AFFINITY_LINES: '3' })
const byItem = await trained(s, await smallShop(s), 'aws-item-affinity')
const { answered, create, jobEnded, reasonOf } = segmentJobs(s, byItem)
await s.put('s3://segments/query.json', '{"itemId": "i00"}')

test('the input path is a prefix, and each object has its own answers', async () => {
  for (const name of ['part', 'part-1.json', 'part-2.json', 'other.json', 'part/deep.json'])
    if (name !== 'part') await s.put(`s3://segments/prefix/${name}`, '{"itemId": "i03"}\n')
  await create('prefix', 's3://segments/prefix/part')
  equal((await jobEnded('prefix')).status, 'ACTIVE')
  const names = await readdir(join(s.dataDir, 's3/segments/prefix/out'))
  deepEqual(names.sort(), ['_CHECK', 'deep.json.out', 'part-1.json.out', 'part-2.json.out'])
  equal(
    await s.read('s3://segments/prefix/out/part-1.json.out'),
    await s.read('s3://segments/prefix/out/deep.json.out'),
  )
})

test('an output path without its slash is a folder all the same', async () => {
  await s.put('s3://segments/slash.json', '{"itemId": "i00"}')
  await create('slash', 's3://segments/slash.json', {
    jobOutput: { s3DataDestination: { path: 's3://segments/slash/here' } },
  })
  equal((await jobEnded('slash')).status, 'ACTIVE')
  ok(await s.exists('s3://segments/slash/here/slash.json.out'))
  ok(await s.exists('s3://segments/slash/here/_CHECK'))
})

test('one empty object among others is answered by an empty one', async () => {
  await s.put('s3://segments/marked/_SUCCESS', '')
  await s.put('s3://segments/marked/part.json', '{"itemId": "i00"}')
  await create('marked', 's3://segments/marked/')
  equal((await jobEnded('marked')).status, 'ACTIVE')
  equal(await s.read('s3://segments/marked/out/_SUCCESS.out'), '')
})

const broken: [string, string, string | Uint8Array | undefined, RegExp][] = [
  [
    'missing',
    's3://segments/missing.json',
    undefined,
    /^Invalid S3 input path\. There is no object/,
  ],
  ['nobucket', 's3://no-such-bucket/in.json', undefined, /^Invalid S3 input path\. .*no bucket/],
  ['climbing', 's3://segments/../../../etc/passwd', undefined, /^Invalid S3 input path\. .*'\.\.'/],
  ['web', 'https://example.com/in.json', undefined, /^Invalid S3 input path\. .*not supported/],
  ['empty', 's3://segments/empty.json', '', /^Invalid S3 input path\. .*hold no line/],
  ['blank', 's3://segments/blank.json', '\n \n\n', /^Invalid S3 input path\. .*hold no line/],
  ['prose', 's3://segments/prose.json', 'i00\ni01\n', /^None of the 2 lines .* is JSON/],
  [
    'latin',
    's3://segments/latin.json',
    Buffer.from('{"itemId": "caf\xe9"}', 'latin1'),
    /latin\.json line 1 is not UTF-8/,
  ],
]
for (const [jobName, path, text, reason] of broken)
  test(`an input that cannot be read at all fails the job: ${jobName} [I]`, async () => {
    if (text !== undefined) await s.put(path, text)
    match(await reasonOf(jobName, path), reason)
  })

const unwritable: [string, string, RegExp][] = [
  ['outBucket', 's3://no-such-bucket/', /^Invalid S3 output path\. .*no bucket/],
  ['outClimbing', 's3://segments/../', /^Invalid S3 output path\. .*'\.\.'/],
  ['outWeb', 'http://example.com/', /^Invalid S3 output path\. .*not supported/],
  [
    'outBelow',
    's3://segments/query.json/below/',
    /^Invalid S3 output path\. .*'query.json' is an object/,
  ],
]
for (const [jobName, path, reason] of unwritable)
  test(`an output that cannot be written fails the job: ${path}`, async () => {
    const jobOutput = { s3DataDestination: { path } }
    match(await reasonOf(jobName, 's3://segments/query.json', { jobOutput }), reason)
  })

test('blank lines do not count against the quota of lines [I]', async () => {
  const lines = '{"itemId": "i00"}\n\n \n'.repeat(3)
  equal((await answered('blanks', lines)).split('\n').length, 3 + 1)
  await s.put('s3://segments/four.json', `${lines}{"itemId": "i00"}`)
  match(await reasonOf('four', 's3://segments/four.json'), /has more than 3 lines/)
})

test('answers that would replace an input, or each other, or become inputs, fail the job', async () => {
  await s.put('s3://segments/same/a', '{"itemId": "i00"}')
  const jobOutput = { s3DataDestination: { path: 's3://segments/same/' } }
  for (const [job, path] of Object.entries({
    same: 's3://segments/same/',
    samePrefix: 's3://segments/same',
  }))
    match(
      await reasonOf(job, path, { jobOutput }),
      /^Invalid S3 output path\. .*would become inputs.*choose another output folder/,
    )
  ok(!(await s.exists('s3://segments/same/_CHECK')))
  await s.put('s3://segments/same/a.out', '{"itemId": "i00"}')
  match(await reasonOf('replace', 's3://segments/same/a', { jobOutput }), /would replace the input/)
  await s.put('s3://segments/twins/1/a', '{"itemId": "i00"}')
  await s.put('s3://segments/twins/2/a', '{"itemId": "i00"}')
  match(await reasonOf('twins', 's3://segments/twins/'), /Two input files have the same name/)
})
