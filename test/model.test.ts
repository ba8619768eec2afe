/** What must stay true of DescribeModel. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { call } from './extensionClient.ts'
import { server } from './harness.ts'
import { smallShop, trained } from './smallShop.ts'

const s = await server({ after })
const shop = await smallShop(s)
const version = await trained(s, shop, 'aws-item-attribute-affinity')

describe('shape', () => {
  test('a model tells its data, its settings and what it chose among', async () => {
    const { model } = await call(s, 'DescribeModel', { solutionVersionArn: version })
    equal(model.solutionVersionArn, version)
    equal(model.recipeArn, 'arn:aws:personalize:::recipe/aws-item-attribute-affinity')
    deepEqual([model.userCount, model.itemCount, model.eventCount], [60, 40, 1500])
    equal(model.factorCount, 32)
    deepEqual(
      model.attributes.map(({ name, kind }) => `${name} ${kind}`),
      ['GENRES category', 'PRICE number'],
    )
    ok(model.als.alpha0 > 0 && model.als.regularization > 0 && model.als.sweeps > 0)
    ok(model.score.terms.length > 0)
    ok(model.candidates.some(({ name }) => name === model.score.name))
    ok(model.horizonDays > 0 && model.calibration.length > 0)
  })

  test('its metrics are those of GetSolutionMetrics', async () => {
    const { model } = await call(s, 'DescribeModel', { solutionVersionArn: version })
    const { metrics } = await s.personalize.getSolutionMetrics({ solutionVersionArn: version })
    deepEqual(model.metrics, metrics)
  })
})

describe('meaning', () => {
  test('the version must be there and ACTIVE', async () => {
    await rejects(call(s, 'DescribeModel', { solutionVersionArn: `${version}x` }), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${version}x does not exist.`,
    })
    const { datasetGroupArn } = await s.personalize.createDatasetGroup({ name: 'empty' })
    const { solutionArn } = await s.personalize.createSolution({
      name: 'empty',
      datasetGroupArn,
      recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
    })
    const made = await s.personalize.createSolutionVersion({ solutionArn })
    const { solutionVersionArn = '' } = made
    await rejects(call(s, 'DescribeModel', { solutionVersionArn }), {
      name: 'ResourceInUseException',
      message: /it must be ACTIVE/,
    })
  })

  test('a model that another version of the server wrote must be trained again', async () => {
    const old = await trained(s, shop, 'aws-item-affinity')
    const [row] = await s.ctx.db.kysely
      .transaction()
      .execute((tx) =>
        tx.selectFrom('resource').select('internal').where('arn', '=', old).execute(),
      )
    const { model } = row!.internal as { model: string }
    const file = join(s.dataDir, model, 'model.json')
    const document = JSON.parse(await readFile(file, 'utf8'))
    await writeFile(file, JSON.stringify({ ...document, formatVersion: 0 }))
    const refusal = { name: 'InvalidInputException', message: /train it again/ }
    await rejects(call(s, 'DescribeModel', { solutionVersionArn: old }), refusal)
    await rejects(
      call(s, 'PreviewSegment', { solutionVersionArn: old, segmentQuery: { itemId: 'i00' } }),
      refusal,
    )
  })
})
