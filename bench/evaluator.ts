/**
 * How well lists of users foretell who acts, written anew and apart from the engine's own metrics (spec H.5):
 * hits = users of the list who acted, recall = hits / min(users who acted, K).
 */
export type Judged = { hits: number; recall: number }

/** One query: `list` has at most K users, `acted` at least one. */
export function judge(list: Iterable<number>, acted: ReadonlySet<number>, k: number): Judged {
  let hits = 0
  for (const user of list) if (acted.has(user)) hits += 1
  return { hits, recall: hits / Math.min(acted.size, k) }
}

export type Summary = Judged & { recallLow: number; recallHigh: number }

const resamples = 1000

/** Means over queries, and the middle 95 % of the mean recalls of samples of as many queries (bootstrap, fixed seed). */
export function summary(judged: readonly Judged[]): Summary {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  let state = 12_345
  const next = () => {
    // Park and Miller's generator (1988).
    state = (state * 48_271) % 2_147_483_647
    return state % judged.length
  }
  const means = Array.from({ length: resamples }, () =>
    mean(Array.from(judged, () => judged[next()]!.recall)),
  ).sort((a, b) => a - b)
  return {
    hits: mean(judged.map(({ hits }) => hits)),
    recall: mean(judged.map(({ recall }) => recall)),
    recallLow: means[Math.floor(0.025 * resamples)]!,
    recallHigh: means[Math.ceil(0.975 * resamples) - 1]!,
  }
}
