// Protects: the native kernel, on every instruction set of this machine, does what its TypeScript twin does, and
// whatever it is given ends in a result or an error.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collectMemory,
  emptyFactors,
  type Factors,
  sharedBytes,
  sharedFloats32,
  sharedFloats64,
  sharedInts,
} from '../../src/engine/local/arrays.ts'
import { factorise } from '../../src/engine/local/factorise.ts'
import { nativeInstructions } from '../../src/engine/local/native.ts'
import { random } from '../../src/engine/local/random.ts'
import { reference as twin } from '../../src/engine/local/reference.ts'
import { plantedScores } from './planted.ts'
import { testKernel } from './testKernel.ts'
import { close, randomPairs, withFullRow } from './testPairs.ts'

const reference = testKernel('reference')
const { signal } = new AbortController()
const sets = nativeInstructions()
const skip = sets.length > 0 ? false : 'the native kernel is not built'

test('a machine with the native kernel has the instructions that every machine has', { skip }, () =>
  assert(sets.includes('plain')),
)

for (const instructions of sets) {
  const native = testKernel(instructions)
  const both = [native, reference] as const

  for (const [what, pairs] of [
    ['random pairs', randomPairs(300, 90, 20)],
    ['weighted pairs', randomPairs(120, 50, 20, true)],
    ['one user', randomPairs(1, 40, 15)],
    ['one item', randomPairs(40, 1, 1)],
    ['empty rows', randomPairs(60, 400, 2)],
    ['a user and an item with everything', withFullRow(randomPairs(200, 150, 6))],
  ] as const) {
    test(`${instructions}: factors of ${what} are those of the twin`, async () => {
      for (const factorCount of [7, 64, 70, 128, 149, 256]) {
        const settings = { alpha0: 0.1, regularization: 1, sweeps: 3, factorCount, seed: 5 }
        const [ours, theirs] = await Promise.all(
          both.map((kernel) => factorise(kernel, pairs, settings, signal)),
        )
        close(affinities(ours!), affinities(theirs!), 1e-4)
      }
    })
  }

  test(`${instructions}: however many steps a row is given, it is solved as the twin does`, async () => {
    const width = 32
    const draw = random(4)
    const whole = (length: number) => sharedFloats32(length).map(() => Math.floor(3 * draw()) - 1)
    const blocks = Uint32Array.of(0, 40)
    const starts = Uint32Array.from({ length: 41 }, (_, row) => 5 * row)
    const columns = Uint32Array.from({ length: 200 }, (_, pair) => pair)
    const [fixed, start] = [whole(200 * width), whole(40 * width)]
    const axes = sharedFloats64(width * width).map((_, at) => (at % (width + 1) === 0 ? 1 : 0))
    const gram = sharedFloats64(width).fill(1)
    const numbers = { alpha0: 0, ridge: 1, ridgePerPair: 0.1 }
    for (const steps of [undefined, 0, 2, 20, 2 ** 32 - 1]) {
      const [ours, theirs] = await Promise.all(
        both.map(async (kernel) => {
          const rows = sharedFloats32(start.length)
          rows.set(start)
          const arrays = { blocks, starts, columns, weights: undefined, rows, fixed, axes, gram }
          await kernel.run('solveRows', { ...arrays, ...numbers, width, steps }, 1, signal)
          return rows
        }),
      )
      close(ours!, theirs!, 1e-4)
      if (steps === 0) assert.deepEqual(ours, start)
    }
  })

  test(`${instructions}: Gram matrices are those of the twin`, async () => {
    for (const [rowCount, factorCount] of [
      [1, 5],
      [777, 100],
      [3000, 32],
    ] as const) {
      const factors = await reference.init(rowCount, factorCount, 1, 3, signal)
      const [ours, theirs] = await Promise.all(both.map((kernel) => kernel.gram(factors, signal)))
      close(ours!, theirs!, 1e-4 * Math.sqrt(rowCount))
    }
  })

  test(`${instructions}: segments are those of the twin, ties, masks, forms and sets included`, async () => {
    for (const userCount of [1, 2, 95, 97, 3001]) {
      const draw = random(userCount)
      // Small whole numbers: every sum is exact in both, so that the lists must be the same.
      const users = wholeNumbers(userCount, 40, draw)
      const items = wholeNumbers(150, 40, draw)
      const weights = sharedFloats32(userCount).map(() => Math.floor(3 * draw()))
      const mask = sharedBytes(Math.ceil(userCount / 8)).map(() => 256 * draw())
      const queries = Array.from({ length: 67 }, (_, n) => ({
        items:
          n % 9 === 4
            ? Uint32Array.from({ length: n * 2 }, (_, k) => k)
            : n === 66
              ? Uint32Array.of()
              : Uint32Array.of(n),
      }))
      const masks = queries.map((_, n) => (n % 5 === 1 ? mask : undefined))
      for (const resultCount of [0, 1, 25, Math.ceil(userCount / 3), userCount]) {
        const options = { users, items, queries, masks, forms: [undefined, weights], resultCount }
        const [ours, theirs] = await Promise.all(both.map((k) => k.topUsers(options, signal)))
        assert.deepEqual(ours, theirs)
      }
      const [ours, theirs] = await Promise.all(
        both.map((kernel) => kernel.score(users, items, queries, signal)),
      )
      assert.deepEqual(ours, theirs)
    }
  })

  test(`${instructions}: among many users a segment is that of a full sort of the scores`, async () => {
    // So many that a sample sets the floors, and where the machine can, a rough look comes first.
    const userCount = 70_000
    const draw = random(3)
    const users = await native.init(userCount, 40, 1, 1, signal)
    const items = await native.init(40, 40, 1, 2, signal)
    const weights = sharedFloats32(userCount).map(() => 4 * draw())
    const mask = sharedBytes(Math.ceil(userCount / 8)).map(() => 256 * draw())
    const rare = sharedBytes(mask.length)
    rare[5000] = 0b1011
    const queries = Array.from({ length: 40 }, (_, n) => ({
      items: n === 35 ? Uint32Array.of(1, 2) : Uint32Array.of(n),
    }))
    const masks = queries.map((_, n) => (n < 30 ? undefined : n === 39 ? rare : mask))
    const forms = [undefined, weights]
    const scores = await native.score(users, items, queries, signal)
    const counts = [1, 100, 500]
    const found = await Promise.all(
      counts.map((resultCount) =>
        native.topUsers({ users, items, queries, masks, forms, resultCount }, signal),
      ),
    )
    for (const form of forms.keys())
      for (const query of queries.keys()) {
        const own = scores
          .slice(query * userCount, (query + 1) * userCount)
          .map((score, user) => (form === 1 && score > 0 ? score * weights[user]! : score))
        const allowed = Uint32Array.from({ length: userCount }, (_, user) => user).filter(
          (user) => ((masks[query]?.[user >> 3] ?? 255) >> (user & 7)) & 1,
        )
        const best = allowed.sort((a, b) => own[b]! - own[a]! || a - b)
        for (const [n, count] of counts.entries())
          assert.deepEqual(found[n]![form]![query], best.slice(0, count))
      }
  })

  test(`${instructions}: a rough look drops nobody, however much rounding takes away`, async () => {
    const users = emptyFactors(70_000, 32)
    const draw = random(9)
    const step = () => 1 + Math.floor(128 * draw()) / 128
    // Rounding to bfloat16 keeps these as they are and takes 1/256 of the best user's factors and of the item's.
    for (let user = 0; user < users.rowCount; user++) {
      const own = users.values.subarray(32 * user, 32 * user + 32).fill(1)
      own.set([4, step() / 64, step() / 512, step() / 64], 28)
    }
    users.values.fill(1 + 1 / 256, 32 * 60_000, 32 * 60_001)
    const items = emptyFactors(1, 32)
    items.values.fill(1 + 1 / 256)
    const queries = [{ items: Uint32Array.of(0) }]
    const options = { users, items, queries, masks: [undefined], forms: [undefined] }
    const best = async () => {
      const [lists] = await native.topUsers({ ...options, resultCount: 100 }, signal)
      return lists![0]![0]
    }
    assert.equal(await best(), 60_000)
    // The squares of factors so small are zeros in float32.
    for (const { values } of [items, users]) {
      const before = values.slice()
      for (let k = 0; k < values.length; k++) values[k]! *= 2 ** -76
      assert.equal(await best(), 60_000)
      values.set(before)
    }
  })

  test(`${instructions}: co-occurrence and ridge weights are those of the twin`, async () => {
    // Few users who have many, so that pairs are counted by bits, many who have few, and hardly anything.
    for (const pairs of [
      randomPairs(300, 60, 12),
      randomPairs(900, 400, 4),
      randomPairs(1, 20, 9),
      randomPairs(30, 1, 1),
    ]) {
      const items = Uint32Array.from({ length: pairs.byItem.rowCount + 1 }, (_, item) =>
        item === pairs.byItem.rowCount ? 0 : item,
      )
      const [ours, theirs] = await Promise.all(
        both.map((kernel) => kernel.cooccurrence(pairs, items, signal)),
      )
      assert.deepEqual(ours, theirs)
      for (const neighbourCount of [3, 200]) {
        const options = { neighbourCount, lambda: 10, steps: 50 }
        const [near, expected] = await Promise.all(
          both.map((kernel) => kernel.neighbourRidge(pairs, items, options, signal)),
        )
        for (const [n, { items: found, weights }] of near!.entries()) {
          assert.deepEqual(found, expected![n]!.items)
          close(weights, expected![n]!.weights, 1e-6)
        }
      }
    }
  })

  test(`${instructions}: what is not a finite number is refused`, async () => {
    const pairs = randomPairs(50, 20, 6, true)
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      for (const kernel of both) {
        const fresh = async () => [
          await kernel.init(50, 8, 0.1, 1, signal),
          await kernel.init(20, 8, 0.1, 2, signal),
        ]
        const options = { alpha0: 0.1, ridge: 1, ridgePerPair: 0, steps: 3 }
        const sweep = ([users, items]: Factors[]) =>
          kernel.alsSweep(pairs.byUser, users!, items!, options, signal)
        for (const side of [0, 1]) {
          const factors = await fresh()
          factors[side]!.values.fill(bad, 32, 320)
          await assert.rejects(sweep(factors), /must be finite numbers/)
        }
        const weights = pairs.byUser.weights!.slice()
        weights[1] = bad
        const weighted = { ...pairs.byUser, weights }
        const [users, items] = await fresh()
        await assert.rejects(kernel.alsSweep(weighted, users!, items!, options, signal), /finite/)
        weights[1] = -0.01
        const negative = kernel.alsSweep(weighted, users!, items!, options, signal)
        await assert.rejects(negative, /must be finite numbers, not negative/)
        const planted = plantedScores(500, 2, (user) => (user === 321 ? bad : user))
        const masks = [undefined, undefined]
        const asked = { ...planted, forms: [undefined], masks, resultCount: 3 }
        await assert.rejects(kernel.topUsers(asked, signal), /must be finite numbers/)
        const whole = plantedScores(500, 2, (user) => user)
        const forms = [sharedFloats32(500).fill(1).fill(bad, 499)]
        await assert.rejects(kernel.topUsers({ ...asked, ...whole, forms }, signal), /finite/)
      }
  })

  test(`${instructions}: an abort ends every verb within 50 ms`, async () => {
    const pairs = randomPairs(20_000, 3000, 100)
    const users = await native.init(20_000, 128, 0.1, 1, signal)
    const items = await native.init(3000, 128, 0.1, 2, signal)
    const queries = Array.from({ length: 3000 }, (_, item) => ({ items: Uint32Array.of(item) }))
    const all = Uint32Array.from({ length: 3000 }, (_, item) => item)
    const exact = { alpha0: 0.1, ridge: 1, ridgePerPair: 0, steps: undefined }
    const ridge = { neighbourCount: 200, lambda: 10, steps: 50 }
    const masks = queries.map(() => undefined)
    // One item that everybody has, many times.
    const size = 4_000_000
    const busy = { ...pairs.byItem, columns: sharedInts(size).map((_, n) => n % 20_000) }
    busy.starts = sharedInts(3001).fill(size, 1)
    const one = Uint32Array.of(0)
    const top = {
      users,
      items,
      queries,
      masks,
      forms: [undefined, sharedFloats32(20_000).fill(2)],
      resultCount: 20_000,
    }
    const verbs: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
      alsSweep: (stop) => native.alsSweep(pairs.byItem, items, users, exact, stop),
      topUsers: (stop) => native.topUsers(top, stop),
      neighbourRidge: (stop) => native.neighbourRidge(pairs, all, ridge, stop),
      'alsSweep of one row': (stop) => native.alsSweep(busy, items, users, exact, stop),
      cooccurrence: (stop) => native.cooccurrence({ ...pairs, byItem: busy }, one, stop),
    }
    for (const [name, verb] of Object.entries(verbs)) {
      const stop = async () => {
        const controller = new AbortController()
        const work = verb(controller.signal)
        let aborted = 0
        setTimeout(() => {
          aborted = performance.now()
          controller.abort(new Error('enough'))
        }, 15)
        await assert.rejects(work, /enough/, `${name} ended before it was stopped`)
        return performance.now() - aborted
      }
      // On a busy machine one try measures how long other programs have the cores.
      const tries = [await stop(), await stop(), await stop()]
      assert(Math.min(...tries) < 50, `${name} ended ${tries} ms after it was stopped`)
    }
  })
}

