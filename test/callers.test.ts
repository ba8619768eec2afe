/** What a caller's policies allow is done, everything else is refused as AWS refuses it, and nothing is written. */
import { deepEqual, doesNotMatch, equal, match, ok, rejects } from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Personalize } from '@aws-sdk/client-personalize'
import { stringify } from 'yaml'
import { arnTypes } from '../src/arn.ts'
import { operationNames } from '../src/contract.ts'
import { plainAddress } from '../src/wire/request.ts'
import { roleArn, server } from './harness.ts'
import { schemaTexts } from './smallShop.ts'
import { testServer } from './testDatabase.ts'
import { send } from './wireServer.ts'

const account = '123456789012'
const secretAccessKey = 'never/SHOWN+anywhere'
const arn = (path: string) => `arn:aws:personalize:us-east-1:${account}:${path}`
const allow = (Action: string | string[], Resource: string | string[] = '*', Condition = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  Condition,
})
const deny = (...parts: Parameters<typeof allow>) => ({ ...allow(...parts), Effect: 'Deny' })

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-callers-'))
after(() => rm(folder, { recursive: true }))
const credentials = join(folder, 'keys.yaml')

/** The file's keys: each has the name and the statements of one of these. */
async function writeKeys(users: Record<string, object[] | undefined>) {
  const accessKeys = Object.entries(users).map(([name, Statement]) => ({
    accessKeyId: name,
    secretAccessKey,
    name,
    ...(Statement && { policies: [{ Version: '2012-10-17', Statement }] }),
  }))
  await writeFile(credentials, stringify({ accessKeys }))
}

const users = {
  owner: undefined,
  nobody: [],
  reader: [allow(['personalize:Describe*', 'personalize:List*'])],
  careful: [allow('personalize:*'), deny('personalize:Delete*', arn('dataset-group/kept'))],
  maker: [
    allow('personalize:Create*', arn('dataset-group/red*')),
    allow('personalize:TagResource', '*', { StringEquals: { 'aws:RequestTag/team': 'red' } }),
    deny('personalize:*', '*', { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['secret'] } }),
    allow('personalize:UntagResource'),
  ],
  red: [allow('personalize:*', '*', { StringEquals: { 'aws:ResourceTag/team': 'red' } })],
  passer: [
    allow('personalize:*'),
    allow('iam:PassRole', 'arn:aws:iam::*:role/Personalize*', {
      StringEquals: { 'iam:PassedToService': 'personalize.amazonaws.com' },
    }),
  ],
  importer: [allow('personalize:*')],
  segmenter: [allow('personalize:CreateBatchSegmentJob', arn('batch-segment-job/*'))],
  inside: [allow('personalize:ListSchemas', '*', { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } })],
  outside: [
    allow('personalize:ListSchemas'),
    deny('*', '*', { NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }),
  ],
  encrypted: [
    allow('personalize:ListSchemas'),
    deny('*', '*', { Bool: { 'aws:SecureTransport': 'false' } }),
  ],
  own: [allow('personalize:*', arn(`dataset-group/\${aws:username}-*`))],
}
await writeKeys(users)
const s = await server({ after }, { OPENPERSONALIZE_CREDENTIALS: credentials })

const as = (name: string) => {
  const personalize = new Personalize({
    endpoint: s.url,
    region: 'us-east-1',
    credentials: { accessKeyId: name, secretAccessKey },
    maxAttempts: 1,
  })
  after(() => personalize.destroy())
  return personalize
}
const owner = as('owner')
for (const [name, team] of [
  ['kept', 'red'],
  ['shop', 'blue'],
  ['plain', undefined],
] as const)
  await owner.createDatasetGroup({ name, tags: team ? [{ tagKey: 'Team', tagValue: team }] : [] })
const group = (name: string) => ({ datasetGroupArn: arn(`dataset-group/${name}`) })

