/** What must stay true of schemas: spec E.2 to E.5, C.5. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { server } from './harness.ts'
import { schemaText, schemaTexts } from './smallShop.ts'

const s = await server({ after })
const { personalize } = s
const arnOf = (name: string) => `arn:aws:personalize:us-east-1:123456789012:schema/${name}`

describe('shape', () => {
  test('CreateSchema answers the ARN alone, built from the name', async () => {
    const { $metadata, ...answer } = await personalize.createSchema({
      name: 'plain',
      schema: schemaTexts.Items,
    })
    deepEqual(answer, { schemaArn: arnOf('plain') })
    equal($metadata.httpStatusCode, 200)
  })

  test('DescribeSchema gives the exact text back', async () => {
    // [U]: AWS may write the text anew; every reader parses it. Spec E.1.
    const schema = ` ${schemaTexts.Users.replaceAll(',', ' ,\n\t')} `
    const { schemaArn } = await personalize.createSchema({ name: 'spaced', schema })
    const { schema: found } = await personalize.describeSchema({ schemaArn })
    equal(found?.schema, schema)
    equal(found?.name, 'spaced')
    deepEqual(found?.lastUpdatedDateTime, found?.creationDateTime)
  })

  test('domain is shown only where it was given', async () => {
    const schema = schemaText('Users', [
      { name: 'USER_ID', type: 'string' },
      { name: 'SUBSCRIPTION_MODEL', type: 'string', categorical: true },
    ])
    const { schemaArn } = await personalize.createSchema({
      name: 'video',
      schema,
      domain: 'VIDEO_ON_DEMAND',
    })
    const { schema: video } = await personalize.describeSchema({ schemaArn })
    equal(video?.domain, 'VIDEO_ON_DEMAND')
    const { schema: plain } = await personalize.describeSchema({ schemaArn: arnOf('plain') })
    ok(!('domain' in plain!))
  })
})

describe('meaning', () => {
  test('a name is taken until the schema is deleted', async () => {
    await rejects(personalize.createSchema({ name: 'plain', schema: schemaTexts.Items }), {
      name: 'ResourceAlreadyExistsException', // text [O], spec J.3
      message: `Another resource with Arn ${arnOf('plain')} already exists.`,
    })
    await personalize.deleteSchema({ schemaArn: arnOf('plain') })
    await personalize.createSchema({ name: 'plain', schema: schemaTexts.Items })
  })

  test('names differ by case [I]', async () => {
    await personalize.createSchema({ name: 'Plain', schema: schemaTexts.Items })
    equal((await personalize.describeSchema({ schemaArn: arnOf('Plain') })).schema?.name, 'Plain')
  })

  test('version may be the number 1, as in notebooks that ran [O]', async () => {
    const schema = schemaTexts.Items.replace('"1.0"', '1.0')
    await personalize.createSchema({ name: 'number', schema })
  })
})

describe('effect', () => {
  test('a deleted schema is gone from Describe and List', async () => {
    const { schemaArn } = await personalize.createSchema({
      name: 'gone',
      schema: schemaTexts.Items,
    })
    await personalize.deleteSchema({ schemaArn })
    await rejects(personalize.describeSchema({ schemaArn }), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${arnOf('gone')} does not exist.`,
    })
    const { schemas = [] } = await personalize.listSchemas({})
    ok(!schemas.some(({ name }) => name === 'gone'))
    await rejects(personalize.deleteSchema({ schemaArn }), { name: 'ResourceNotFoundException' })
  })

  test('a schema that a dataset uses cannot be deleted [S]', async () => {
    const { schemaArn } = await personalize.createSchema({
      name: 'used',
      schema: schemaTexts.Items,
    })
    const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'user' })
    const { datasetArn } = await personalize.createDataset({
      name: 'd',
      datasetType: 'Items',
      datasetGroupArn,
      schemaArn,
    })
    await rejects(personalize.deleteSchema({ schemaArn }), {
      name: 'ResourceInUseException',
      message: /in use by the dataset arn.*dataset\/user\/ITEMS/,
    })
    await personalize.deleteDataset({ datasetArn })
    await personalize.deleteSchema({ schemaArn })
  })
})

describe('work', () => {
  test('a schema has none: it is there at once, with no status', async () => {
    const { schemaArn } = await personalize.createSchema({
      name: 'atOnce',
      schema: schemaTexts.Items,
    })
    const { schema } = await personalize.describeSchema({ schemaArn })
    ok(schema && !('status' in schema))
  })
})
