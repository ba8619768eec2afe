import { setImmediate } from 'node:timers/promises'

/** Steps after which others have the event loop: a millisecond while the code is not compiled yet. */
const stepsMax = 20_000

/** How well lists of users foretell who acts, as GetSolutionMetrics means it (spec H.3, H.5). */
export type SegmentMetrics = { coverage: number; hits: number; recall: number }

/** The list length K: 1 % of the users, at least one. */
export const onePercent = (userCount: number) => Math.max(1, Math.round(userCount / 100))

/**
 * `actual[q]`: the different users who really acted in the held-out events of query q, at least one; `top[q]`: its
 * segment of at most K users. hits = how many of the segment acted, recall = hits / min(actual users, K),
 * both averaged over queries; coverage = different users in all segments / users.
 */
export async function segmentMetrics(
  top: Uint32Array[],
  actual: Uint32Array[],
  userCount: number,
): Promise<SegmentMetrics> {
  const k = onePercent(userCount)
  const actedIn = new Int32Array(userCount).fill(-1)
  const covered = new Uint8Array(userCount)
  let hitSum = 0
  let recallSum = 0
  let steps = 0
  for (let query = 0; query < top.length; query++) {
    for (const user of actual[query]!) actedIn[user] = query
    let hits = 0
    for (const user of top[query]!) {
      if (actedIn[user] === query) hits++
      covered[user] = 1
    }
    steps += top[query]!.length + actual[query]!.length
    if (steps > stepsMax) {
      steps = 0
      await setImmediate()
    }
    hitSum += hits
    recallSum += hits / Math.min(actual[query]!.length, k)
  }
  const queries = Math.max(1, top.length)
  let coveredCount = 0
  for (let user = 0; user < userCount; user++) coveredCount += covered[user]!
  return {
    coverage: coveredCount / userCount,
    hits: hitSum / queries,
    recall: recallSum / queries,
  }
}

/** The metrics under AWS's names, four decimals each, in alphabetical order (spec H.1). */
export const namedMetrics = ({ coverage, hits, recall }: SegmentMetrics) => ({
  coverage: fourDecimals(coverage),
  hits_at_1_percent: fourDecimals(hits),
  recall_at_1_percent: fourDecimals(recall),
})

const fourDecimals = (value: number) => Math.round(value * 10_000) / 10_000
