import { batchSegmentJob } from './batchSegmentJob.ts'
import { datasetImportJob } from './datasetImportJob.ts'
import type { Job, ResourceJobKind } from './job.ts'
import { solutionVersion } from './solutionVersion.ts'

/** The work of every kind of resource that has some. */
export const jobs: { [K in ResourceJobKind]: Job<K> } = {
  batchSegmentJob,
  datasetImportJob,
  solutionVersion,
}
