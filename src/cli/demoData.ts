import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { brands, countries, departments, qualities } from './demoNames.ts'

/** How large the shop is and from which seed it grows: the same numbers give the same bytes. */
export type ShopSize = { users: number; items: number; interactions: number; seed: number }

export const demoShop: ShopSize = { users: 5000, items: 1000, interactions: 150_000, seed: 7 }

type Item = { id: string; name: string; department: number; brand: number; price: number }
type User = {
  id: string
  country: string
  membership: string
  departments: number[]
  brand: number
}
type Random = () => number
type Pick = (random: Random) => number

/**
 * Writes `users.csv`, `items.csv` and `interactions.csv` of an invented shop into
 * `folder`. Planted, so that a segment can be judged by eye: each user has a favourite and
 * a second department and a favourite brand; a few users and items make most of the
 * events; gold members come most often.
 */
export async function generateShop(folder: string, size: ShopSize): Promise<void> {
  const random = mulberry32(size.seed)
  const items = makeItems(size.items, random)
  const weights = Array.from({ length: size.users }, () => (1 - random()) ** -0.5)
  const users = makeUsers(weights, random)
  await mkdir(folder, { recursive: true })
  await writeLines(join(folder, 'items.csv'), itemLines(items, random))
  await writeLines(join(folder, 'users.csv'), userLines(users))
  await writeLines(
    join(folder, 'interactions.csv'),
    eventLines(size, users, weights, items, random),
  )
}

const secondsPerYear = 365 * 86_400
const yearStart = Date.UTC(2025, 0, 1) / 1000

function makeItems(count: number, random: Random): Item[] {
  const named = new Set<string>()
  return Array.from({ length: count }, (_, index) => {
    const department = index % departments.length
    const { things, price } = departments[department]!
    for (;;) {
      // A brand is at home in every third department, so that department
      // and brand are not the same thing.
      const home = brands.filter((_, brand) => brand % 3 === department % 3)
      const brand = brands.indexOf(home[Math.floor(random() * home.length)]!)
      const quality = qualities[Math.floor(random() * qualities.length)]!
      const name = `${brands[brand]} ${quality} ${things[Math.floor(random() * things.length)]}`
      if (named.has(name)) continue
      named.add(name)
      const cents = Math.round(price * 100 * (0.5 + 1.5 * random()))
      return {
        id: `item-${String(index + 1).padStart(4, '0')}`,
        name,
        department,
        brand,
        price: cents / 100,
      }
    }
  })
}

function makeUsers(weights: number[], random: Random): User[] {
  const country = picker(countries.map(([, weight]) => weight))
  const [gold, silver] = [quantile(weights, 0.95), quantile(weights, 0.8)]
  return weights.map((weight, index) => {
    const favourite = Math.floor(random() * departments.length)
    const second =
      (favourite + 1 + Math.floor(random() * (departments.length - 1))) % departments.length
    const home = brands.map((_, brand) => brand).filter((brand) => brand % 3 === favourite % 3)
    return {
      id: `user-${String(index + 1).padStart(5, '0')}`,
      country: countries[country(random)]![0],
      membership: weight >= gold ? 'gold' : weight >= silver ? 'silver' : 'basic',
      departments: [favourite, second],
      brand: home[Math.floor(random() * home.length)]!,
    }
  })
}

function* itemLines(items: Item[], random: Random): Generator<string> {
  yield 'ITEM_ID,NAME,DEPARTMENT,BRAND,PRICE,CREATION_TIMESTAMP'
  for (const { id, name, department, brand, price } of items) {
    const created = yearStart - Math.floor(random() * secondsPerYear)
    yield `${id},${name},${departments[department]!.name},${brands[brand]},${price.toFixed(2)},${created}`
  }
}

function* userLines(users: User[]): Generator<string> {
  yield 'USER_ID,COUNTRY,MEMBERSHIP'
  for (const { id, country, membership } of users) yield `${id},${country},${membership}`
}

function* eventLines(
  size: ShopSize,
  users: User[],
  weights: number[],
  items: Item[],
  random: Random,
): Generator<string> {
  const choose = shelves(items)
  const anyone = picker(weights)
  yield 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE'
  for (let event = 0; event < size.interactions; event++) {
    // Everybody comes twice; who comes more often is a matter of the power law.
    const index = event < 2 * users.length ? event % users.length : anyone(random)
    const user = users[index]!
    const chance = random()
    const department =
      chance < 0.6 ? user.departments[0] : chance < 0.8 ? user.departments[1] : undefined
    const brand = random() < 0.5 ? user.brand : undefined
    const item = items[choose(random, department, brand)]!
    const second = yearStart + Math.floor(random() * secondsPerYear)
    const type = random() < (item.brand === user.brand ? 0.35 : 0.12) ? 'purchase' : 'view'
    yield `${user.id},${item.id},${second},${type}`
  }
}

/**
 * Chooses an item by popularity on the shelf of a department and brand, or
 * on a wider one if that is empty.
 */
function shelves(items: Item[]) {
  // Zipf: the k-th item of a department is chosen 1/k^0.8 as often as its first.
  const popularity = items.map((_, index) => (Math.floor(index / departments.length) + 1) ** -0.8)
  const shelf = (fits: (item: Item) => boolean) => {
    const indexes = items
      .keys()
      .filter((index) => fits(items[index]!))
      .toArray()
    const pick = indexes.length > 0 ? picker(indexes.map((index) => popularity[index]!)) : undefined
    return pick && ((random: Random) => indexes[pick(random)]!)
  }
  const all = shelf(() => true)!
  const made = new Map<string, Pick | undefined>()
  const find = (department?: number, brand?: number) => {
    const key = `${department}/${brand}`
    if (!made.has(key))
      made.set(
        key,
        shelf(
          (item) =>
            (department ?? item.department) === item.department &&
            (brand ?? item.brand) === item.brand,
        ),
      )
    return made.get(key)
  }
  return (random: Random, department?: number, brand?: number) =>
    (find(department, brand) ?? find(department) ?? all)(random)
}

/** Picks index i with a probability in proportion to weights[i]. */
function picker(weights: readonly number[]): Pick {
  let total = 0
  const sums = Float64Array.from(weights, (weight) => (total += weight))
  return (random) => {
    const target = random() * total
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! > target) high = middle
      else low = middle + 1
    }
    return low
  }
}

const quantile = (values: number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!

/** Tommy Ettinger's mulberry32: 32 bits of state, numbers in [0, 1). */
function mulberry32(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const writeLines = (path: string, lines: Iterable<string>) =>
  pipeline(Readable.from(chunks(lines, 2000)), createWriteStream(path))

function* chunks(lines: Iterable<string>, count: number): Generator<string> {
  let chunk: string[] = []
  for (const line of lines) {
    chunk.push(line)
    if (chunk.length < count) continue
    yield `${chunk.join('\n')}\n`
    chunk = []
  }
  if (chunk.length > 0) yield `${chunk.join('\n')}\n`
}
