// Protects: no argument makes the native kernel read or write outside an array or end the process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evidenceFeatures } from '../../src/engine/engine.ts'
import { nativeInstructions, nativeVerbs, withNative } from '../../src/engine/local/native.ts'
import { random } from '../../src/engine/local/random.ts'
import { reference } from '../../src/engine/local/reference.ts'

const [instructions] = nativeInstructions()
const skip = instructions === undefined ? 'the native kernel is not built' : false

/** Arguments that alone say how much is asked for. */
const lists = ['items', 'users', 'lines', 'queryStarts']
/** Arguments that may be left out. */
const optional = ['weights', 'steps', 'mask', 'nearWeights', 'traitsWeights']

type Args = Record<string, unknown>
type Run = (args: Args, block: number, shared: Int32Array) => void

const shared = () => new Int32Array(3)
const width = 32
const floats = (rows: number) => new Float32Array(rows * width).fill(0.5)
const pairs = () => ({
  starts: Uint32Array.of(0, 2, 4),
  columns: Uint32Array.of(0, 2, 1, 2),
  itemStarts: Uint32Array.of(0, 1, 2, 4),
  itemColumns: Uint32Array.of(0, 1, 0, 1),
})
const queries = () => ({ rows: floats(3), queryStarts: Uint32Array.of(0, 1, 3) })

const evidence = () => ({
  ...{ users: floats(4), userCount: 4, width, ...queries() },
  ...{ nearStarts: Uint32Array.of(0, 1, 2), nearColumns: Uint32Array.of(2, 0) },
  nearWeights: Float32Array.of(0.5, 0.5),
  ...{ ownedStarts: Uint32Array.of(0, 1, 2), ownedColumns: Uint32Array.of(1, 2) },
  ...{ traitsStarts: Uint32Array.of(0, 1, 2), traitsColumns: Uint32Array.of(0, 0) },
  traitsWeights: Float32Array.of(0.5, 0.5),
  ...{ itemStarts: Uint32Array.of(0, 1, 2, 4), itemColumns: Uint32Array.of(0, 1, 0, 3) },
  ...{ itemCounts: Float32Array.of(1, 1, 1, 1), itemRecents: Float32Array.of(1, 1, 1, 1) },
  ...{ itemNewer: Float32Array.of(1, 1, 1, 1), itemNewest: Float32Array.of(1, 1, 1, 1) },
  ...{ traitStarts: Uint32Array.of(0, 2), traitColumns: Uint32Array.of(0, 3) },
  ...{ traitShares: Float32Array.of(1, 1), traitNewer: Float32Array.of(1, 1) },
})
/** The same arguments as verbs take them. */
const evidenceOf = (flat: Args) => ({
  ...flat,
  features: flat.features === undefined ? [] : [flat.features],
  near: { starts: flat.nearStarts, columns: flat.nearColumns, weights: flat.nearWeights },
  owned: { starts: flat.ownedStarts, columns: flat.ownedColumns },
  traits: { starts: flat.traitsStarts, columns: flat.traitsColumns, weights: flat.traitsWeights },
  itemUsers: { starts: flat.itemStarts, columns: flat.itemColumns },
  traitUsers: { starts: flat.traitStarts, columns: flat.traitColumns },
})
/** Verbs whose arguments lie in objects: how these are made of arguments side by side. */
const nested: Record<string, (flat: Args) => Args> = {
  findEvidence: (flat) => ({ ...flat, evidence: evidenceOf(flat) }),
  rankUsers: (flat) => ({
    ...{ ...flat, evidence: evidenceOf(flat), masks: [flat.mask, null] },
    forms: [
      {
        ...{ userWeights: flat.userWeights, evidence: flat.kinds },
        ...{ weights: flat.termWeights, offsets: flat.offsets },
      },
    ],
  }),
}

/** Arguments that each verb takes. */
const good: Record<string, () => Args> = {
  solveRows: () => ({
    ...{ blocks: Uint32Array.of(0, 2), starts: Uint32Array.of(0, 2, 4) },
    ...{ columns: Uint32Array.of(0, 2, 1, 2), weights: Float32Array.of(1, 1, 1, 1) },
    ...{ rows: floats(2), fixed: floats(3), width, gram: new Float64Array(width).fill(1) },
    ...{ axes: new Float64Array(width * width), alpha0: 0.1, ridge: 1, ridgePerPair: 1, steps: 3 },
  }),
  gramBlock: () => ({
    ...{ blocks: Uint32Array.of(0, 2), values: floats(2), width },
    partial: new Float64Array(width * width),
  }),
  principalAxes: () => ({
    gram: new Float64Array(width * width).fill(1),
    lengths: new Float64Array(width),
  }),
  rotateRows: () => ({
    ...{ blocks: Uint32Array.of(0, 2), values: floats(2), width },
    axes: new Float64Array(width * width),
  }),
  scoreUsers: () => ({
    ...{ blocks: Uint32Array.of(0, 4), users: floats(4), userCount: 4, width, ...queries() },
    out: new Float32Array(8),
  }),
  topUsers: () => ({
    ...{ blocks: Uint32Array.of(0, 2), users: floats(4), userCount: 4, width, ...queries() },
    ...{ forms: [null, new Float32Array(4)], masks: [null, Uint8Array.of(255)], resultCount: 3 },
    ...{ out: new Uint32Array(12), counts: new Uint32Array(4) },
  }),
  cooccurrence: () => ({
    ...{ blocks: Uint32Array.of(0, 2), ...pairs(), items: Uint32Array.of(2, 0) },
    out: new Uint32Array(6),
  }),
  neighbourRidge: () => ({
    ...{ blocks: Uint32Array.of(0, 2), ...pairs(), items: Uint32Array.of(2, 0) },
    ...{ lambda: 1, steps: 5, neighbourCount: 2, neighbours: new Uint32Array(4) },
    ...{ neighbourWeights: new Float32Array(4), counts: new Uint32Array(2) },
  }),
  findEvidence: () => ({
    ...{ blocks: Uint32Array.of(0, 2), ...evidence() },
    out: new Float32Array(2 * evidenceFeatures.length * 4),
  }),
  rankUsers: () => ({
    ...{ blocks: Uint32Array.of(0, 2), ...evidence(), mask: Uint8Array.of(0b1011) },
    features: Float32Array.of(1, 2, 3, 4),
    ...{ userWeights: Float32Array.of(0.5), kinds: Uint32Array.of(0, 2) },
    ...{ termWeights: Float32Array.of(1, 0.5) },
    ...{ offsets: Float32Array.of(0.1, 0.1, 0.1, 0.1), resultStarts: Uint32Array.of(0, 3, 7) },
    ...{ out: new Uint32Array(7), logScores: new Float32Array(7), counts: new Uint32Array(2) },
    logSums: new Float64Array(2),
  }),
  joinIds: () => ({
    ...{ lines: Buffer.from('"a"\n"b"\n'), offsets: Uint32Array.of(0, 4, 8) },
    ...{ users: Uint32Array.of(1, 0), out: new Uint8Array(8), written: new Uint32Array(1) },
  }),
}

