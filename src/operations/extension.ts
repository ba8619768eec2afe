// What the operations of contract/openpersonalize.json take and answer: AWS's SDK has no types of them. A structure of
// the contract is a type here, member for member, which test/contractExtension.test.ts compares.

/** Input and output of each operation of our own. */
export type Extension = {
  CompareSegments: { input: CompareSegmentsRequest; output: CompareSegmentsResponse }
  DescribeModel: { input: DescribeModelRequest; output: DescribeModelResponse }
  ExplainSegment: { input: ExplainSegmentRequest; output: ExplainSegmentResponse }
  PreviewSegment: { input: PreviewSegmentRequest; output: PreviewSegmentResponse }
}

export type AlsSettings = {
  alpha0: number
  regularization: number
  sweeps: number
}

export type AttributeColumn = {
  name: string
  kind: 'category' | 'number'
}

export type Candidate = {
  name: string
  recall: number
  hits?: number
}

export type CompareSegmentsRequest = {
  segments: SegmentReference[]
}

export type CompareSegmentsResponse = {
  segments: ComparedSegment[]
  pairs: SegmentPair[]
}

export type ComparedSegment = {
  batchSegmentJobArn: string
  inputFile: string
  line: number
  input: string
  userCount: number
}

export type Contribution = {
  feature: string
  value: number
  contribution: number
}

export type DescribeModelRequest = {
  solutionVersionArn: string
}

export type DescribeModelResponse = {
  model: Model
}

export type ExplainSegmentRequest = {
  batchSegmentJobArn?: string
  line?: number
  inputFile?: string
  solutionVersionArn?: string
  filterArn?: string
  segmentQuery?: SegmentQuery
  userId: string
}

export type ExplainSegmentResponse = {
  score: number
  expected: number
  probability: number
  rank?: number
  userCount: number
  contributions: Contribution[]
  history: HistoryItem[]
}

export type HistogramBin = {
  lower: number
  upper: number
  users: number
}

export type HistoryItem = {
  itemId: string
  weight: number
}

export type LiftPoint = {
  percent: number
  users: number
  expectedHits: number
  lift: number
}

export type Model = {
  solutionVersionArn: string
  recipeArn: string
  userCount: number
  itemCount: number
  eventCount: number
  factorCount: number
  als: AlsSettings
  score: Score
  candidates: Candidate[]
  attributes: AttributeColumn[]
  foresees: string
  horizonDays: number
  demand: ScoreTerm[]
  calibration: ScoreTerm[]
  coldScore?: Score
  setScore?: Score
  metrics: Record<string, number>
}

export type PreviewSegmentRequest = {
  solutionVersionArn: string
  filterArn?: string
  segmentQuery: SegmentQuery
  numResults?: number
}

export type PreviewSegmentResponse = {
  users: PreviewUser[]
  histogram: HistogramBin[]
  liftCurve: LiftPoint[]
  userCount: number
  horizonDays: number
  foresees: string
}

export type PreviewUser = {
  userId: string
  score: number
  expected: number
  probability: number
}

export type Score = {
  name: string
  terms: ScoreTerm[]
}

export type ScoreTerm = {
  feature: string
  offset?: number
  relative?: boolean
  weight: number
}

export type SegmentPair = {
  first: number
  second: number
  overlap: number
  jaccard: number
  overlapShare: number
  rankBiasedOverlap: number
}

export type SegmentQuery = {
  itemId?: string
  items?: string[]
  itemAttributes?: string
  userIds?: string[]
  filterValues?: Record<string, string>
}

export type SegmentReference = {
  batchSegmentJobArn: string
  line: number
  inputFile?: string
}
