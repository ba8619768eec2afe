import { emptyFactors } from '../../src/engine/local/arrays.ts'
import type { QueryRows } from '../../src/engine/local/kernel.ts'

/** Users and items whose affinities are what `draw` says: factor q of a user is its score for query q. */
export function plantedScores(
  userCount: number,
  queryCount: number,
  draw: (user: number) => number,
) {
  const users = emptyFactors(userCount, queryCount)
  const items = emptyFactors(queryCount, queryCount)
  for (let query = 0; query < queryCount; query++) {
    items.values[query * items.width + query] = 1
    for (let user = 0; user < userCount; user++)
      users.values[user * users.width + query] = draw(user)
  }
  const queries: QueryRows = Array.from({ length: queryCount }, (_, query) => ({
    items: Uint32Array.of(query),
  }))
  const score = (query: number, user: number) => users.values[user * users.width + query]!
  return { users, items, queries, score }
}
