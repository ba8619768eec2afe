import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { assertAnswer } from '../contractCheck.ts'
import { server } from '../harness.ts'
import { segmentJobs } from '../segmentJobs.ts'
import { smallShop, trained } from '../smallShop.ts'
import { clientVariables, pythonClients } from './environment.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const run = promisify(execFile)

// Once contract/openpersonalize.json is installed, AWS's clients call our own operations as they call AWS's.
const s = await server({ after })
const version = await trained(s, await smallShop(s), 'aws-item-affinity')
const { answered, arnOf } = segmentJobs(s, version)
await answered('seen', '{"itemId": "i00"}\n{"itemId": "i01"}')
const { python, aws } = await pythonClients()
const env = { ...clientVariables(s.url), HOME: s.dataDir }
await run(
  aws,
  [
    ...['configure', 'add-model', '--service-name', 'openpersonalize'],
    ...['--service-model', `file://${here('../../contract/openpersonalize.json')}`],
  ],
  { env },
)

test('boto3 calls our own operations', { timeout: 60_000 }, async () => {
  const record = join(s.dataDir, 'record.jsonl')
  await run(python, [here('extensionFlow.py'), version, arnOf('seen'), record], { env })
  const answers = (await readFile(record, 'utf8')).trimEnd().split('\n')
  equal(answers.length, 7)
  for (const line of answers) {
    const { operation, status, body } = JSON.parse(line)
    if (status === 200) assertAnswer(operation, JSON.parse(body))
    else deepEqual(Object.keys(JSON.parse(body)).toSorted(), ['__type', 'message'])
  }
})

test('the AWS CLI calls our own operations', { timeout: 60_000 }, async () => {
  const call = async (command: string, ...words: string[]) => {
    const { stdout } = await run(aws, ['openpersonalize', command, ...words], { env })
    const answer = JSON.parse(stdout)
    const name = command.replace(/(^|-)(.)/g, (_, __, letter) => letter.toUpperCase())
    assertAnswer(name, answer)
    return answer
  }
  const asked = ['--solution-version-arn', version, '--segment-query', 'itemId=i00']
  const { users } = await call('preview-segment', ...asked, '--num-results', '3')
  equal(users.length, 3)
  const { model } = await call('describe-model', '--solution-version-arn', version)
  equal(model.userCount, 60)
  const job = ['--batch-segment-job-arn', arnOf('seen'), '--line', '1']
  const why = await call('explain-segment', ...job, '--user-id', users[1].userId)
  equal(why.rank, 2)
  const lines = [1, 2].map((line) => `batchSegmentJobArn=${arnOf('seen')},line=${line}`)
  const { pairs } = await call('compare-segments', '--segments', ...lines)
  equal(pairs.length, 1)

  const refused = await run(
    aws,
    ['openpersonalize', 'describe-model', '--solution-version-arn', `${version}x`],
    { env },
  ).catch((error: { code: number; stderr: string }) => error)
  ok('code' in refused)
  match(
    refused.stderr,
    /\(ResourceNotFoundException\) when calling the DescribeModel operation: .* does not exist/,
  )
})
