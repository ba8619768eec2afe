import { initRows, solveRows } from './als.ts'
import { principalAxes, rotateRows } from './axes.ts'
import { gramBlock } from './gram.ts'
import { pairHistory, traitColumns, traitSizes, userHistory } from './history.ts'
import { joinIds, lineStarts } from './ids.ts'
import { cooccurrence, neighbourRidge } from './neighbours.ts'
import { pairsOfEvents } from './pairs.ts'
import { findEvidence, rankUsers } from './rankUsers.ts'
import { scoreUsers } from './scores.ts'
import { topUsers } from './topUsers.ts'

/**
 * The kernel in TypeScript: the readable twin of each native routine, which tests compare with it, and what runs where
 * no native kernel is built. Each does a numbered block of work over shared arrays and returns nothing; a block's
 * result depends on its number only, never on the thread that takes it.
 */
export const reference = {
  initRows,
  solveRows,
  gramBlock,
  principalAxes,
  rotateRows,
  scoreUsers,
  topUsers,
  cooccurrence,
  neighbourRidge,
  joinIds,
  lineStarts,
  pairsOfEvents,
  pairHistory,
  userHistory,
  traitSizes,
  traitColumns,
  findEvidence,
  rankUsers,
}

export type Verbs = typeof reference
export type ReferenceVerb = keyof Verbs
