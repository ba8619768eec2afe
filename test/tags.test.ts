/** What must stay true of tags: spec C.13, B.5. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { server } from './harness.ts'
import { emptyShop } from './smallShop.ts'

const s = await server({ after })
const { personalize } = s
const shop = await emptyShop(s)
const resourceArn = shop.datasetGroupArn
const tagsOf = async (arn = resourceArn) =>
  (await personalize.listTagsForResource({ resourceArn: arn })).tags
const tag = (key: string, value = '') => ({ tagKey: key, tagValue: value })
const many = (count: number, prefix = 'k') =>
  Array.from({ length: count }, (_, n) => tag(`${prefix}${String(n).padStart(3, '0')}`, `${n}`))

describe('shape', () => {
  test('tags are listed by tagKey and tagValue, and a resource without has an empty list', async () => {
    deepEqual(await tagsOf(), [])
    await personalize.tagResource({ resourceArn, tags: [tag('team', 'a b'), tag('größe', 'ü/=@')] })
    deepEqual(await tagsOf(), [tag('größe', 'ü/=@'), tag('team', 'a b')])
    await personalize.untagResource({ resourceArn, tagKeys: ['team', 'größe', 'never'] })
    deepEqual(await tagsOf(), [])
  })
})

describe('meaning', () => {
  test('50 tags are allowed, one more is not, and then none of the request is kept [D23]', async () => {
    await personalize.tagResource({ resourceArn, tags: many(49) })
    await rejects(personalize.tagResource({ resourceArn, tags: many(2, 'x') }), {
      name: 'TooManyTagsException',
      message: 'The resource would have 51 tags; at most 50 are allowed.',
    })
    equal((await tagsOf())?.length, 49)
    await personalize.tagResource({ resourceArn, tags: [tag('x'), tag('k000', 'new')] })
    equal((await tagsOf())?.length, 50)
    await personalize.untagResource({ resourceArn, tagKeys: many(49).map(({ tagKey }) => tagKey) })
    deepEqual(await tagsOf(), [tag('x')])
  })

  test('a resource created with too many tags is not created', async () => {
    await rejects(personalize.createDatasetGroup({ name: 'tagged', tags: many(51) }), {
      name: 'TooManyTagsException',
    })
    const { datasetGroups } = await personalize.listDatasetGroups({})
    deepEqual(
      datasetGroups?.map(({ name }) => name),
      ['shop'],
    )
  })

  test('of our own tags only those that mean something are taken', async () => {
    for (const [key, value, right] of [
      ...['0', '366', 'a week', '1.5', '1e2', ''].map((value) => ['horizon-days', value]),
      ...[
        ['fold-in', 'yes', "must be 'true' or 'false'"],
        ['scores', 'csv', "must be 'parquet'"],
      ],
      ...[
        ['foldin', 'true', 'horizon-days, openpersonalize:fold-in'],
        ['Scores', 'parquet', 'none of'],
      ],
    ])
      await rejects(
        personalize.tagResource({ resourceArn, tags: [tag(`openpersonalize:${key}`, value)] }),
        {
          name: 'InvalidInputException',
          message: new RegExp(right ?? 'must be a whole number from 1 to 365'),
        },
      )
  })

  test('a key is given once, and aws: is reserved', async () => {
    await rejects(personalize.tagResource({ resourceArn, tags: [tag('a'), tag('a', 'b')] }), {
      name: 'InvalidInputException',
      message: /tag key a is given twice/,
    })
    await rejects(personalize.tagResource({ resourceArn, tags: [tag('AWS:a')] }), {
      name: 'InvalidInputException',
      message: /begins with aws:, which is reserved/,
    })
  })

  test('schemas take no tags, and what does not exist has none', async () => {
    const { Items: schemaArn } = shop.schemas
    await rejects(personalize.tagResource({ resourceArn: schemaArn, tags: [tag('a')] }), {
      name: 'InvalidInputException',
      message: /schemas take no tags/,
    })
    await rejects(tagsOf(`${resourceArn}x`), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${resourceArn}x does not exist.`,
    })
  })
})

describe('effect', () => {
  test('an old key gets the new value', async () => {
    await personalize.tagResource({ resourceArn, tags: [tag('x', 'one')] })
    await personalize.tagResource({ resourceArn, tags: [tag('x', 'two')] })
    deepEqual(await tagsOf(), [tag('x', 'two')])
  })

  test('tags go with their resource: a new one of the name has none', async () => {
    const again = () =>
      personalize.createSolution({
        name: 'again',
        datasetGroupArn: resourceArn,
        recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
      })
    const { solutionArn } = await again()
    await personalize.tagResource({ resourceArn: solutionArn, tags: [tag('a')] })
    await personalize.deleteSolution({ solutionArn })
    await again()
    deepEqual(await tagsOf(solutionArn), [])
  })
})

describe('work', () => {
  test('a solution version and its solution have tags of their own', async () => {
    const { solutionVersionArn } = await personalize.createSolutionVersion({
      solutionArn: 'arn:aws:personalize:us-east-1:123456789012:solution/again',
      tags: [tag('version')],
    })
    deepEqual(await tagsOf(solutionVersionArn), [tag('version')])
  })
})
