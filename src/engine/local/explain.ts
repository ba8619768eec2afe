import {
  type EvidenceFeature,
  type Explanation,
  evidenceFeatures,
  type Score,
  userFeatures,
} from '../engine.ts'
import type { Pairs } from './arrays.ts'
import { type Asked, findEvidence, type Weighted } from './asked.ts'
import { type AlsSettings, leastSquares, ridges } from './factorise.ts'
import type { Fitted } from './fitted.ts'
import type { Kernel } from './kernel.ts'
import type { LoadedModel } from './modelFiles.ts'
import { solveSymmetric } from './poisson.ts'
import { type EvidenceTerm, isEvidence, type Known, offsetOf, termValue } from './score.ts'

/** Items of the history that are told. */
const historyMax = 20

/** Why a user has its score for a query. */
export async function explain(
  kernel: Kernel,
  loaded: LoadedModel,
  asked: Asked,
  score: Score,
  level: number,
  user: number,
  signal: AbortSignal,
): Promise<Explanation> {
  const { fitted } = loaded
  const userCount = fitted.users.rowCount
  const evidence = await findEvidence(kernel, fitted, [asked], signal)
  const known: Known = {
    evidence: (feature) => evidence[evidenceFeatures.indexOf(feature) * userCount + user]!,
    user: (feature) => fitted.features[feature][user]!,
    asked,
  }
  const nobody = unknownUser(fitted, asked)
  const parts = new Map<string, { value: number; contribution: number }>()
  let unknown = level
  for (const term of score.terms) {
    const value = termValue(term, known)
    const without = termValue(term, nobody)
    unknown += term.weight * without
    const part = parts.get(term.feature) ?? {
      value: isEvidence(term) ? known.evidence(term.feature) : Math.exp(value),
      contribution: 0,
    }
    part.contribution += term.weight * (value - without)
    parts.set(term.feature, part)
  }
  const told = [...parts].map(([feature, part]) => ({ feature, ...part }))
  const contributions = told.filter(({ contribution }) => contribution !== 0)
  contributions.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution))
  return {
    contributions: [
      { feature: 'unknownUser', value: Math.exp(unknown), contribution: unknown },
      ...contributions,
    ],
    history: await historyOf(kernel, loaded, known, score, user, asked, signal),
  }
}

/** A user with average features of whom nothing else is known. */
function unknownUser({ features }: Fitted, asked: Asked): Known {
  const means = Object.fromEntries(
    userFeatures.map((feature) => [feature, meanOf(features[feature])]),
  )
  return { evidence: () => 0, user: (feature) => means[feature]!, asked }
}

/** The log of that user's score without the query's level. */
export function unknownUserScore(fitted: Fitted, asked: Asked, { terms }: Score): number {
  const nobody = unknownUser(fitted, asked)
  return terms.reduce((sum, term) => sum + term.weight * termValue(term, nobody), 0)
}

function meanOf(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

/**
 * What the log score would lose without each of the user's items. The affinity splits exactly (Hu, Koren and
 * Volinsky 2008, section 5): x = A^-1 sum of y_j with A of the user's own least squares, so x.q = sum of q A^-1 y_j.
 */
async function historyOf(
  kernel: Kernel,
  { fitted, document }: LoadedModel,
  { evidence }: Known,
  score: Score,
  user: number,
  asked: Asked,
  signal: AbortSignal,
): Promise<Explanation['history']> {
  const { pairs, history, itemTraits } = fitted
  const { values, width } = fitted.items
  const { starts, columns } = pairs.byUser
  const own = columns.subarray(starts[user]!, starts[user + 1]!)
  const terms = score.terms.filter(isEvidence)
  const solved = await affinityParts(kernel, fitted, document.als, own, asked, signal)
  const near = weightsOf(asked.near)
  const wanted = weightsOf(asked.traits)
  const owned = new Set(asked.owned)
  const events = Math.expm1(fitted.features.events[user]!)
  const found = Array.from(own, (item) => {
    const pair = pairOf(pairs.byItem, item, user)
    const count = history.counts[pair]!
    const neighbourhood = near.get(item) ?? 0
    let affinity = 0
    for (let k = 0; k < width; k++) affinity += solved[k]! * values[item * width + k]!
    let profile = 0
    for (let k = itemTraits.starts[item]!; k < itemTraits.starts[item + 1]!; k++)
      profile += ((wanted.get(itemTraits.traits[k]!) ?? 0) * count) / events
    const parts: Partial<Record<EvidenceFeature, number>> = {
      ...{ affinity, neighbourhood, profile },
      neighbourhoodNewer: neighbourhood * history.newer[pair]!,
      neighbourhoodNewest: neighbourhood * history.newest[pair]!,
      ...(owned.has(item) && { own: count, ownRecent: history.recents[pair]! }),
    }
    const lost = (term: EvidenceTerm) => {
      const all = evidence(term.feature)
      const left = Math.max(0, all - (parts[term.feature] ?? 0))
      const offset = offsetOf(term, asked)
      return term.weight * Math.log((all + offset) / (left + offset))
    }
    return { item, weight: terms.reduce((sum, term) => sum + lost(term), 0) }
  })
  found.sort((x, y) => y.weight - x.weight || x.item - y.item)
  return found.slice(0, historyMax)
}

const weightsOf = ({ columns, weights }: Weighted) =>
  new Map(Array.from(columns, (column, k) => [column, weights[k]!]))

/** Where the pair of an item and a user lies, by item. */
function pairOf({ starts, columns }: Pairs, item: number, user: number): number {
  const from = starts[item]!
  return from + columns.subarray(from, starts[item + 1]!).indexOf(user)
}

/** A^-1 of the sum of the query's factors, by which an item's factors are multiplied for its part of the affinity. */
async function affinityParts(
  kernel: Kernel,
  { pairs, items }: Fitted,
  als: AlsSettings,
  own: Uint32Array,
  asked: Asked,
  signal: AbortSignal,
): Promise<Float64Array> {
  const query = new Float64Array(items.width)
  for (const [k, value] of asked.rows.entries()) query[k % items.width]! += value
  const gram = await kernel.gram(items, signal)
  const options = ridges(pairs.byUser, als, pairs.byUser.columnCount)
  return solveSymmetric(leastSquares(items, gram, own, options), query)
}
