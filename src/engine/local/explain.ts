import { type EvidenceFeature, type Explanation, evidenceFeatures, type Score } from '../engine.ts'
import { type Asked, findEvidence } from './asked.ts'
import { ridges } from './factorise.ts'
import type { Kernel } from './kernel.ts'
import type { LoadedModel } from './modelFiles.ts'
import { solveSymmetric } from './poisson.ts'
import { termValue } from './score.ts'

/** Items of the history that are told. */
const historyMax = 20

/** Why a user has its score for a query. */
export async function explain(
  kernel: Kernel,
  loaded: LoadedModel,
  asked: Asked,
  score: Score,
  user: number,
  signal: AbortSignal,
): Promise<Explanation> {
  const { fitted } = loaded
  const userCount = fitted.users.rowCount
  const evidence = await findEvidence(kernel, fitted, [asked], signal)
  const of = (someone: number) => (feature: EvidenceFeature) =>
    evidence[evidenceFeatures.indexOf(feature) * userCount + someone]!
  const parts = new Map<string, { value: number; contribution: number }>()
  let average = 0
  for (const term of score.terms) {
    const value = termValue(term, asked, fitted, user, of(user))
    let mean = 0
    for (let other = 0; other < userCount; other++)
      mean += termValue(term, asked, fitted, other, of(other)) / userCount
    average += term.weight * mean
    const part = parts.get(term.feature) ?? {
      value: 'offset' in term ? of(user)(term.feature) : Math.exp(value),
      contribution: 0,
    }
    part.contribution += term.weight * (value - mean)
    parts.set(term.feature, part)
  }
  const told = [...parts].map(([feature, part]) => ({ feature, ...part }))
  const contributions = told.filter(({ contribution }) => contribution !== 0)
  contributions.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution))
  return {
    contributions: [
      { feature: 'averageUser', value: Math.exp(average), contribution: average },
      ...contributions,
    ],
    history: await historyOf(kernel, loaded, asked, score, user, of(user), signal),
  }
}

/**
 * What each of the user's items adds to the log score, to first order. The affinity splits exactly (Hu, Koren and
 * Volinsky 2008, section 5): x = A^-1 sum of y_j with A of the user's own least squares, so x.q = sum of q A^-1 y_j.
 */
async function historyOf(
  kernel: Kernel,
  { fitted, document }: LoadedModel,
  asked: Asked,
  score: Score,
  user: number,
  evidence: (feature: EvidenceFeature) => number,
  signal: AbortSignal,
): Promise<Explanation['history']> {
  const { byUser, byItem } = fitted.pairs
  const { values, width } = fitted.items
  const own = byUser.columns.subarray(byUser.starts[user]!, byUser.starts[user + 1]!)
  if (own.length === 0) return []
  const slope = (feature: EvidenceFeature) => {
    let sum = 0
    for (const term of score.terms)
      if (term.feature === feature && 'offset' in term) {
        const offset = term.offset * (term.relative ? asked.shares[feature]! : 1)
        sum += term.weight / (evidence(feature) + offset)
      }
    return sum
  }
  const { alpha0 } = document.als
  const { ridge, ridgePerPair } = ridges(byUser, document.als, byItem.rowCount)
  const a = (await kernel.gram(fitted.items, signal)).map((value) => alpha0 * value)
  for (let k = 0; k < width; k++) a[k * width + k]! += ridge + ridgePerPair * own.length
  for (const item of own)
    for (let i = 0; i < width; i++)
      for (let k = 0; k <= i; k++)
        a[i * width + k]! += values[item * width + i]! * values[item * width + k]!
  const query = new Float64Array(width)
  asked.rows.forEach((value, k) => {
    query[k % width]! += value
  })
  const solved = solveSymmetric(a, query)
  const near = new Map(Array.from(asked.near.columns, (item, k) => [item, asked.near.weights[k]!]))
  const owned = new Set(asked.owned)
  const wanted = new Map(
    Array.from(asked.traits.columns, (trait, k) => [trait, asked.traits.weights[k]!]),
  )
  const slopes = Object.fromEntries(evidenceFeatures.map((feature) => [feature, slope(feature)]))
  const found = Array.from(own, (item) => {
    let affinity = 0
    for (let k = 0; k < width; k++) affinity += solved[k]! * values[item * width + k]!
    let profile = 0
    const { starts, traits } = fitted.itemTraits
    for (let k = starts[item]!; k < starts[item + 1]!; k++) profile += wanted.get(traits[k]!) ?? 0
    const weight =
      slopes.affinity! * affinity +
      slopes.neighbourhood! * (near.get(item) ?? 0) +
      slopes.profile! * profile +
      (owned.has(item)
        ? slopes.own! * evidence('own') + slopes.ownRecent! * evidence('ownRecent')
        : 0)
    return { item, weight }
  })
  found.sort((x, y) => y.weight - x.weight || x.item - y.item)
  return found.slice(0, historyMax)
}
