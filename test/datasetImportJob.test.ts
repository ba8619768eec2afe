/** What must stay true of dataset import jobs: spec E.6, E.7, D.9, J.3. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ended, roleArn, server } from './harness.ts'
import { emptyShop, filesLeft, imported, smallShopFiles } from './smallShop.ts'

const s = await server({ after })
const { personalize } = s
const shop = await emptyShop(s)
const files = smallShopFiles()
const arnOf = (name: string) =>
  `arn:aws:personalize:us-east-1:123456789012:dataset-import-job/${name}`

const create = (jobName: string, dataLocation: string, more = {}) =>
  personalize.createDatasetImportJob({
    jobName,
    datasetArn: shop.datasets.Users,
    dataSource: { dataLocation },
    roleArn,
    ...more,
  })
const jobEnded = (datasetImportJobArn: string | undefined) =>
  ended(
    async () =>
      (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
  )
/** Why an import of this text into Users fails. */
async function reasonOf(jobName: string, text: string | Uint8Array): Promise<string> {
  const job = await imported(s, jobName, shop.datasets.Users, text)
  equal(job.status, 'CREATE FAILED')
  return job.failureReason ?? ''
}

describe('shape', () => {
  test('DescribeDatasetImportJob echoes the request with its defaults [D26]', async () => {
    const dataLocation = 's3://imports/users.csv'
    await s.put(dataLocation, files.Users)
    const { $metadata: _, ...answer } = await create('echo', dataLocation, {
      tags: [{ tagKey: 'a', tagValue: 'b' }],
    })
    deepEqual(answer, { datasetImportJobArn: arnOf('echo') })
    const { creationDateTime, lastUpdatedDateTime, ...rest } = await jobEnded(arnOf('echo'))
    deepEqual(rest, {
      jobName: 'echo',
      datasetImportJobArn: arnOf('echo'),
      datasetArn: shop.datasets.Users,
      dataSource: { dataLocation },
      roleArn,
      importMode: 'FULL',
      publishAttributionMetricsToS3: false,
      status: 'ACTIVE',
    })
    ok(lastUpdatedDateTime! >= creationDateTime!)
  })

  test('the list has summaries, of one dataset or of all', async () => {
    await imported(s, 'itemsToo', shop.datasets.Items, files.Items)
    const { datasetImportJobs } = await personalize.listDatasetImportJobs({
      datasetArn: shop.datasets.Items,
    })
    deepEqual(
      datasetImportJobs?.map((job) => Object.keys(job).sort()),
      [
        [
          'creationDateTime',
          'datasetImportJobArn',
          'importMode',
          'jobName',
          'lastUpdatedDateTime',
          'status',
        ],
      ],
    )
    equal((await personalize.listDatasetImportJobs({})).datasetImportJobs?.length, 2)
  })
})

describe('meaning', () => {
  test('a job name is taken for good', async () => {
    await rejects(create('echo', 's3://imports/users.csv'), {
      name: 'ResourceAlreadyExistsException',
      message: `Another resource with Arn ${arnOf('echo')} already exists.`,
    })
  })

  test('an INCREMENTAL import needs a FULL one before it [M docs]', async () => {
    await rejects(
      create('early', 's3://imports/users.csv', {
        datasetArn: shop.datasets.Interactions,
        importMode: 'INCREMENTAL',
      }),
      { name: 'InvalidInputException', message: /no bulk import yet.*must be FULL/ },
    )
  })

  test('without a credentials file the role may be of any account', async () => {
    const { datasetImportJobArn } = await create('abroad', 's3://imports/users.csv', {
      roleArn: 'arn:aws:iam::210987654321:role/PersonalizeRole',
    })
    equal((await jobEnded(datasetImportJobArn)).status, 'ACTIVE')
  })

  test('roleArn may be left out, as the model has it', async () => {
    const { datasetImportJobArn } = await create('roleless', 's3://imports/users.csv', {
      roleArn: undefined,
    })
    const job = await jobEnded(datasetImportJobArn)
    equal(job.status, 'ACTIVE')
    ok(!('roleArn' in job))
  })
})

describe('effect', () => {
  test('a FULL import replaces the files of earlier ones, an INCREMENTAL one adds', async () => {
    const folder = join(s.dataDir, 'datasets', 'shop', 'INTERACTIONS')
    const { Interactions: text } = files
    const { Interactions: datasetArn } = shop.datasets
    await imported(s, 'first', datasetArn, text)
    equal((await readdir(folder)).length, 1)
    await imported(s, 'more', datasetArn, text, 'INCREMENTAL')
    equal((await readdir(folder)).length, 2)
    await imported(s, 'anew', datasetArn, text)
    await filesLeft(folder, 1)
  })

  test('a failed import leaves the data as they were', async () => {
    const folder = join(s.dataDir, 'datasets', 'shop', 'USERS')
    const before = await readdir(folder)
    await reasonOf('spoiled', 'USER_ID,AGE,MEMBERSHIP\nu1,old,gold\n')
    deepEqual(await readdir(folder), before)
  })
})

