import { sharedBytes } from './arrays.ts'

/** Users as bits: user u is in the mask where bit u&7 of byte u>>3 is set. */
export type Mask = Uint8Array

export const isIn = (mask: Mask, user: number) => ((mask[user >>> 3]! >>> (user & 7)) & 1) === 1

/** The mask of the users that meet a condition. */
export function maskOf(userCount: number, meets: (user: number) => boolean): Mask {
  const mask = new Uint8Array(Math.ceil(userCount / 8))
  for (let user = 0; user < userCount; user++) if (meets(user)) mask[user >>> 3]! |= 1 << (user & 7)
  return mask
}

/** How many users are in the mask. */
export function countOf(mask: Mask): number {
  let count = 0
  for (const byte of mask) for (let bits = byte; bits !== 0; bits &= bits - 1) count++
  return count
}

/** Threads read masks in place rather than get a copy each. */
export function sharedMask(mask: Mask | undefined): Mask | undefined {
  if (mask === undefined || mask.buffer instanceof SharedArrayBuffer) return mask
  const copy = sharedBytes(mask.length)
  copy.set(mask)
  return copy
}