/** Asserts AWS's error, whole. */
const refuses = (
  promise: Promise<unknown>,
  user: string,
  action: string,
  resource: string,
  why: 'unmentioned' | 'denied' = 'unmentioned',
) =>
  rejects(promise, {
    name: 'AccessDeniedException',
    message:
      `User: arn:aws:iam::${account}:user/${user} is not authorized to perform: ${action} on resource: ${resource} ` +
      (why === 'denied'
        ? 'with an explicit deny in an identity-based policy'
        : `because no identity-based policy allows the ${action} action`),
  })

test('a key without policies may do everything in its account, one with none of them nothing', async () => {
  ok((await owner.listDatasetGroups({})).datasetGroups?.length)
  await refuses(as('nobody').listDatasetGroups({}), 'nobody', 'personalize:ListDatasetGroups', '*')
})

test('AccessDeniedException is 400 for awsJson and 403 for REST', async () => {
  for (const [wanted, status] of [
    [{ target: 'ListSchemas' }, 400],
    [
      {
        path: '/recommendations',
        body: JSON.stringify({ campaignArn: arn('campaign/x') }),
      },
      403,
    ],
  ] as const) {
    const answer = await send(s.url, { ...wanted, accessKeyId: 'nobody', secretAccessKey })
    deepEqual([answer.status, answer.code], [status, 'AccessDeniedException'])
    equal(answer.headers.get('x-amzn-errortype'), 'AccessDeniedException')
  }
})

test('wildcards in actions: a reader reads and changes nothing', async () => {
  const reader = as('reader')
  ok((await reader.describeDatasetGroup(group('shop'))).datasetGroup)
  ok((await reader.listRecipes({})).recipes)
  const kept = arn('dataset-group/shop')
  await refuses(
    reader.deleteDatasetGroup(group('shop')),
    'reader',
    'personalize:DeleteDatasetGroup',
    kept,
  )
  const made = reader.createDatasetGroup({ name: 'new' })
  await refuses(made, 'reader', 'personalize:CreateDatasetGroup', arn('dataset-group/new'))
  ok(!(await owner.listDatasetGroups({})).datasetGroups?.some(({ name }) => name === 'new'))
})

test('an explicit Deny counts before every Allow, and says so', async () => {
  const careful = as('careful')
  await careful.createDatasetGroup({ name: 'gone' })
  await careful.deleteDatasetGroup(group('gone'))
  await refuses(
    careful.deleteDatasetGroup(group('kept')),
    'careful',
    'personalize:DeleteDatasetGroup',
    arn('dataset-group/kept'),
    'denied',
  )
})

test('shape is checked before policies, existence after them', async () => {
  await rejects(as('nobody').listSchemas({ maxResults: 0 }), { name: 'InvalidInputException' })
  const missing = { filterArn: arn('filter/none') }
  await refuses(
    as('nobody').describeFilter(missing),
    'nobody',
    'personalize:DescribeFilter',
    missing.filterArn,
  )
  await rejects(as('reader').describeFilter(missing), { name: 'ResourceNotFoundException' })
})

test('what is not built is refused to whom it is not allowed, too', async () => {
  const campaignArn = arn('campaign/x')
  await refuses(
    as('nobody').describeCampaign({ campaignArn }),
    'nobody',
    'personalize:DescribeCampaign',
    campaignArn,
  )
  await rejects(as('reader').describeCampaign({ campaignArn }), {
    name: 'UnsupportedOperationException',
  })
})