for (const choice of ['reference', ...sets] as const)
  test(`${choice}: principal axes are unit vectors at right angles that make the matrix diagonal`, async () => {
    const kernel = testKernel(choice)
    // Of 64 columns 40 are filled and 7 independent: the others must be directions too.
    const factors = await kernel.init(7, 40, 1, 5, signal)
    const gram = await kernel.gram(factors, signal)
    const { width } = factors
    const axes = sharedFloats64(gram.length)
    axes.set(gram)
    const lengths = sharedFloats64(width)
    await kernel.run('principalAxes', { gram: axes, lengths }, 1, signal)
    for (let a = 0; a < width; a++)
      for (let b = 0; b < width; b++) {
        let dot = 0
        let form = 0
        for (let i = 0; i < width; i++) {
          dot += axes[a * width + i]! * axes[b * width + i]!
          for (let k = 0; k < width; k++)
            form += axes[a * width + i]! * gram[i * width + k]! * axes[b * width + k]!
        }
        assert(Math.abs(dot - (a === b ? 1 : 0)) < 1e-6)
        assert(Math.abs(form - (a === b ? lengths[a]! : 0)) < 1e-5)
      }
  })

const giveBackSkip = skip || (process.platform !== 'linux' && 'only Linux takes memory back')
test('memory of small arrays and ends of large ones goes back too', {
  skip: giveBackSkip,
}, async () => {
  const memory = collectMemory()
  const arrays = memory.during(() => [sharedBytes(900 << 10), sharedBytes((9 << 20) / 2)])
  for (const bytes of arrays) bytes.fill(7)
  await memory.end()
  // But for pages that are not all theirs.
  for (const bytes of arrays) assert(bytes.filter((byte) => byte !== 0).length < 4 * 4096)
})

