import type { AnyOperation } from './operation.ts'

/** Every operation that is built, by AWS's name. What the contract has and this table lacks answers 501. */
export const operations: Record<string, AnyOperation> = {}
