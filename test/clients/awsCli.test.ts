import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { assertAnswer } from '../contractCheck.ts'
import { roleArn, server } from '../harness.ts'
import { airlineSchemas } from './airline.ts'
import { clientVariables, pythonClients } from './environment.ts'
import { unpackRealData } from './realData.ts'

type Aws = (...words: string[]) => Promise<Record<string, unknown>>
const recipe = 'arn:aws:personalize:::recipe/aws-item-affinity'

// A shell script goes from CSV to segments with `aws personalize`, on AWS's airline sample: 64-bit ids as bare
// numbers, columns matched by name, shorthand and JSON parameters, pages, exit codes. Spec clients 1, 2, 3, 6, 14, 20.
test('the AWS CLI runs the whole flow on airline', { timeout: 600_000 }, async (t) => {
  const { dataDir, url } = await server(t)
  const bucket = join(dataDir, 's3', 'airline')
  if (!(await unpackRealData(t, 'airline', join(bucket, 'data')))) return
  const programs = await pythonClients()
  const run = runner(programs.aws, url)
  const aws = checked(run)

  const group = await createDatasets(aws, dataDir)
  const version = await train(aws, group)
  const filter = text(
    await aws(
      ...['create-filter', '--name', 'no-gold', '--dataset-group-arn', group],
      ...['--filter-expression', 'EXCLUDE UserID WHERE Users.memberClass IN ("Gold")'],
    ),
    'filterArn',
  )
  await untilActive(aws, 'filter', filter)

  await t.test('a bare 64-bit item id keeps its digits', async () => {
    await put(bucket, 'one.json', '{"itemId": -2996180203100007228}')
    await segment(aws, version, 'one')
    const out = await readFile(join(bucket, 'out-one', 'one.json.out'), 'utf8')
    match(out, /^{"input": {"itemId": -2996180203100007228}, "output": {"usersList": \["/)
    match(out, /"\]}, "error": null}\n?$/)
    equal(JSON.parse(out).output.usersList.length, 25)
  })

  await t.test('compact lines and a filter: every user of every segment passes it', async () => {
    const users = await readFile(join(bucket, 'data', 'users.csv'), 'utf8')
    const gold = new Set(
      users.split('\n').flatMap((line) => /^(.*),Gold\r?$/.exec(line)?.[1] ?? []),
    )
    ok(gold.size > 100)
    const items = await readFile(join(bucket, 'data', 'items.csv'), 'utf8')
    const ids = items
      .split('\n')
      .slice(1, 51)
      .map((line) => line.split(',')[0])
    await put(bucket, 'many.json', `${ids.map((id) => `{"itemId":"${id}"}`).join('\n')}\n`)
    await segment(aws, version, 'many', '--filter-arn', filter, '--num-results', '40')
    const out = await readFile(join(bucket, 'out-many', 'many.json.out'), 'utf8')
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    deepEqual(
      answers.map(({ input }) => input.itemId),
      ids,
    )
    const served = answers.filter(({ error }) => error === null)
    ok(served.length > 40, 'nearly every item of the sample has been rated')
    for (const { output } of served) {
      equal(output.usersList.length, 40)
      equal(
        output.usersList.find((user: string) => gold.has(user)),
        undefined,
      )
    }
  })

  await t.test('--max-items and --starting-token walk the list newest first', async () => {
    const list = ['list-batch-segment-jobs', '--solution-version-arn', version, '--max-items', '1']
    const first = JSON.parse((await run(...list)).stdout)
    deepEqual(
      first.batchSegmentJobs.map((job: { jobName: string }) => job.jobName),
      ['many'],
    )
    for (let again = 0; again < 2; again++) {
      const second = JSON.parse((await run(...list, '--starting-token', first.NextToken)).stdout)
      deepEqual(
        second.batchSegmentJobs.map((job: { jobName: string }) => job.jobName),
        ['one'],
      )
    }
  })

  await t.test('a refusal is an exit code and words on stderr', async () => {
    const arn = 'arn:aws:personalize:us-east-1:123456789012:batch-segment-job/nope'
    const refused = await run('describe-batch-segment-job', '--batch-segment-job-arn', arn)
    ok(refused.code === 255 || refused.code === 254, `exit code ${refused.code}`)
    match(
      refused.stderr,
      /\(ResourceNotFoundException\) when calling the DescribeBatchSegmentJob operation: .*nope/,
    )
  })
})

async function createDatasets(aws: Aws, folder: string): Promise<string> {
  const group = text(await aws('create-dataset-group', '--name', 'airline'), 'datasetGroupArn')
  await untilActive(aws, 'dataset-group', group)
  const imports = []
  for (const [name, schema] of Object.entries(airlineSchemas)) {
    const file = join(folder, `${name}.schema.json`)
    await writeFile(file, schema)
    const schemaArn = text(
      await aws('create-schema', '--name', `airline-${name}`, '--schema', `file://${file}`),
      'schemaArn',
    )
    const dataset = text(
      await aws(
        ...['create-dataset', '--name', `airline-${name}`, '--dataset-group-arn', group],
        ...['--dataset-type', name, '--schema-arn', schemaArn],
      ),
      'datasetArn',
    )
    match(dataset, new RegExp(`:dataset/airline/${name.toUpperCase()}$`))
    const described = await untilActive(aws, 'dataset', dataset)
    equal(described.datasetType, name.toUpperCase())
    const location = `dataLocation=s3://airline/data/${name.toLowerCase()}.csv`
    const job = await aws(
      ...['create-dataset-import-job', '--job-name', `airline-${name}`, '--dataset-arn', dataset],
      ...['--data-source', location, '--role-arn', roleArn],
    )
    imports.push(text(job, 'datasetImportJobArn'))
  }
  for (const arn of imports) await untilActive(aws, 'dataset-import-job', arn)
  return group
}

async function train(aws: Aws, group: string): Promise<string> {
  const solution = text(
    await aws(
      ...['create-solution', '--name', 'airline', '--dataset-group-arn', group],
      ...['--recipe-arn', recipe, '--no-perform-auto-training', '--solution-config'],
      '{"algorithmHyperParameters": {"hidden_dimension": "32"}}',
    ),
    'solutionArn',
  )
  const described = await untilActive(aws, 'solution', solution)
  deepEqual(described.solutionConfig, { algorithmHyperParameters: { hidden_dimension: '32' } })
  const version = text(
    await aws('create-solution-version', '--solution-arn', solution),
    'solutionVersionArn',
  )
  await untilActive(aws, 'solution-version', version)
  const { metrics } = await aws('get-solution-metrics', '--solution-version-arn', version)
  deepEqual(Object.keys(metrics as object), [
    'coverage',
    'hits_at_1_percent',
    'recall_at_1_percent',
  ])
  return version
}

async function segment(aws: Aws, version: string, name: string, ...more: string[]) {
  const made = await aws(
    ...['create-batch-segment-job', '--job-name', name, '--solution-version-arn', version],
    ...['--job-input', `s3DataSource={path=s3://airline/${name}.json}`],
    ...['--job-output', `s3DataDestination={path=s3://airline/out-${name}/}`],
    ...['--role-arn', roleArn, ...more],
  )
  const job = await untilActive(aws, 'batch-segment-job', text(made, 'batchSegmentJobArn'))
  deepEqual(job.jobInput, { s3DataSource: { path: `s3://airline/${name}.json` } })
}

const put = async (bucket: string, name: string, body: string) => {
  await mkdir(bucket, { recursive: true })
  await writeFile(join(bucket, name), body)
}

/** Polls `describe-<noun>` until the status ends, and returns the resource, which is ACTIVE. */
async function untilActive(aws: Aws, noun: string, arn: string): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 300_000
  while (Date.now() < deadline) {
    const [resource] = Object.values(await aws(`describe-${noun}`, `--${noun}-arn`, arn))
    const { status, failureReason } = resource as { status: string; failureReason?: string }
    if (status === 'ACTIVE') return resource as Record<string, unknown>
    ok(/^CREATE (PENDING|IN_PROGRESS)$/.test(status), `${arn}: ${status} ${failureReason}`)
    await setTimeout(500)
  }
  throw new Error(`${arn} did not become ACTIVE`)
}

type Ended = { code: number; stdout: string; stderr: string }

const runner =
  (program: string, url: string) =>
  (...words: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const args = ['personalize', ...words, '--output', 'json']
      execFile(program, args, { env: clientVariables(url) }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })

/** Runs a command that must succeed, checks its answer against the contract and returns it. */
const checked =
  (run: (...words: string[]) => Promise<Ended>): Aws =>
  async (...words) => {
    const { code, stdout, stderr } = await run(...words)
    equal(code, 0, `aws personalize ${words.join(' ')}: ${stderr}`)
    const answer = JSON.parse(stdout)
    assertAnswer(
      words[0]!.replace(/(^|-)(.)/g, (_, __, letter) => letter.toUpperCase()),
      answer,
    )
    return answer
  }

function text(answer: Record<string, unknown>, member: string): string {
  const value = answer[member]
  equal(typeof value, 'string', member)
  return String(value)
}
