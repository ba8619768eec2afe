import {
  type EvidenceFeature,
  evidenceFeatures,
  type QueryTerm,
  queryFeatures,
  type Score,
  type ScoreTerm,
  type UserFeature,
  userFeatures,
} from '../engine.ts'
import { sharedFloats32, sharedFloats64, sharedInts } from './arrays.ts'
import { type Asked, askedBlocks, evidenceArgs } from './asked.ts'
import type { Kernel } from './kernel.ts'
import { sharedMask } from './masks.ts'
import type { RankForm } from './rankUsers.ts'
import type { KnownUsers } from './someUsers.ts'

/** What is known of a user and a query: what a term is made of. */
export type Known = {
  evidence(feature: EvidenceFeature): number
  user(feature: UserFeature): number
  asked: Pick<Asked, 'features' | 'shares'>
}

/** What a term is before its weight. */
export function termValue(term: ScoreTerm, { evidence, user, asked }: Known): number {
  return isEvidence(term)
    ? Math.log(evidence(term.feature) + offsetOf(term, asked))
    : user(term.feature)
}

/** A regression on `queryFeatures` as terms. */
export const queryTerms = ({
  intercept,
  coefficients,
}: {
  intercept: number
  coefficients: number[]
}): QueryTerm[] => [
  { feature: 'constant', weight: intercept },
  ...queryFeatures.map((feature, k) => ({ feature, weight: coefficients[k]! })),
]

export const featureValues = (features: Asked['features']) =>
  queryFeatures.map((name) => features[name])

/** What a linear function of a query's features is. */
export const queryValue = (terms: QueryTerm[], { features }: Pick<Asked, 'features'>): number =>
  terms.reduce(
    (sum, { feature, weight }) => sum + weight * (feature === 'constant' ? 1 : features[feature]),
    0,
  )

export type EvidenceTerm = Extract<ScoreTerm, { offset: number }>
export const isEvidence = (term: ScoreTerm): term is EvidenceTerm => 'offset' in term

export const offsetOf = (
  { feature, offset, relative }: EvidenceTerm,
  { shares }: Pick<Asked, 'shares'>,
) => (relative ? offset * shares[feature]! : offset)

/** A score as the kernel computes it for these queries. */
function rankForm({ terms }: Score, asked: Asked[]): RankForm {
  const userWeights = sharedFloats32(userFeatures.length)
  const evidence = terms.filter(isEvidence)
  const offsets = sharedFloats32(evidence.length * asked.length)
  for (const [n, term] of evidence.entries())
    for (const [query, each] of asked.entries())
      offsets[n * asked.length + query] = offsetOf(term, each)
  for (const term of terms)
    if (!isEvidence(term)) userWeights[userFeatures.indexOf(term.feature)]! += term.weight
  return {
    userWeights,
    evidence: Uint32Array.from(evidence, ({ feature }) => evidenceFeatures.indexOf(feature)),
    weights: Float32Array.from(evidence, ({ weight }) => weight),
    offsets,
  }
}

/** Users, best first, the log of each one's score without the query's level, and of the sum over all users. */
export type Ranked = { users: Uint32Array; logScores: Float32Array; logSum: number }

/** A query, how many users it wants at most, and who may be among them (undefined: everybody). */
export type RankRequest = { asked: Asked; resultCount: number; mask: Uint8Array | undefined }

/** The best users of each query under each score: lists[score][query]. */
export async function rankUsers(
  kernel: Kernel,
  known: KnownUsers,
  requests: RankRequest[],
  scores: Score[],
  signal: AbortSignal,
  onFinished?: (queries: number) => void,
): Promise<Ranked[][]> {
  const asked = requests.map((request) => request.asked)
  const resultStarts = sharedInts(requests.length + 1)
  for (const [n, { resultCount }] of requests.entries())
    resultStarts[n + 1] = resultStarts[n]! + Math.min(resultCount, known.users.rowCount)
  const size = resultStarts[requests.length]!
  const out = sharedInts(scores.length * size)
  const logScores = sharedFloats32(scores.length * size)
  const counts = sharedInts(scores.length * requests.length)
  const logSums = sharedFloats64(scores.length * requests.length)
  const longest = requests.reduce((most, { resultCount }) => Math.max(most, resultCount), 0)
  const evidence = evidenceArgs(known, asked)
  const blocks = askedBlocks(kernel, evidence, scores.length * longest)
  const args = {
    evidence,
    ...{ resultStarts, counts, out, logScores, logSums },
    blocks,
    forms: scores.map((score) => rankForm(score, asked)),
    masks: requests.map(({ mask }) => sharedMask(mask) ?? null),
  }
  const tell = (done: number) => onFinished?.(blocks[done]!)
  await kernel.run('rankUsers', args, blocks.length - 1, signal, tell)
  return scores.map((_, score) =>
    requests.map((_, query) => {
      const at = score * requests.length + query
      const from = score * size + resultStarts[query]!
      const to = from + counts[at]!
      return {
        users: out.subarray(from, to),
        logScores: logScores.subarray(from, to),
        logSum: logSums[at]!,
      }
    }),
  )
}
