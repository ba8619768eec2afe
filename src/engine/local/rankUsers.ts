import { type EvidenceFeature, evidenceFeatures } from '../engine.ts'
import { notFinite, smallest } from './als.ts'
import { affinities, type QueryArgs } from './scores.ts'
import { selectTop } from './topUsers.ts'
import { sharedSlots } from './verbs.ts'

/** Lists of indexes: list q is starts[q]..starts[q + 1]). */
export type Columns = { starts: Uint32Array; columns: Uint32Array }
/** The same with weights. */
export type Lists = Columns & { weights: Float32Array }

/**
 * Queries as the kernel sees them. For a user u and a query the evidence is, in the order of evidenceFeatures,
 *   affinity = x_u.y of its only item, the sum of max(0, x_u.y) over several
 *   neighbourhood = sum of `near` weights of the items that u has, times each one's weight by age in the next two
 *   own = u's events with the items of `owned`, ownRecent = the same, decayed
 *   profile = sum over `traits` of weight times the share of u's events that have the trait, or its newer share
 * each at least 0.
 */
export type EvidenceArgs = QueryArgs & {
  /** Features of the users, in the order of userFeatures. */
  features: Float32Array[]
  near: Lists
  owned: Columns
  traits: Lists
  /** The users of each item, and a number of each pair (`pairHistory`). */
  itemUsers: Columns
  itemCounts: Float32Array
  itemRecents: Float32Array
  itemNewer: Float32Array
  itemNewest: Float32Array
  /** The users of each trait, and a number of each pair (`traitColumns`). */
  traitUsers: Columns
  traitShares: Float32Array
  traitNewer: Float32Array
}

/** What a verb over blocks of queries gets. */
type OfQueries = {
  evidence: EvidenceArgs
  /** Boundaries of the blocks of queries. */
  blocks: Uint32Array
}

/** out = the evidence of all users for each query: queries x evidenceFeatures x users. */
export function findEvidence(args: OfQueries & { out: Float32Array }, block: number): void {
  const { evidence, blocks, out } = args
  const size = evidenceFeatures.length * evidence.userCount
  for (let query = blocks[block]!; query < blocks[block + 1]!; query++)
    evidenceOf(evidence, query, out.subarray(query * size, (query + 1) * size))
}

function evidenceOf(args: EvidenceArgs, query: number, out: Float32Array): void {
  const { userCount, near, owned, traits } = args
  const part = (feature: EvidenceFeature) => {
    const k = evidenceFeatures.indexOf(feature)
    return out.subarray(k * userCount, (k + 1) * userCount)
  }
  out.fill(0)
  affinities(args, { from: 0, count: userCount }, { from: query, count: 1 }, part('affinity'))
  const { itemUsers, traitUsers } = args
  spread(near, query, itemUsers, undefined, part('neighbourhood'))
  spread(near, query, itemUsers, args.itemNewer, part('neighbourhoodNewer'))
  spread(near, query, itemUsers, args.itemNewest, part('neighbourhoodNewest'))
  spread(owned, query, itemUsers, args.itemCounts, part('own'))
  spread(owned, query, itemUsers, args.itemRecents, part('ownRecent'))
  spread(traits, query, traitUsers, args.traitShares, part('profile'))
  spread(traits, query, traitUsers, args.traitNewer, part('profileNewer'))
  for (let at = 0; at < out.length; at++) if (out[at]! < 0) out[at] = 0
  requireFinite(out)
}

function requireFinite(values: Float32Array): void {
  for (let at = 0; at < values.length; at++)
    if (!Number.isFinite(values[at])) throw new Error(notFinite)
}

/** out[u] += sum over the query's list of weight x matrix[column, u] */
function spread(
  list: Columns & { weights?: Float32Array },
  query: number,
  { starts, columns }: Columns,
  values: Float32Array | undefined,
  out: Float32Array,
): void {
  for (let k = list.starts[query]!; k < list.starts[query + 1]!; k++) {
    const column = list.columns[k]!
    const weight = list.weights === undefined ? 1 : list.weights[k]!
    for (let at = starts[column]!; at < starts[column + 1]!; at++)
      out[columns[at]!]! += weight * (values === undefined ? 1 : values[at]!)
  }
}

/**
 * How users are ranked: log score = sum of weight x feature of the user + sum of weight x log(evidence + offset) over
 * the terms; each term's offset may differ from query to query.
 */
export type RankForm = {
  userWeights: Float32Array
  /** Index of the evidence and weight of each term. */
  evidence: Uint32Array
  weights: Float32Array
  /** Terms x queries. */
  offsets: Float32Array
}

export type RankArgs = OfQueries & {
  forms: RankForm[]
  /** Allowed users of each query as bits (bit u&7 of byte u>>3), null: everybody. */
  masks: (Uint8Array | null)[]
  /** Query q has room for resultStarts[q + 1] - resultStarts[q] results. */
  resultStarts: Uint32Array
  /** Results, forms x what resultStarts says: users, their log scores, and how many of each list are filled. */
  out: Uint32Array
  logScores: Float32Array
  counts: Uint32Array
  /** Forms x queries: log of the sum of all users' scores, allowed or not. */
  logSums: Float64Array
}

/** The users of the largest score for each query under each form, best first, ties by user index. */
export function rankUsers(args: RankArgs, block: number, shared: Int32Array): void {
  const { blocks, forms, resultStarts } = args
  const { userCount, features } = args.evidence
  const queryCount = args.masks.length
  const evidence = new Float32Array(evidenceFeatures.length * userCount)
  const logScores = new Float32Array(userCount)
  for (let query = blocks[block]!; query < blocks[block + 1]!; query++) {
    if (Atomics.load(shared, sharedSlots.stopped) === 1) return
    evidenceOf(args.evidence, query, evidence)
    const resultCount = resultStarts[query + 1]! - resultStarts[query]!
    for (const [form, each] of forms.entries()) {
      logScoresOf(each, query, queryCount, { evidence, features }, logScores)
      const top = selectTop(logScores, args.masks[query]!, resultCount)
      const to = form * resultStarts[queryCount]! + resultStarts[query]!
      args.counts[form * queryCount + query] = top.length
      args.out.set(top, to)
      for (let k = 0; k < top.length; k++) args.logScores[to + k] = logScores[top[k]!]!
      args.logSums[form * queryCount + query] = logSumOf(logScores)
    }
  }
}

function logScoresOf(
  { userWeights, evidence: indexes, weights, offsets }: RankForm,
  query: number,
  queryCount: number,
  { evidence, features }: { evidence: Float32Array; features: Float32Array[] },
  out: Float32Array,
): void {
  out.fill(0)
  for (const [k, values] of features.entries())
    for (let user = 0; user < out.length; user++) out[user]! += userWeights[k]! * values[user]!
  for (let term = 0; term < weights.length; term++) {
    const from = indexes[term]! * out.length
    const weight = weights[term]!
    const offset = offsets[term * queryCount + query]!
    if (!(offset >= smallest && offset < Infinity))
      throw new Error('Offsets must be positive numbers.')
    for (let user = 0; user < out.length; user++)
      out[user]! += weight * Math.log(evidence[from + user]! + offset)
  }
  requireFinite(out)
}

/** The log of the sum of exp of each. */
function logSumOf(logs: Float32Array): number {
  let most = -Infinity
  for (let user = 0; user < logs.length; user++) most = Math.max(most, logs[user]!)
  let sum = 0
  for (let user = 0; user < logs.length; user++) sum += Math.exp(logs[user]! - most)
  return most + Math.log(sum)
}
