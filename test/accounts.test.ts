/**
 * What belongs to another account, or to another region, does not exist: each operation answers to its ARNs what it
 * answers to ARNs that nothing has, and changes nothing.
 */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { operation, type Service, shape } from '../src/contract.ts'
import { operations } from '../src/operations/index.ts'
import { listen } from '../src/wire/listen.ts'
import { client, ended, roleArn, roleBeside, type Server, server } from './harness.ts'
import { schemaTexts, smallShop, trained } from './smallShop.ts'
import { send, type Wanted } from './wireServer.ts'

const filterExpression = 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")'
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-accounts-'))
after(() => rm(folder, { recursive: true }))
const credentials = join(folder, 'keys.json')
const accounts = { test: '123456789012', other: '210987654321' }
const accessKeys = Object.entries(accounts).map(([name, account]) => ({
  accessKeyId: name,
  secretAccessKey: name,
  account,
}))
await writeFile(credentials, JSON.stringify({ accessKeys }))
const s = await server({ after }, { OPENPERSONALIZE_CREDENTIALS: credentials })
const elsewhere = await listen({ ...s.ctx, config: { ...s.ctx.config, region: 'eu-west-1' } })
after(() => elsewhere.close())

const [theirs, own] = await Promise.all([
  everyKind(s),
  everyKind({ ...s, personalize: client(s.url, 'us-east-1', 'other') }),
])
type Kind = keyof typeof theirs
const kinds = Object.keys(theirs) as Kind[]

/** One resource of each kind, by its ARN; both accounts use the same names. */
async function everyKind(s: Server) {
  const { personalize } = s
  const shop = await smallShop(s)
  const { datasetGroupArn } = shop
  const solutionVersionArn = await trained(s, shop, 'aws-item-affinity')
  const { filterArn = '' } = await personalize.createFilter({
    name: 'gold',
    datasetGroupArn,
    filterExpression,
  })
  await s.put('s3://accounts/in/lines.json', '{"itemId": "i00"}\n')
  const { batchSegmentJobArn = '' } = await personalize.createBatchSegmentJob({
    jobName: 'segments',
    solutionVersionArn,
    roleArn: roleBeside(solutionVersionArn),
    jobInput: { s3DataSource: { path: 's3://accounts/in/lines.json' } },
    jobOutput: { s3DataDestination: { path: `s3://accounts/${filterArn.split(':')[4]}/` } },
  })
  const job = await ended(
    async () => (await personalize.describeBatchSegmentJob({ batchSegmentJobArn })).batchSegmentJob,
  )
  equal(job.status, 'ACTIVE', job.failureReason)
  const { datasetImportJobs } = await personalize.listDatasetImportJobs({})
  return {
    schema: shop.schemas.Items,
    datasetGroup: datasetGroupArn,
    dataset: shop.datasets.Items,
    datasetImportJob: datasetImportJobs![0]!.datasetImportJobArn!,
    solution: solutionVersionArn.replace(/\/[^/]*$/, ''),
    solutionVersion: solutionVersionArn,
    filter: filterArn,
    batchSegmentJob: batchSegmentJobArn,
  }
}

/** Legal values of the members whose shape alone does not tell them; ARNs stand for themselves as `<whose> <kind>`. */
const samples: Record<string, string[]> = {
  name: ['shop', 'new'],
  jobName: ['segments', 'new'],
  schema: [schemaTexts.Items],
  filterExpression: [filterExpression],
  datasetType: ['Items', 'Users'],
  path: ['s3://accounts/in/lines.json', 's3://accounts/out/'],
  dataLocation: ['s3://accounts/in/lines.json'],
  roleArn: [roleArn],
  kmsKeyArn: ['arn:aws:kms:us-east-1:123456789012:key/1'],
  recipeList: ['arn:aws:personalize:::recipe/aws-item-affinity'],
  recipeArn: ['arn:aws:personalize:::recipe/aws-item-affinity'],
  schedulingExpression: ['rate(7 days)'],
  itemAttributes: ['Items.GENRES = "tea"'],
}

/** Inputs that the contract allows, from its shapes. */
function inputs(service: Service, shapeName: string, member = ''): fc.Arbitrary<unknown> {
  const {
    type,
    members = {},
    required = [],
    enum: words,
    min,
    max,
    ...rest
  } = shape(service, shapeName)
  const known = samples[member] ?? words
  if (known && type === 'string') return fc.constantFrom(...known)
  switch (type) {
    case 'structure':
      return fc.record(
        Object.fromEntries(
          Object.entries(members)
            .filter(([name]) => name !== 'nextToken')
            .map(([name, { shape }]) => [name, inputs(service, shape, name)]),
        ),
        { requiredKeys: required as string[] },
      )
    case 'list':
      return fc.array(inputs(service, rest.member!.shape, member), {
        minLength: Math.max(min ?? 0, 1),
        maxLength: Math.max(min ?? 0, 2),
      })
    case 'map':
      return fc.constant({})
    case 'boolean':
      return fc.boolean()
    case 'string':
      return member.endsWith('Arn') ? arns(member) : fc.constantFrom('u01', '7')
    default:
      return fc.integer({ min: min ?? 1, max: Math.min(max ?? 9, 9) })
  }
}

/** Mostly of the kind that the member wants. */
function arns(member: string): fc.Arbitrary<string> {
  const wanted = kinds.filter((kind) => member === `${kind}Arn`)
  const kind = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...(wanted.length > 0 ? wanted : kinds)) },
    { weight: 1, arbitrary: fc.constantFrom(...kinds) },
  )
  const whose = fc.constantFrom('their', 'their', 'own')
  return fc.tuple(whose, kind).map((words) => words.join(' '))
}

