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
 * both averaged over queries; coverage = different users in all segments / users.
 */
export async function segmentMetrics(
  top: Uint32Array[],
  actual: Uint32Array[],
  userCount: number,
): Promise<SegmentMetrics> {
  const k = onePercent(userCount)
  // Indexes may go beyond the count, where not all users take part.
  const covered = new Set<number>()
  let hitSum = 0
  const recalls: number[] = []
  let steps = 0
  for (let query = 0; query < top.length; query++) {
    const acted = new Set(actual[query]!)
    let hits = 0
    for (const user of top[query]!) {
      if (acted.has(user)) hits++
      covered.add(user)
    }
    steps += top[query]!.length + actual[query]!.length
    if (steps > stepsMax) {
      steps = 0
      await setImmediate()
    }
    hitSum += hits
    recalls.push(hits / Math.min(actual[query]!.length, k))
  }
  const queries = Math.max(1, top.length)
  return {
    coverage: covered.size / userCount,
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
