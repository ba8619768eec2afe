/** What is wrong in a request is AWS's exception, says what is wrong, and changes nothing. Spec J. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { datasetCases } from './badInput/datasets.ts'
import { everywhereCases } from './badInput/everywhere.ts'
import { schemaCases } from './badInput/schemas.ts'
import { segmentCases } from './badInput/segments.ts'
import { prepare } from './badInput/shop.ts'
import { solutionCases } from './badInput/solutions.ts'
import { server } from './harness.ts'
import { filesLeft } from './smallShop.ts'
import { send } from './wireServer.ts'

const s = await server({ after })
await prepare(s)
await filesLeft(join(s.dataDir, 'scratch'), 0)

/** All that the server keeps: resources, tags, queued work, and files but the database's own. */
async function kept() {
  const { kysely } = s.ctx.db
  const files = await readdir(s.dataDir, { recursive: true })
  return {
    resources: await kysely.selectFrom('resource').selectAll().orderBy('seq').execute(),
    tags: await kysely.selectFrom('tag').selectAll().orderBy('key').execute(),
    files: files.filter((name) => !name.startsWith('postgres')).sort(),
  }
}
const before = await kept()

const cases = [
  ...schemaCases,
  ...datasetCases,
  ...solutionCases,
  ...segmentCases,
  ...everywhereCases,
]

test('there are many cases, over all operations that are built', async () => {
  ok(cases.length >= 130, String(cases.length))
})

for (const [what, operation, input, exception, text] of cases)
  test(`${operation} refuses ${what}`, async () => {
    const answer = await send(s.url, { target: operation, body: JSON.stringify(input) })
    equal(answer.code, exception, answer.message)
    equal(answer.status, exception === 'UnsupportedOperationException' ? 501 : 400)
    equal(answer.headers.get('x-amzn-errortype'), exception)
    if (typeof text === 'string') equal(answer.message, text)
    else match(answer.message!, text)
    deepEqual(await kept(), before)
  })

const bodies: [what: string, body: string | Uint8Array<ArrayBuffer>, exception: string][] = [
  ['half a JSON document', '{"name": "x"', 'SerializationException'],
  ['no JSON', 'name=x', 'SerializationException'],
  ['a list', '[]', 'SerializationException'],
  ['null', 'null', 'SerializationException'],
  ['a deep nest', '['.repeat(50_000), 'SerializationException'],
  ['a deep nest of structures', '{"a":'.repeat(50_000), 'SerializationException'],
  ['no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'SerializationException'],
]
for (const [what, body, exception] of bodies)
  test(`a body that is ${what} is refused`, async () => {
    const answer = await send(s.url, { target: 'CreateDatasetGroup', body })
    equal(answer.code, exception, answer.message)
    equal(answer.status, 400)
    deepEqual(await kept(), before)
  })

test('the server is up, and the same requests put right are taken', async () => {
  const { datasetGroups } = await s.personalize.listDatasetGroups({})
  deepEqual(datasetGroups?.map(({ name }) => name).sort(), ['empty', 'shop', 'videos'])
  await s.personalize.createDatasetGroup({ name: 'right' })
})
