/**
 * The verbs that every engine speaks, with files as the medium: nothing here knows a status, an ARN or a clock.
 * A second engine (a cluster) fits behind the same verbs.
 */

/** The immutable files one training or segment job reads. Paths are absolute Parquet files, oldest first. */
export type Snapshot = {
  /** Columns as in the dataset schema: USER_ID, ITEM_ID (VARCHAR), TIMESTAMP (BIGINT seconds), maybe EVENT_TYPE, EVENT_VALUE ... */
  interactions: string[]
  /** Later files win where an id repeats. Empty when the dataset is missing. */
  items: string[]
  users: string[]
}

/** Which events count, from `eventType`, `eventValueThreshold` and `eventsConfig` of the solution. */
export type EventRule = { eventType?: string; valueAtLeast?: number; weight: number }

/** A column of the Items dataset that attribute queries may name. */
export type AttributeColumn = { name: string; kind: 'category' | 'number' }

/** What is configured: everything a training depends on besides the snapshot. */
export type TrainingPlan = {
  model: 'itemAffinity' | 'itemAttributeAffinity'
  /** Width d of the factors, 32..256. */
  factorCount: number
  /** Seed of all randomness; derived from the solution version's ARN. */
  seed: number
  /** Empty: every event counts with weight 1. Otherwise an event counts if any rule matches. */
  events: EventRule[]
  /** Item columns that tell items apart; attribute queries may name them. */
  attributes: AttributeColumn[]
  /** Days ahead that scores speak of. */
  horizonDays: number
  /** What the score is fitted to foresee: a horizon, where times tell enough, or each user's newest fifth of events. */
  foresees: 'horizon' | 'newestFifth'
}

/** What a running job hands to the engine: a way to stop it and a way to tell how far it is. */
export type Run = {
  signal: AbortSignal
  progress(phase: string, done: number, total: number): void
}

/** What is learned, as written to `model.json` in the model folder. Bytes depend on plan and snapshot only. */
export type ModelDocument = {
  formatVersion: 7
  plan: TrainingPlan
  userCount: number
  /** Items with events; `coldItemCount` more are in the Items dataset only. */
  itemCount: number
  coldItemCount: number
  eventCount: number
  /** The iALS settings chosen by validation. */
  als: { alpha0: number; regularization: number; sweeps: number }
  /** What ranks users, chosen by validation on the events that `foresees` names. */
  score: Score
  /** What ranks users for items without events, where items have attributes. */
  coldScore?: Score
  /** Of models for single items: what ranks users for sets of them. */
  setScore?: Score
  /** log of the interactions of all users that are expected with an item = sum of weight x feature. */
  demand: QueryTerm[]
  /** The candidates of `score` on the validation events, for people who ask why. */
  candidates: (Score & { recall: number; hits: number })[]
  /** Where times tell: the log of a user's events in the horizon, a linear function of its history (`userHistory`). */
  activity?: { intercept: number; coefficients: number[] }
  /** What the score was fitted to foresee: as planned, or the newest fifth where times tell too little. */
  foresees: TrainingPlan['foresees']
  /** GetSolutionMetrics, four decimals: coverage, hits_at_1_percent, recall_at_1_percent. */
  metrics: Record<string, number>
}

/**
 * log score = level of the query + sum of weight x term. A term is log(evidence + offset) for what is known of a user and
 * a query together (`relative` offsets are multiplied by the query's share of all events), or a feature of the user. By
 * its level the expected interactions of all users add up to the query's demand, and 1 - exp(-score) is the probability
 * that the user acts: log(expected interactions / score) = sum of weight x feature over `calibration`, but at least 0.
 */
export type Score = { name: string; terms: ScoreTerm[]; calibration: QueryTerm[] }
export type ScoreTerm =
  | { feature: EvidenceFeature; offset: number; relative?: true; weight: number }
  | { feature: UserFeature; weight: number }
/** A feature of a query alone, or 1. */
export type QueryTerm = { feature: QueryFeature | 'constant'; weight: number }

/**
 * `affinity`: x.y of the factors, summed over a set's items where positive. `neighbourhood`: what the user has of the
 * nearest items, by ridge weights; in `neighbourhoodNewer` and `neighbourhoodNewest` the user's newest events weigh more.
 * `own`, `ownRecent`: the user's events with the query's items, decayed in the second. `profile`, `profileNewer`: what
 * the user's items have in common with the query's.
 */
