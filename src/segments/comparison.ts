import { slices } from '../slices.ts'

/** What two segments have in common. */
export type Comparison = {
  overlap: number
  jaccard: number
  overlapShare: number
  rankBiasedOverlap: number
}

/** How much the next rank counts of the one before: the first 100 ranks have 86 % of the weight. */
const persistence = 0.99

/**
 * Compares two lists of different numbers below `idCount`, best first.
 *
 * Rank-biased overlap, extrapolated, of lists of s and l >= s ranks that have X(d) in common at depth d:
 *   (1 - p)/p * (sum over d=1..l of X(d)/d p^d + sum over d=s+1..l of X(s)(d - s)/(s d) p^d)
 *     + ((X(l) - X(s))/l + X(s)/s) p^l
 * 1 for the same lists, 0 for lists without a common user. Source: Webber, Moffat, Zobel, "A similarity measure for
 * indefinite rankings", ACM Transactions on Information Systems 28(4), 2010, equation 32.
 */
export async function compare(
  first: Uint32Array,
  second: Uint32Array,
  idCount: number,
): Promise<Comparison> {
  const [short, long] = first.length <= second.length ? [first, second] : [second, first]
  const s = short.length
  const l = long.length
  if (s === 0) return { overlap: 0, jaccard: 0, overlapShare: 0, rankBiasedOverlap: 0 }
  const inShort = new Uint8Array(idCount)
  const inLong = new Uint8Array(idCount)
  let common = 0
  let commonAtS = 0
  let sum = 0
  let power = 1
  for await (const { from, to } of slices(l))
    for (let k = from; k < to; k++) {
      const depth = k + 1
      inLong[long[k]!] = 1
      if (k < s) {
        inShort[short[k]!] = 1
        common += inLong[short[k]!]!
        if (short[k] !== long[k]) common += inShort[long[k]!]!
        commonAtS = common
      } else common += inShort[long[k]!]!
      power *= persistence
      sum += (common / depth) * power
      if (depth > s) sum += ((commonAtS * (depth - s)) / (s * depth)) * power
    }
  const tail = ((common - commonAtS) / l + commonAtS / s) * power
  return {
    overlap: common,
    jaccard: common / (s + l - common),
    overlapShare: common / s,
    rankBiasedOverlap: ((1 - persistence) / persistence) * sum + tail,
  }
}
