import { equal, match } from 'node:assert/strict'
import { ended, roleArn, type Server } from '../harness.ts'
import { quickConfig, schemaText, smallShop, versionEnded } from '../smallShop.ts'

const account = 'arn:aws:personalize:us-east-1:123456789012'

/** The ARN that a name has, whether there is such a resource or not. */
export const arn = (type: string, name: string) => `${account}:${type}/${name}`

/** A recipe's ARN. */
export const recipe = (name: string) => `arn:aws:personalize:::recipe/${name}`

/**
 * One wrong request: what is wrong, the operation, its input, the class of AWS's exception, and
 * what its text must say.
 */
export type Case = [
  what: string,
  operation: string,
  input: object,
  exception: string,
  text: RegExp | string,
]

/** The schema that has all the fields, with others in the place of some. */
export const interactionsSchema = (...fields: object[]) =>
  schemaText('Interactions', [
    { name: 'USER_ID', type: 'string' },
    { name: 'ITEM_ID', type: 'string' },
    { name: 'TIMESTAMP', type: 'long' },
    ...fields,
  ])

/** The requests that would be right, for cases that break one member of them. */
export const right = {
  dataset: {
    name: 'right',
    datasetType: 'Interactions',
    datasetGroupArn: arn('dataset-group', 'empty'),
    schemaArn: arn('schema', 'shop-Interactions'),
  },
  import: {
    jobName: 'right',
    datasetArn: arn('dataset', 'shop/INTERACTIONS'),
    dataSource: { dataLocation: 's3://imports/shop-Interactions/data.csv' },
    roleArn,
  },
  solution: {
    name: 'right',
    datasetGroupArn: arn('dataset-group', 'shop'),
    recipeArn: recipe('aws-item-affinity'),
  },
  filter: {
    name: 'right',
    datasetGroupArn: arn('dataset-group', 'shop'),
    filterExpression: 'INCLUDE UserID WHERE Users.AGE > 30',
  },
  segments: {
    jobName: 'right',
    solutionVersionArn: arn('solution', 'items/v1'),
    jobInput: { s3DataSource: { path: 's3://queries/items.jsonl' } },
    jobOutput: { s3DataDestination: { path: 's3://answers/' } },
    roleArn,
  },
}

/**
 * What the cases are wrong about: the dataset group `shop` with data, the solutions `items` and
 * `attributes` with a version `v1` each, filters, a finished segment job `done`, the dataset group
 * `empty` with the solution `starved` whose `v1` failed, and `videos`, a group of a domain.
 */
export async function prepare(s: Server): Promise<void> {
  const { personalize } = s
  await smallShop(s)
  await personalize.createDatasetGroup({ name: 'empty' })
  await personalize.createDatasetGroup({ name: 'videos', domain: 'VIDEO_ON_DEMAND' })
  await personalize.createSchema({
    name: 'watched',
    domain: 'VIDEO_ON_DEMAND',
    schema: interactionsSchema({ name: 'EVENT_TYPE', type: 'string' }),
  })
  await personalize.createSchema({
    name: 'ages',
    schema: schemaText('Users', [
      { name: 'USER_ID', type: 'string' },
      { name: 'AGE', type: 'int' },
    ]),
  })
  const groups = { items: 'shop', attributes: 'shop', starved: 'empty' }
  for (const [name, group] of Object.entries(groups)) {
    const { solutionArn } = await personalize.createSolution({
      name,
      datasetGroupArn: arn('dataset-group', group),
      recipeArn: recipe(
        name === 'attributes' ? 'aws-item-attribute-affinity' : 'aws-item-affinity',
      ),
      solutionConfig: quickConfig,
    })
    const { solutionVersionArn } = await personalize.createSolutionVersion({
      solutionArn,
      name: 'v1',
    })
    const { status, failureReason } = await versionEnded(s, solutionVersionArn!)
    if (name === 'starved') match(failureReason!, /no Interactions dataset/)
    else equal(status, 'ACTIVE', failureReason)
  }
  for (const [name, filterExpression] of Object.entries({
    adults: right.filter.filterExpression,
    teas: 'INCLUDE ItemID WHERE Items.GENRES IN ("tea")',
    viewers: 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")',
    asked: 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ($PLAN) AND Users.AGE > $AGE',
  }))
    await personalize.createFilter({ ...right.filter, name, filterExpression })
  await s.put('s3://queries/items.jsonl', '{"itemId": "i00"}\n')
  await s.put('s3://answers/.keep', '')
  const wanted = { ...right.segments, jobName: 'done' }
  const { batchSegmentJobArn } = await personalize.createBatchSegmentJob(wanted)
  const job = await ended(
    async () => (await personalize.describeBatchSegmentJob({ batchSegmentJobArn })).batchSegmentJob,
  )
  equal(job.status, 'ACTIVE', job.failureReason)
}