export const evidenceFeatures = [
  'affinity',
  'neighbourhood',
  'neighbourhoodNewer',
  'neighbourhoodNewest',
  'own',
  'ownRecent',
  'profile',
  'profileNewer',
] as const
export type EvidenceFeature = (typeof evidenceFeatures)[number]
/** Logs of the user's events, of those foreseen (`activity`) and of the sum of affinities to random items. */
export const userFeatures = ['events', 'activity', 'normaliser'] as const
export type UserFeature = (typeof userFeatures)[number]
/** Logs of the users of the query's items and of their decayed events. */
export const queryFeatures = ['users', 'volume'] as const
export type QueryFeature = (typeof queryFeatures)[number]

/**
 * What a segment is asked with, by index: users for one item or for any of a set; or users like these, whom
 * a mask may leave out.
 */
export type SegmentQuery = { items: Uint32Array } | { users: Uint32Array }

/** One segment to answer: at most `resultCount` users, of those whose bit is set in the mask (bit u&7 of byte u>>3). */
export type SegmentRequest = {
  query: SegmentQuery
  resultCount: number
  /** Undefined: all users. */
  mask: Uint8Array | undefined
}

/**
 * Indexes of users, best first, ties by user id (code-unit order of the id), the logs of their scores, and how many
 * interactions are expected of a user for each unit of its score.
 */
export type Segment = { users: Uint32Array; logScores: Float32Array; expectedPerScore: number }

/**
 * Why a user has its score. `contributions` add up to the score's logarithm: first that of a user with average features
 * of whom nothing else is known, then what each feature adds. `history`: the user's items without which the score would lose most.
 */
export type Explanation = {
  contributions: { feature: string; value: number; contribution: number }[]
  history: { item: number; weight: number }[]
}

/**
 * A model opened for answering. Index spaces are dense: users 0..userCount-1, items 0..itemCount-1 and after them those
 * without events.
 */
export type Model = {
  document: ModelDocument
  /** Folder with `users.parquet` (index, id) and `items.parquet` (index, id, attribute columns). */
  folder: string
  /** The index of an item id, or undefined when neither its events nor its attributes say anything. */
  itemIndex(id: string): number | undefined
  /** The index of a user id, or undefined when no event of it was trained on. */
  userIndex(id: string): number | undefined
  itemId(index: number): string
  userId(index: number): string
  /** The segment of each request. Lists hold until the next call. */
  segment(requests: SegmentRequest[], run: Run): Promise<Segment[]>
  /**
   * Each user's expected interactions within the horizon, more never behind less in `segment`, and how many that are for
   * each unit of the score.
   */
  expected(
    query: SegmentQuery,
    signal: AbortSignal,
  ): Promise<{ expected: Float32Array; expectedPerScore: number }>
  explain(query: SegmentQuery, user: number, signal: AbortSignal): Promise<Explanation>
  /** The log of the score of a user with average features of whom nothing else is known. */
  unknownUser(query: SegmentQuery, signal: AbortSignal): Promise<number>
  /**
   * The ids of these users as JSON strings, commas between, in chunks of a few megabytes. A chunk holds until the next
   * is asked for, from this list or another.
   */
  idText(users: Uint32Array, signal: AbortSignal): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

/** The verbs. `train` throws JobFailure where the data are not enough (spec E.8). */
export type Engine = {
  /** Which code computes and why, in a few words for people: `native kernel (avx512)`. */
  kernel: string
  /** Reads the snapshot, writes the model folder whole or not at all (the caller names a fresh folder). */
  train(plan: TrainingPlan, snapshot: Snapshot, folder: string, run: Run): Promise<ModelDocument>
  /**
   * Writes a model that scores as the one in `model` does but knows the users and events of this snapshot, those of
   * items without events in training left out. JobFailure where none are left, and as `open`.
   */
  foldIn(model: string, snapshot: Snapshot, folder: string, run: Run): Promise<ModelDocument>
  /** What is written about a model, without opening it. Throws JobFailure as `open`. */
  describe(folder: string): Promise<ModelDocument>
  /** Throws JobFailure where another version wrote the folder. */
  open(folder: string, signal: AbortSignal): Promise<Model>
  close(): Promise<void>
}