test('verbs of a single block look whether they are to stop', () => {
  const stopped = Int32Array.of(0, 1, 0)
  const ranges = { begins: Uint32Array.of(0), ends: Uint32Array.of(2) }
  const events = { eventItems: Uint32Array.of(0, 1), eventWeights: undefined, ...ranges }
  const [starts, itemStarts] = [sharedInts(2), sharedInts(3)]
  const [columns, itemColumns] = [sharedInts(2), sharedInts(2)]
  const unweighted = { weights: undefined, itemWeights: undefined }
  const pairs = { starts, columns, itemStarts, itemColumns, ...unweighted }
  twin.pairsOfEvents({ ...events, ...pairs, itemCount: 2 }, 0, stopped)
  assert.deepEqual(columns, sharedInts(2))
  const history = { ...events, times: Uint32Array.of(0, 1), now: 2, horizon: 1 }
  const itemEvents = sharedFloats64(2)
  const ofPairs = () => sharedFloats32(2)
  const recent = { recents: ofPairs(), newer: ofPairs(), newest: ofPairs() }
  const sums = { counts: ofPairs(), itemEvents, itemVolumes: sharedFloats64(2) }
  twin.pairHistory({ ...history, itemStarts, ...recent, ...sums }, 0, stopped)
  assert.deepEqual(itemEvents, sharedFloats64(2))
  const traitStarts = sharedInts(2)
  const itemTraits = { itemTraitStarts: Uint32Array.of(0, 1, 1), itemTraits: Uint32Array.of(0) }
  twin.traitSizes({ ...events, ...itemTraits, traitStarts }, 0, stopped)
  assert.deepEqual(traitStarts, sharedInts(2))
  const longest = sharedInts(1)
  const lines = { lines: Buffer.from('"a"\n'), offsets: sharedInts(2), longest }
  twin.lineStarts(lines, 0, stopped)
  assert.equal(longest[0], 0)
})

