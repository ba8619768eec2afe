import type { Caller } from './context.ts'

/** The nouns of Personalize that an ARN can name, with the word the ARN uses. Spec C.1. */
export const arnTypes = {
  algorithm: 'algorithm',
  batchInferenceJob: 'batch-inference-job',
  batchSegmentJob: 'batch-segment-job',
  campaign: 'campaign',
  dataDeletionJob: 'data-deletion-job',
  dataset: 'dataset',
  datasetExportJob: 'dataset-export-job',
  datasetGroup: 'dataset-group',
  datasetImportJob: 'dataset-import-job',
  eventTracker: 'event-tracker',
  featureTransformation: 'feature-transformation',
  filter: 'filter',
  metricAttribution: 'metric-attribution',
  recipe: 'recipe',
  recommender: 'recommender',
  schema: 'schema',
  solution: 'solution',
  solutionVersion: 'solution',
} as const

/** Which noun a resource is, in lowerCamel. */
export type Kind = keyof typeof arnTypes

/** The partition follows the region, as the SDKs assume when they rebuild an ARN from a name. */
export const partition = (region: string) =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'

/** `arn:aws:personalize:us-east-1:123456789012:batch-segment-job/coffee` */
export const makeArn = ({ region, account }: Caller, kind: Kind, name: string) =>
  `arn:${partition(region)}:personalize:${region}:${account}:${arnTypes[kind]}/${name}`

/**
 * The ARN of something AWS provides (recipe, algorithm, feature
 * transformation): no region, no account.
 */
export const serviceArn = (kind: 'recipe' | 'algorithm' | 'featureTransformation', name: string) =>
  `arn:aws:personalize:::${arnTypes[kind]}/${name}`

/** What stands behind the resource type: `name`, `group/TYPE` or `solution/version`. */
export const arnPath = (arn: string) => arn.slice(arn.indexOf('/') + 1)
