import { setImmediate } from 'node:timers/promises'

/** Steps after which others have the event loop: a millisecond while the code is not compiled yet. */
const stepsMax = 20_000

/** How well lists of users foretell who acts, as GetSolutionMetrics means it (spec H.3, H.5). */
export type SegmentMetrics = {
  coverage: number
  hits: number
  recall: number
  /** Of each query. */
  recalls: number[]
}

/** The list length K: 1 % of the users, at least one. */
export const onePercent = (userCount: number) => Math.max(1, Math.round(userCount / 100))

/**
 * Of `userCount` users: `actual[q]`: the different users who really acted in the held-out events of query q, at least one; `top[q]`: its
 * segment of at most K users. hits = how many of the segment acted, recall = hits / min(actual users, K),
 * both averaged over queries; coverage = different users in all segments / users. Indexes are below `rowCount`, which is more than
 * `userCount` where not all users take part.
 */
export async function segmentMetrics(
  top: Uint32Array[],
  actual: Uint32Array[],
  userCount: number,
  rowCount = userCount,
): Promise<SegmentMetrics> {
  const k = onePercent(userCount)
  /** The last query, counted from 1, whose segment each user was in. */
  const lastIn = new Uint32Array(rowCount)
  let covered = 0
  let hitSum = 0
  const recalls: number[] = []
  let steps = 0
  for (let query = 0; query < top.length; query++) {
    const segment = top[query]!
    const acted = actual[query]!
    for (const user of segment) {
      if (lastIn[user] === 0) covered++
      lastIn[user] = query + 1
    }
    let hits = 0
    for (const user of acted) if (lastIn[user] === query + 1) hits++
    steps += segment.length + acted.length
    if (steps > stepsMax) {
      steps = 0
      await setImmediate()
    }
    hitSum += hits
    recalls.push(hits / Math.min(acted.length, k))
  }
  const queries = Math.max(1, top.length)
  return {
    coverage: covered / userCount,
    hits: hitSum / queries,
    recall: recalls.reduce((sum, recall) => sum + recall, 0) / queries,
    recalls,
  }
}

/** The metrics under AWS's names, four decimals each, in alphabetical order (spec H.1). */
export const namedMetrics = ({ coverage, hits, recall }: Omit<SegmentMetrics, 'recalls'>) => ({
  coverage: fourDecimals(coverage),
  hits_at_1_percent: fourDecimals(hits),
  recall_at_1_percent: fourDecimals(recall),
})

const fourDecimals = (value: number) => Math.round(value * 10_000) / 10_000
