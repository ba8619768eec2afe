import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

/** How much of a shop is generated. Ids are `u0`, `u1` ... and `i0`, `i1` ... */
export type ShopSize = {
  userCount: number
  itemCount: number
  eventCount: number
  /** The first `userCount` events are one of each user. */
  everyUser?: true
}

/** The sizes of the benchmarks, by their names in figures. */
export const sizes: Record<string, ShopSize> = {
  '500k': { userCount: 25_000, itemCount: 5_000, eventCount: 500_000 },
  '5M': { userCount: 150_000, itemCount: 20_000, eventCount: 5_000_000 },
  '20M': { userCount: 138_000, itemCount: 27_000, eventCount: 20_000_000 },
  '1Musers': { userCount: 1_000_000, itemCount: 20_000, eventCount: 6_000_000, everyUser: true },
  '5Musers': { userCount: 5_000_000, itemCount: 20_000, eventCount: 8_000_000, everyUser: true },
}

/** Measured when no size is asked for; the others are those of `kernel.jobs`. */
export const usualSizes = ['500k', '5M']

const tasteCount = 20

/**
 * Streams interactions as CSV: users and items are drawn by power laws, and four of five events
 * are of one of the user's two tastes, so that there is something to learn. The same size gives
 * the same bytes.
 */
export async function writeInteractions(path: string, size: ShopSize): Promise<void> {
  const { userCount, itemCount, eventCount, everyUser } = size
  const random = xorshift(1)
  const out = createWriteStream(path, { highWaterMark: 1 << 20 })
  let text = 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n'
  for (let n = 0; n < eventCount; n++) {
    const drawn = powerLaw(random(), userCount)
    const user = everyUser && n < userCount ? n : drawn
    let item = powerLaw(random(), itemCount)
    const taste = (random() < 0.5 ? user : user * 7 + 3) % tasteCount
    if (random() < 0.8) item = Math.min(item - (item % tasteCount) + taste, itemCount - 1)
    const type = random() < 0.1 ? 'purchase' : 'view'
    text += `u${user},i${item},${1_700_000_000 + n},${type}\n`
    if (text.length < 1 << 20) continue
    if (!out.write(text)) await once(out, 'drain')
    text = ''
  }
  out.end(text)
  await finished(out)
}

/** Input lines of a segment job: the items, most popular first. */
export const queryLines = (lineCount: number): string =>
  Array.from({ length: lineCount }, (_, n) => `{"itemId": "i${n}"}\n`).join('')

/**
 * From 0..1 to 0..count-1, density falling as x^-0.6: the head is drawn some hundred times as often
 * as the tail.
 */
export const powerLaw = (uniform: number, count: number) => Math.floor(count * uniform ** 2.5)

/** Numbers from 0 to 1, the same for the same seed (Marsaglia 2003). */
export function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}
