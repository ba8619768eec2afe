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
  /** Item columns used for attribute queries (empty for itemAffinity). */
  attributes: AttributeColumn[]
}

/** What a running job hands to the engine: a way to stop it and a way to tell how far it is. */
export type Run = {
  signal: AbortSignal
  progress(phase: string, done: number, total: number): void
}

/** What is learned, as written to `model.json` in the model folder. Bytes depend on plan and snapshot only. */
export type ModelDocument = {
  formatVersion: 2
  plan: TrainingPlan
  userCount: number
  itemCount: number
  eventCount: number
  /** The iALS settings chosen by validation. */
  als: { alpha0: number; regularization: number; sweeps: number }
  /** Which product of affinity s, activity a and normaliser z ranks users, chosen by validation. */
  score: ScoreForm
  /** Validation recall at 1 % of each candidate form, for people who ask why. */
  candidates: { form: ScoreForm; recall: number }[]
  /** GetSolutionMetrics, four decimals: coverage, hits_at_1_percent, recall_at_1_percent. */
  metrics: Record<string, number>
}
export type ScoreForm = 's' | 's*sqrt(a)' | 's*a' | 's*a/z'

/** One segment to answer: users for one item, or for all items of a set (indexes into the model's items). */
export type SegmentQuery = { items: Uint32Array }

/** A model opened for answering. Index spaces are dense: users 0..userCount-1, items 0..itemCount-1. */
export type Model = {
  document: ModelDocument
  /** Folder with `users.parquet` (index, id) and `items.parquet` (index, id, attribute columns). */
  folder: string
  /** The index of an item id, or undefined when no event of it was trained on. */
  itemIndex(id: string): number | undefined
  /**
   * User indexes of each query's segment, best first, ties by user id (code-unit order of the id); at most
   * `resultCount` each; only users whose bit is set in that query's mask (bit u&7 of byte u>>3), all when undefined.
   * Lists hold until the next call.
   */
  segment(
    queries: SegmentQuery[],
    resultCount: number,
    masks: (Uint8Array | undefined)[],
    run: Run,
  ): Promise<Uint32Array[]>
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
  /** Throws JobFailure where another version wrote the folder. */
  open(folder: string, signal: AbortSignal): Promise<Model>
  close(): Promise<void>
}