test('tags of a request: creating with tags needs TagResource; aws:RequestTag and aws:TagKeys', async () => {
  const maker = as('maker')
  const tag = (tagKey: string, tagValue: string) => ({ tagKey, tagValue })
  const redArn = arn('dataset-group/red1')
  const create = (...tags: { tagKey: string; tagValue: string }[]) =>
    maker.createDatasetGroup({ name: 'red1', tags })
  await refuses(create(tag('team', 'blue')), 'maker', 'personalize:TagResource', redArn)
  await refuses(
    create(tag('team', 'red'), tag('secret', '')),
    'maker',
    'personalize:CreateDatasetGroup',
    redArn,
    'denied',
  )
  // Keys that differ in case only are two tags, and one condition key.
  for (const tags of [
    [tag('team', 'red'), tag('TEAM', 'blue')],
    [tag('Team', 'blue'), tag('team', 'red')],
  ])
    await refuses(create(...tags), 'maker', 'personalize:TagResource', redArn)
  await create(tag('TEAM', 'red'))
  const blue = maker.createDatasetGroup({ name: 'blue1' })
  await refuses(blue, 'maker', 'personalize:CreateDatasetGroup', arn('dataset-group/blue1'))
  await maker.createDatasetGroup({ name: 'red2' })
  const untag = (tagKeys: string[]) => maker.untagResource({ resourceArn: redArn, tagKeys })
  await refuses(untag(['a', 'secret']), 'maker', 'personalize:UntagResource', redArn, 'denied')
  await untag(['a'])
})

test('tags of a resource: aws:ResourceTag, whatever the case of its key', async () => {
  const red = as('red')
  await owner.createDatasetGroup({
    name: 'both',
    tags: [
      { tagKey: 'team', tagValue: 'red' },
      { tagKey: 'TEAM', tagValue: 'blue' },
    ],
  })
  ok((await red.describeDatasetGroup(group('kept'))).datasetGroup)
  for (const name of ['shop', 'plain', 'none', 'both'])
    await refuses(
      red.describeDatasetGroup(group(name)),
      'red',
      'personalize:DescribeDatasetGroup',
      arn(`dataset-group/${name}`),
    )
})

test('iam:PassRole is needed for the role that a request names', async () => {
  const input = {
    jobName: 'import',
    datasetArn: arn('dataset/shop/USERS'),
    dataSource: { dataLocation: 's3://b/k' },
  }
  const create = (name: string, role: string) =>
    as(name).createDatasetImportJob({ ...input, roleArn: role })
  await refuses(create('importer', roleArn), 'importer', 'iam:PassRole', roleArn)
  const other = `arn:aws:iam::${account}:role/Other`
  await refuses(create('passer', other), 'passer', 'iam:PassRole', other)
  await rejects(create('passer', roleArn), { name: 'ResourceNotFoundException' })
})

test('a role of another account is passed by nobody, whatever its policies are', async () => {
  const datasetArn = arn('dataset/shop/USERS')
  const dataSource = { dataLocation: 's3://b/k' }
  for (const name of ['owner', 'passer'])
    for (const foreign of [
      roleArn.replace(account, '210987654321'),
      `arn:aws:iam::210987654321:role/iam/${account}/role/PersonalizeRole`,
      `arn:aws:iam::${account}:rolePersonalizeRole`,
    ]) {
      const input = { jobName: 'import', datasetArn, dataSource, roleArn: foreign }
      await refuses(as(name).createDatasetImportJob(input), name, 'iam:PassRole', foreign)
    }
  const own = roleArn.replace('arn:aws:', 'arn:aws-cn:')
  const input = { jobName: 'import', datasetArn, dataSource, roleArn: own }
  await rejects(owner.createDatasetImportJob(input), { name: 'ResourceNotFoundException' })
})

test('an operation needs its permission on everything that it names, also deep inside', async () => {
  const solutionVersionArn = arn('solution/red/1')
  const job = {
    jobName: 'job',
    solutionVersionArn,
    jobInput: { s3DataSource: { path: 's3://b/in' } },
    jobOutput: { s3DataDestination: { path: 's3://b/out/' } },
    roleArn,
  }
  const action = 'personalize:CreateBatchSegmentJob'
  await refuses(as('segmenter').createBatchSegmentJob(job), 'segmenter', action, solutionVersionArn)
  const segments = ['a', 'b'].map((name) => ({
    batchSegmentJobArn: arn(`batch-segment-job/${name}`),
    line: 1,
  }))
  const answer = await send(s.url, {
    target: 'OpenPersonalize.CompareSegments',
    body: JSON.stringify({ segments }),
    accessKeyId: 'segmenter',
    secretAccessKey,
  })
  match(answer.message!, /to perform: personalize:CompareSegments on resource: .*job\/a because/)
})