describe('work', () => {
  test('columns are found by header name, others are ignored', async () => {
    const job = await imported(
      s,
      'shuffled',
      shop.datasets.Users,
      'EXTRA,MEMBERSHIP,USER_ID,AGE\nx,gold,u1,30\n',
    )
    equal(job.status, 'ACTIVE')
  })

  test('a folder means its first level; headers must agree', async () => {
    await s.put('s3://imports/folder/1.csv', 'USER_ID,AGE,MEMBERSHIP\nu1,1,gold\n')
    await s.put('s3://imports/folder/2.csv', 'USER_ID,AGE,MEMBERSHIP\nu2,2,gold\n')
    await s.put('s3://imports/folder/below/3.csv', 'this is not read')
    equal(
      (await jobEnded((await create('folder', 's3://imports/folder/')).datasetImportJobArn)).status,
      'ACTIVE',
    )
    await s.put('s3://imports/folder/4.csv', 'AGE,USER_ID,MEMBERSHIP\n4,u4,gold\n')
    const job = await jobEnded((await create('mixed', 's3://imports/folder/')).datasetImportJobArn)
    equal(job.status, 'CREATE FAILED')
    match(job.failureReason ?? '', /all files must have the same/)
  })

  test('what Spark and Glue write beside the data of a folder is left out', async () => {
    const folder = 's3://imports/spark/'
    for (const name of ['_SUCCESS', '_metadata', '.part-0.csv.crc', 'part-1.csv'])
      await s.put(`${folder}${name}`, name.startsWith('_m') ? 'PAR1' : '')
    const empty = await jobEnded((await create('nothing-yet', folder)).datasetImportJobArn)
    match(empty.failureReason ?? '', /is empty; its first line must name the columns/)
    await s.put(`${folder}part-0.csv`, 'USER_ID,AGE,MEMBERSHIP\nu1,1,gold\n')
    const job = await jobEnded((await create('spark', folder)).datasetImportJobArn)
    equal(job.failureReason, undefined)
  })

  const locations: [string, string, RegExp][] = [
    ['nothing', 's3://imports/nothing.csv', /^Invalid Data location\. There is no object/],
    ['prefix', 's3://imports/users', /^Invalid Data location\./],
    ['bucket', 's3://no-such-bucket/users.csv', /^Invalid Data location\. .*no bucket/],
    ['climb', 's3://imports/../../users.csv', /^Invalid Data location\. .*'\.\.' cannot be part/],
    ['web', 'https://example.com/users.csv', /^Invalid Data location\. .*not supported/],
  ]
  for (const [jobName, dataLocation, reason] of locations)
    test(`the location ${dataLocation} fails the job`, async () => {
      const job = await jobEnded((await create(jobName, dataLocation)).datasetImportJobArn)
      equal(job.status, 'CREATE FAILED')
      match(job.failureReason ?? '', reason)
    })

  test('a missing column is named in AWS words [D23]', async () => {
    equal(
      await reasonOf('columns', 'USER_ID\nu1\n'),
      'Input CSV is missing the following columns:[AGE, MEMBERSHIP].',
    )
  })

  test('bad rows are counted, and the first are quoted with line, column and value', async () => {
    const reason = await reasonOf(
      'rows',
      'USER_ID,AGE,MEMBERSHIP\nu1,30,gold\nu2,young,gold\n,31,gold\nu4,32\nu5,1.5,gold\nu6,33,gold\n',
    )
    match(reason, /^4 of 6 rows are not valid\. /)
    match(reason, /line 3: AGE 'young' is not an integer/)
    match(reason, /line 4: USER_ID is empty/)
    match(reason, /line 5: has 2 values, the header has 3/)
    match(reason, /; \.\.\.$/)
  })

  const texts: [string, string | Uint8Array, RegExp][] = [
    ['empty', '', /is empty; its first line must name the columns/],
    ['headerOnly', 'USER_ID,AGE,MEMBERSHIP\n', /has no rows after the header/],
    ['quote', 'USER_ID,AGE,MEMBERSHIP\nu1,30,"gold\n', /1 of 1 rows.*a quote is not closed/],
    ['latin', Buffer.from('USER_ID,AGE,MEMBERSHIP\nu1,30,g\xf6ld\n', 'latin1'), /not UTF-8/],
    ['nulByte', 'USER_ID,AGE,MEMBERSHIP\nu1,30,go\0ld\n', /line 2 holds a NUL/],
    [
      'longId',
      `USER_ID,AGE,MEMBERSHIP\n${'u'.repeat(257)},30,gold\n`,
      /^Length cannot be more than 256 characters for USER_ID\./,
    ],
    ['json', '{"USER_ID": "u1"}\n', /missing the following columns|quote/],
  ]
  for (const [jobName, text, reason] of texts)
    test(`a malformed CSV fails the job and says why: ${jobName}`, async () => {
      match(await reasonOf(jobName, text), reason)
    })

  test('jobs that wait are taken up as soon as another ends', async () => {
    const began = Date.now()
    const names = Array.from({ length: 8 }, (_, n) => `queued${n}`)
    await Promise.all(names.map((name) => imported(s, name, shop.datasets.Users, files.Users)))
    ok(Date.now() - began < 9000, 'nobody waits for a polling interval of the queue')
  })

  test('more bytes than the quota fail the job', async (t) => {
    const small = await server(t, { OPENPERSONALIZE_QUOTA_FULL_IMPORT_BYTES: '100' })
    const { datasets } = await emptyShop(small)
    const job = await imported(small, 'large', datasets.Users, files.Users)
    equal(job.status, 'CREATE FAILED')
    match(job.failureReason ?? '', /one FULL import takes at most 100/)
  })
})
