import { equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assertAnswer } from '../contractCheck.ts'
import { server } from '../harness.ts'
import { clientVariables, pythonClients } from './environment.ts'
import { unpackRealData } from './realData.ts'

// A Python program goes from CSV to segments without knowing that this is not AWS: the checks are in boto3Flow.py.
test('boto3 runs the whole flow on online-retail', { timeout: 600_000 }, async (t) => {
  const { dataDir, url } = await server(t)
  const bucket = join(dataDir, 's3', 'retail')
  if (!(await unpackRealData(t, 'online-retail', join(bucket, 'data')))) return
  const { python } = await pythonClients()
  const record = join(dataDir, 'record.jsonl')

  const flow = spawn(
    python,
    [fileURLToPath(new URL('boto3Flow.py', import.meta.url)), bucket, record],
    { env: clientVariables(url), stdio: ['ignore', 'inherit', 'pipe'] },
  )
  let complaints = ''
  flow.stderr.on('data', (bytes) => {
    complaints += bytes
  })
  const [code] = await once(flow, 'exit')
  equal(code, 0, complaints)

  const answers = (await readFile(record, 'utf8')).trimEnd().split('\n')
  ok(answers.length > 80, 'the flow asks for every noun')
  for (const line of answers) {
    const { operation, status, body } = JSON.parse(line)
    if (status === 200) assertAnswer(operation, body === '' ? undefined : JSON.parse(body))
    else assertError(JSON.parse(body), operation)
  }
})

/** An error body as awsJson has it: the class that boto3 reads, and its words. Spec A.6. */
function assertError(body: object, operation: string): void {
  equal(Object.keys(body).toSorted().join(), '__type,message', operation)
}