/** An input as JSON, with an ARN for each `their solution` and `own solution`. */
const written = (input: unknown, arnOf: (whose: string, kind: Kind) => string) =>
  JSON.stringify(input).replaceAll(/"(their|own) (\w+)"/g, (_, whose, kind) =>
    JSON.stringify(arnOf(whose, kind)),
  )
const nothingHas = (kind: Kind) => `${theirs[kind]}x`
const isAboutArns = (name: string) => {
  const { service, input } = operation(name)
  return Object.keys(shape(service, input!).members!).some(
    (member) => (member.endsWith('Arn') && !samples[member]) || member === 'segments',
  )
}

/** All rows of the database that callers can see or change. */
const rows = async () => ({
  resources: await s.ctx.db.kysely.selectFrom('resource').selectAll().orderBy('seq').execute(),
  tags: await s.ctx.db.kysely.selectFrom('tag').selectAll().orderBy('arn').orderBy('key').execute(),
})

const callers: Record<string, { url: string; wanted: Wanted; own: typeof theirs }> = {
  'another account': {
    url: s.url,
    wanted: { accessKeyId: 'other', secretAccessKey: 'other' },
    own,
  },
  'another region': {
    url: elsewhere.url,
    wanted: { region: 'eu-west-1' },
    // It has nothing of its own there.
    own: Object.fromEntries(kinds.map((kind) => [kind, `${theirs[kind]}y`])) as typeof theirs,
  },
}

const provider = ['DescribeAlgorithm', 'DescribeFeatureTransformation', 'DescribeRecipe']
const asked = Object.keys(operations).filter(
  (name) => isAboutArns(name) && !provider.includes(name),
)

for (const [who, caller] of Object.entries(callers))
  test(`to ${who}, each operation answers as if there were nothing`, async (t) => {
    ok(asked.length > 30, asked.join())
    const before = await rows()
    for (const name of asked)
      await t.test(name, async () => {
        const { service, target, input } = operation(name)
        let unfound = 0
        const ask = async (document: unknown, their: (kind: Kind) => string) => {
          const body = written(document, (whose, kind) =>
            whose === 'own' ? caller.own[kind] : their(kind),
          ).replaceAll(roleArn, roleBeside(caller.own.dataset))
          const { status, text } = await send(caller.url, {
            ...caller.wanted,
            target: target!,
            body,
          })
          return { status, text }
        }
        const documents = inputs(service, input!).filter((each) =>
          JSON.stringify(each).includes('"their '),
        )
        await fc.assert(
          fc.asyncProperty(documents, async (document) => {
            const found = await ask(document, (kind) => theirs[kind])
            const none = await ask(document, nothingHas)
            const text = kinds.reduce(
              (rest, kind) => rest.replaceAll(nothingHas(kind), theirs[kind]),
              none.text,
            )
            deepEqual(found, { ...none, text })
            if (name.startsWith('List') && found.status === 200) {
              const [list] = Object.values(JSON.parse(found.text))
              deepEqual(list, [])
              unfound++
            } else {
              equal(found.status, 400, found.text)
              ok(!/validation error|Serialization/.test(found.text), found.text)
              if (found.text.includes('ResourceNotFoundException')) unfound++
            }
          }),
          // Few of the members of ExplainSegment may stand together.
          { numRuns: name === 'ExplainSegment' ? 200 : 25, seed: 11 },
        )
        ok(unfound > 0, 'some inputs are good but for the ARN')
        deepEqual(await rows(), before)
      })
  })

test("lists show what is the caller's, and all of it", async () => {
  for (const name of Object.keys(operations).filter((each) => /^List.*s$/.test(each))) {
    if (name === 'ListRecipes') continue
    const { target } = operation(name)
    const arnsFor = async (url: string, wanted: Wanted) => {
      const { text, status } = await send(url, { ...wanted, target: target! })
      equal(status, 200)
      return [...text.matchAll(/"\w+Arn":"([^"]+)"/g)].map(([, arn]) => arn!.split(':')[4]!)
    }
    const first = await arnsFor(s.url, {})
    const second = await arnsFor(s.url, callers['another account']!.wanted)
    deepEqual(
      [...new Set(first)].filter((each) => each !== ''),
      [accounts.test],
      name,
    )
    deepEqual(
      [...new Set(second)].filter((each) => each !== ''),
      [accounts.other],
      name,
    )
    equal(second.length, first.length)
    deepEqual(await arnsFor(elsewhere.url, callers['another region']!.wanted), [])
  }
})

test('names and ARNs that differ in the account only are different resources', () => {
  for (const kind of kinds) {
    match(own[kind], new RegExp(`:${accounts.other}:`))
    ok(theirs[kind] !== own[kind])
  }
})

test('a nextToken is good for one account in one region', async () => {
  const other = client(s.url, 'us-east-1', 'other')
  const abroad = client(elsewhere.url, 'eu-west-1')
  const { nextToken } = await s.personalize.listSchemas({ maxResults: 1 })
  ok(nextToken)
  for (const stranger of [other, abroad])
    await rejects(stranger.listSchemas({ nextToken }), { name: 'InvalidNextTokenException' })
  equal((await s.personalize.listSchemas({ nextToken, maxResults: 1 })).schemas?.length, 1)
})
