import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { answerProblems } from './contractCheck.ts'

// The checker that every other test leans on: it must find what it is there to find.

const job = {
  jobName: 'coffee',
  numResults: 25,
  status: 'ACTIVE',
  creationDateTime: 1698435170.123,
  jobInput: { s3DataSource: { path: 's3://b/in/q.json' } },
}

test('a good answer has no problems', () => {
  deepEqual(answerProblems('DescribeBatchSegmentJob', { batchSegmentJob: job }), [])
  deepEqual(answerProblems('DeleteSchema', undefined), [])
  deepEqual(answerProblems('DeleteSchema', {}), [])
  deepEqual(answerProblems('GetSolutionMetrics', { metrics: { coverage: 0.25 } }), [])
})

const wrong: [string, object][] = [
  ['an extra member', { batchSegmentJob: { ...job, tags: [] } }],
  [
    'an extra member deep inside',
    { batchSegmentJob: { ...job, jobInput: { ...job.jobInput, path: 'x' } } },
  ],
  ['a missing required member', { batchSegmentJob: { ...job, jobInput: {} } }],
  ['null', { batchSegmentJob: { ...job, filterArn: null } }],
  ['a number as text', { batchSegmentJob: { ...job, numResults: '25' } }],
  ['a fraction for a whole number', { batchSegmentJob: { ...job, numResults: 2.5 } }],
  ['a date as text', { batchSegmentJob: { ...job, creationDateTime: '2026-11-23T10:00:00Z' } }],
  ['a date in milliseconds', { batchSegmentJob: { ...job, creationDateTime: 1698435170123 } }],
  ['a date of four decimals', { batchSegmentJob: { ...job, creationDateTime: 1698435170.1234 } }],
  ['a list for a structure', { batchSegmentJob: [job] }],
]
for (const [what, body] of wrong)
  test(`${what} is one problem`, () => {
    equal(answerProblems('DescribeBatchSegmentJob', body).length, 1)
  })

test('an answer to an operation without one, and an unknown operation, are problems', () => {
  equal(answerProblems('DeleteSchema', { schemaArn: 'x' }).length, 1)
  equal(answerProblems('DescribeWeather', {}).length, 1)
})
