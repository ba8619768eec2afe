import type { TestContext } from 'node:test'
import { randomNumbers } from '../smallShop.ts'

const seed = Number(process.env.FAULT_SEED ?? 1)

/** How often a fault comes: FAULT_TIMES=10 lets ten times as many come, 0.1 a tenth. */
export const times = (count: number) => Math.ceil(count * Number(process.env.FAULT_TIMES ?? 1))

/** Chance of its own for each test, told so that FAULT_SEED can repeat what it decides. */
export function chance(t: TestContext) {
  t.diagnostic(`FAULT_SEED=${seed}`)
  const random = randomNumbers(seed)
  return {
    random,
    between: (least: number, most: number) => least + random() * (most - least),
    oneOf: <Each>(all: readonly Each[]): Each => all[Math.floor(random() * all.length)]!,
  }
}
export type Chance = ReturnType<typeof chance>
