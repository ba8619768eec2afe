/**
 * The quotas that can be told apart: AWS's own number (spec C.7, D.3) and the number of the `open`
 * preset, which is bounded by what one machine can do. Each has a setting that overrides both.
 */
export const quotas = {
  schemas: { aws: 500, open: 100_000, means: 'schemas' },
  datasetGroups: { aws: 5, open: 10_000, means: 'dataset groups' },
  pendingDatasetImportJobs: { aws: 5, open: 1000, means: 'unfinished dataset import jobs' },
  pendingSolutionVersions: { aws: 20, open: 1000, means: 'unfinished solution versions' },
  pendingBatchSegmentJobs: { aws: 5, open: 1000, means: 'unfinished batch segment jobs' },
  solutionsPerGroup: { aws: 10, open: 10_000, means: 'solutions of one dataset group' },
  filtersPerGroup: { aws: 30, open: 10_000, means: 'filters of one dataset group' },
  fieldsPerFilter: { aws: 10, open: 100, means: 'distinct dataset fields in one filter' },
  fieldsPerGroup: {
    aws: 20,
    open: 1000,
    means: 'distinct dataset fields in all filters of a group',
  },
  fullImportBytes: { aws: 100e9, open: 1e12, means: 'bytes of one FULL import' },
  incrementalImportBytes: { aws: 1e9, open: 1e12, means: 'bytes of one INCREMENTAL import' },
  segmentInputFiles: { aws: 1000, open: 100_000, means: 'input files of one batch segment job' },
  segmentInputBytes: { aws: 1e9, open: 100e9, means: 'input bytes of one batch segment job' },
  itemAffinityLines: {
    aws: 500,
    open: 10_000_000,
    means: 'lines of one input file, item affinity',
  },
  itemAttributeAffinityLines: {
    aws: 10,
    open: 1_000_000,
    means: 'lines of one input file, item attribute affinity',
  },
} as const satisfies Record<string, { aws: number; open: number; means: string }>

export type Quota = keyof typeof quotas

/** What no preset changes: limits of the interface, then of this process. */
export const limits = {
  /** AWS: 50 tags per resource [D23]. */
  tagsPerResource: 50,
  /** AWS: 100, documented for the batch jobs, taken for all lists. Spec N.7. */
  pageSize: 100,
  /** AWS: default 25, at most 5,000,000 users per segment [D26]. */
  segmentResultsDefault: 25,
  segmentResultsMax: 5_000_000,
  /** The longest horizon that scores speak of, in days. */
  horizonDaysMax: 365,
  /** Users of a preview, whatever its query asks for. */
  previewUsers: 1000,
  /**
   * Ids in `items` or `userIds` of one input line, and of an attribute expression its characters,
   * comparisons, values in all and levels of parentheses. AWS publishes no such numbers.
   */
  lineIds: 1000,
  expressionChars: 100_000,
  expressionComparisons: 100,
  expressionValues: 1000,
  expressionDepth: 32,
  /** AWS: only the 100 newest events per user and event type count in a filter [D26]. */
  filterEventsPerUser: 100,
  /** A job that ends its worker this often fails instead of being tried again. */
  jobAttempts: 3,
  /** Jobs of one kind that run at once in one process. */
  jobsAtOnce: 2,
  /**
   * Connections of one process to a Postgres server: of requests and jobs, and of the job queue, which
   * has one more to hear of jobs. Postgres takes 100 in all unless told otherwise.
   */
  databaseConnections: 5,
  queueConnections: 3,
  /** What the Postgres server has for a connection, and a transaction for the next statement and its turn. */
  databaseConnectMs: 10_000,
  transactionIdleMs: 3000,
  transactionTurnMs: 30_000,
  /** The folder of a process that is silent this long is swept, and how often one shows that it lives. */
  scratchKeptMs: 3_600_000,
  scratchTouchedMs: 60_000,
  /** A progress row is written at most this often. */
  progressMs: 1000,
  /** What the last traces have to be sent when a process ends. */
  tracesMs: 1000,
  /** Users that one block of segment queries may hold in memory (4 bytes each). */
  segmentBlockUsers: 64_000_000,
  segmentBlockQueries: 64,
  /** `doctor` complains about a disk with less; one import may well need as much. */
  freeBytesMin: 1e9,
  /** `doctor` complains about clocks that differ by more; S3 refuses requests from 15 minutes on. */
  clockSkewMs: 60_000,
  /** Masks of a filter kept at once, one bit per user each. */
  masksKept: 64,
  /** Models that stay open between requests, factors and all, and for how long after the last. */
  modelsKept: 2,
  modelKeptMs: 60_000,
  /** Requests that may wait for a model; each has it for a second at most. */
  modelRequests: 64,
  /** Users of all segments that one request compares: about a hundred bytes of memory each. */
  comparedUsers: 2_000_000,
} as const

/** How the server asks S3, STS and KMS. */
export const s3Limits = {
  /** AWS: an object has at most 10,000 parts and 5 TiB. */
  partsMax: 10_000,
  objectBytesMax: 5 * 2 ** 40,
  /**
   * Bytes of the first parts, and how many parts later they grow by as much again: 10,000 parts
   * hold more than 5 TiB, and an output of 10 GB has at most 48 MiB in memory twice. AWS: at least
   * 5 MiB.
   */
  partBytes: 8 * 2 ** 20,
  partsOfOneSize: 64,
  /** Times that a request is tried, with growing pauses, the first included. */
  attempts: 6,
  connectMs: 5000,
  /** Silence of a connection that carries a request or an answer. */
  idleMs: 20_000,
  /** Objects under one prefix; about two hundred bytes of memory each. */
  listedObjects: 1_000_000,
} as const

/**
 * What one connection may ask of the server before an operation is even
 * known. AWS publishes no such numbers. Those of sizes, times and connections are defaults of settings.
 */
export const wireLimits = {
  /** The largest legal input, PutItems with 10 x 32,000 characters all escaped, has 1.9 MB. */
  requestBytesMax: 4 * 1024 * 1024,
  /** Bodies of the largest size that may be held at once, or more that are smaller: 256 MiB with the defaults. */
  bodiesMax: 64,
  /** The deepest legal input has 7 levels. */
  jsonDepthMax: 64,
  /** AWS: 15 minutes each way [D23]. */
  clockSkewMs: 15 * 60 * 1000,
  headerBytesMax: 32 * 1024,
  headersMs: 20_000,
  /** About 20 kB of memory each. */
  connections: 10_000,
  requestMs: 120_000,
  /** How often connections are looked through for headers and requests that are late. */
  connectionsCheckedMs: 5000,
  /**
   * Longer than the minute that load balancers keep an idle connection, so that they close first.
   */
  keepAliveMs: 72_000,
  /** What requests under way have to end once the server is to stop; they take milliseconds. */
  closeMs: 1000,
  /** What each part has to answer /health/ready, which takes it some milliseconds. */
  readyMs: 2000,
  /** How often files of keys and certificates are looked at. */
  filesWatchedMs: 1000,
  /** How long a changed one must have stayed as it is. */
  filesUnchangedMs: 500,
  /** Mean delay of the event loop over one sample from which on requests are refused. */
  eventLoopDelayMsMax: 1000,
  /**
   * A sample is longer than any one pause of the event loop: one
   * pause alone must not refuse requests.
   */
  pressureSampleMs: 5000,
  /** Share of V8's heap limit from which on requests are refused. */
  heapShareMax: 0.95,
  /** Failed constraints that one message names; the count in front of them is of all. */
  validationPartsMax: 50,
  /** Characters of a refused value that a message repeats. */
  shownCharsMax: 256,
} as const
