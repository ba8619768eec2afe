import { equal } from 'node:assert/strict'
import type { CreateBatchSegmentJobRequest } from '@aws-sdk/client-personalize'
import { type ClientSide, ended, roleArn } from './harness.ts'

/** Members of the request beyond name and input. */
export type More = Partial<CreateBatchSegmentJobRequest>

/** Batch segment jobs on a server, of this solution version unless `more` names another. */
export function segmentJobs(s: ClientSide, solutionVersionArn: string) {
  const arnOf = (name: string) =>
    `arn:aws:personalize:us-east-1:123456789012:batch-segment-job/${name}`

  const create = (
    jobName: string,
    path: string,
    more: More = {},
    { personalize }: ClientSide = s,
  ) =>
    personalize.createBatchSegmentJob({
      jobName,
      solutionVersionArn,
      roleArn,
      jobInput: { s3DataSource: { path } },
      jobOutput: { s3DataDestination: { path: `s3://segments/${jobName}/out/` } },
      ...more,
    })
  const jobEnded = (name: string, { personalize }: ClientSide = s) =>
    ended(
      async () =>
        (await personalize.describeBatchSegmentJob({ batchSegmentJobArn: arnOf(name) }))
          .batchSegmentJob,
    )

  /** The text of `.out` for an input text. */
  async function answered(jobName: string, text: string, more: More = {}): Promise<string> {
    await s.put(`s3://segments/${jobName}/in.json`, text)
    await create(jobName, `s3://segments/${jobName}/in.json`, more)
    const job = await jobEnded(jobName)
    equal(job.failureReason, undefined)
    return s.read(`s3://segments/${jobName}/out/in.json.out`)
  }

  /** Why a job over this input fails. */
  async function reasonOf(jobName: string, path: string, more: More = {}): Promise<string> {
    await create(jobName, path, more)
    const job = await jobEnded(jobName)
    equal(job.status, 'CREATE FAILED')
    return job.failureReason ?? ''
  }
  return { arnOf, create, jobEnded, answered, reasonOf }
}