test('the joined ids are JSON, commas between', async () => {
  const names = ['plain', 'say "x"', 'back\\slash', 'tab\tnew\nline', '購入 😀', '', '\u0001']
  const text = names.map((name) => `${JSON.stringify(name)}\n`).join('')
  const lines = sharedBytes(Buffer.byteLength(text))
  lines.set(Buffer.from(text))
  const wanted = Uint32Array.of(6, 5, 4, 3, 2, 1, 0, 4)
  for (const kernel of [testKernel(), reference]) {
    const found = await kernel.idLines(lines, names.length, signal)
    const out = sharedBytes(64 * 5000)
    const joined = await kernel.joinIds(found, wanted, out, signal)
    const ids = JSON.parse(`[${Buffer.from(joined)}]`)
    assert.deepEqual(
      ids,
      Array.from(wanted, (n) => names[n]),
    )
    assert.equal((await kernel.joinIds(found, Uint32Array.of(), out, signal)).length, 0)
    await assert.rejects(kernel.joinIds(found, Uint32Array.of(7), out, signal))
    const long = Uint32Array.from({ length: 5000 }, (_, n) => n % 7)
    const all = JSON.parse(`[${Buffer.from(await kernel.joinIds(found, long, out, signal))}]`)
    assert.deepEqual(
      all,
      Array.from(long, (n) => names[n]),
    )
    await assert.rejects(kernel.joinIds(found, long, out.subarray(0, 100), signal))
  }
})

function wholeNumbers(rowCount: number, factorCount: number, draw: () => number): Factors {
  const factors = emptyFactors(rowCount, factorCount)
  for (let row = 0; row < rowCount; row++)
    for (let k = 0; k < factorCount; k++)
      factors.values[row * factors.width + k] = Math.floor(draw() * 5) - 2
  return factors
}

/** x.y of every user and item. */
function affinities({ users, items }: { users: Factors; items: Factors }): Float64Array {
  const out = new Float64Array(users.rowCount * items.rowCount)
  for (let user = 0; user < users.rowCount; user++)
    for (let item = 0; item < items.rowCount; item++)
      for (let k = 0; k < users.width; k++)
        out[user * items.rowCount + item]! +=
          users.values[user * users.width + k]! * items.values[item * items.width + k]!
  return out
}