const verbs = skip ? [] : Object.entries(good)
const native = skip ? {} : (withNative(reference, instructions!) as unknown as Record<string, Run>)
for (const [name, of] of Object.entries(nested)) {
  const run = native[name]!
  if (!skip) native[name] = (flat, block, shared) => run(of(flat), block, shared)
}

test('every verb of the native kernel is tried', () =>
  assert.deepEqual(Object.keys(good).sort(), nativeVerbs.toSorted()))

for (const [name, make] of verbs) {
  const run = native[name]!

  test(`${name} takes what is right and refuses each argument that is missing or too short`, () => {
    run(make(), 0, shared())
    for (const [argument, value] of Object.entries(make())) {
      const broken: unknown[] = ['text', {}, [7]]
      if (!optional.includes(argument)) broken.push(undefined)
      // What is only written may hold anything.
      if (ArrayBuffer.isView(value) && argument !== 'logSums')
        broken.push(new Float64Array(3).fill(Number.NaN))
      // An array one shorter is too short, but for what a list alone decides the length of.
      if (ArrayBuffer.isView(value) && !lists.includes(argument))
        broken.push((value as Uint32Array).slice(0, -1))
      for (const bad of broken) {
        const args = { ...make(), [argument]: bad }
        assert.throws(() => run(args, 0, shared()), Error, `${argument}: ${String(bad)}`)
      }
    }
    if ('blocks' in make()) assert.throws(() => run(make(), 1, shared()), /no such block/)
  })

  test(`${name} survives 3000 random sets of arguments`, () => {
    const draw = random(name.length)
    const whole = () => Math.floor(2 ** (33 * draw()) - 2)
    let refused = 0
    for (let n = 0; n < 3000; n++) {
      const args = make()
      for (const [argument, value] of Object.entries(args)) {
        if (draw() > 0.3) continue
        if (typeof value === 'number') args[argument] = whole()
        else if (value instanceof Float64Array || value instanceof Float32Array)
          args[argument] = value.slice(0, Math.floor(draw() * value.length))
        else if (ArrayBuffer.isView(value))
          args[argument] = (value as Uint32Array).map((old) => (draw() < 0.3 ? whole() : old))
        else args[argument] = null
      }
      try {
        run(args, Math.floor(draw() * 3), shared())
      } catch (error) {
        assert(error instanceof Error)
        refused++
      }
    }
    assert(refused > 500, `${refused} were refused`)
  })
}

test('what would take more memory than any machine has is refused', { skip }, () => {
  const many = 1_000_000
  const counted = Uint32Array.from({ length: many + 1 }, (_, n) => n)
  const ridge = {
    ...good.neighbourRidge!(),
    // One user who has everything, and each item has only that user.
    ...{ starts: Uint32Array.of(0, many), columns: counted.subarray(0, many) },
    ...{ itemStarts: counted, itemColumns: new Uint32Array(many) },
    ...{ blocks: Uint32Array.of(0, 1), items: Uint32Array.of(0), neighbourCount: 2 ** 32 - 1 },
  }
  assert.throws(() => native.neighbourRidge!(ridge, 0, shared()), /neighbourCount/)
  const starts = new Uint32Array(many + 1)
  const asked = {
    ...{ ...good.findEvidence!(), blocks: Uint32Array.of(0, many), queryStarts: starts },
    ...{ nearStarts: starts, ownedStarts: starts, traitsStarts: starts },
  }
  assert.throws(() => native.findEvidence!(asked, 0, shared()), /queries at a time/)
})

test('a verb that is to stop writes no results', { skip }, () => {
  const stopped = Int32Array.of(0, 1, 0)
  // The others have blocks of a millisecond.
  for (const name of Object.keys(good).filter((verb) => !/principalAxes|rotateRows/.test(verb))) {
    const args = good[name]!()
    native[name]!(args, 0, stopped)
    assert.deepEqual(args, good[name]!(), name)
  }
})

test('an array that is written must not be one that is read', { skip }, () => {
  const solve = good.solveRows!()
  assert.throws(() => native.solveRows!({ ...solve, rows: solve.fixed }, 0, shared()), /overlaps/)
  const join = good.joinIds!()
  assert.throws(() => native.joinIds!({ ...join, out: join.lines }, 0, shared()), /overlaps/)
})