test('a dataset is asked for by the ARN that it will have, a solution version by its solution', async () => {
  const schemaArn = arn('schema/x')
  const dataset = { name: 'x', datasetType: 'users', schemaArn, ...group('shop') }
  const nobody = as('nobody')
  await refuses(
    nobody.createDataset(dataset),
    'nobody',
    'personalize:CreateDataset',
    arn('dataset/shop/USERS'),
  )
  const solutionArn = arn('solution/x')
  await refuses(
    nobody.createSolutionVersion({ solutionArn }),
    'nobody',
    'personalize:CreateSolutionVersion',
    solutionArn,
  )
})

test('aws:SourceIp and aws:SecureTransport are those of the connection, whatever headers say', async () => {
  ok((await as('inside').listSchemas({})).schemas)
  const action = 'personalize:ListSchemas'
  await refuses(as('outside').listSchemas({}), 'outside', action, '*', 'denied')
  await refuses(as('encrypted').listSchemas({}), 'encrypted', action, '*', 'denied')
  for (const accessKeyId of ['outside', 'encrypted']) {
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' }
    const wanted = { target: 'ListSchemas', headers, accessKeyId, secretAccessKey }
    equal((await send(s.url, wanted)).code, 'AccessDeniedException')
  }
})

test('an address is the same, however its socket writes it', () => {
  for (const [written, address] of [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:1', '::ffff:1'],
    ['2001:db8::1', '2001:db8::1'],
    [undefined, ''],
  ])
    equal(plainAddress(written), address)
})

test('each noun that can be created has a word for its ARN', () => {
  const created = operationNames.flatMap((name) => /^Create(.*)/.exec(name)?.[1] ?? [])
  ok(created.length > 10)
  for (const noun of created)
    ok(Object.hasOwn(arnTypes, noun.charAt(0).toLowerCase() + noun.slice(1)), noun)
})

test('variables: a caller has what is named after it', async () => {
  const own = as('own')
  await own.createDatasetGroup({ name: 'own-1' })
  await refuses(
    own.createDatasetGroup({ name: 'other-1' }),
    'own',
    'personalize:CreateDatasetGroup',
    arn('dataset-group/other-1'),
  )
})

test('policies that change count a moment later, without a restart', async () => {
  const reader = as('reader')
  const create = () => reader.createSchema({ name: 'late', schema: schemaTexts.Users })
  await rejects(create(), { name: 'AccessDeniedException' })
  await writeKeys({ ...users, reader: [allow('personalize:*')] })
  for (let tries = 0; ; tries++) {
    const made = await create().catch((error: Error) => error)
    if (!(made instanceof Error)) break
    equal(made.name, 'AccessDeniedException')
    ok(tries < 100, 'within 10 s')
    await sleep(100)
  }
})

test('no secret is in the data directory', async () => {
  const entries = await readdir(s.dataDir, { recursive: true, withFileTypes: true })
  let bytes = 0
  for (const entry of entries.filter((each) => each.isFile())) {
    const content = await readFile(join(entry.parentPath, entry.name))
    bytes += content.length
    ok(!content.includes(secretAccessKey), entry.name)
  }
  // The embedded database is among them.
  ok(testServer !== undefined || bytes > 1e6)
  const { kysely } = s.ctx.db
  const rows = JSON.stringify(await kysely.selectFrom('resource').selectAll().execute())
  match(rows, /own-1/)
  doesNotMatch(rows, /SHOWN/)
})
