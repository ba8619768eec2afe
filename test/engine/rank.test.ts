// Protects: evidence and ranks of the native kernel are those of its TypeScript twin, on every instruction set.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evidenceFeatures, type Score, userFeatures } from '../../src/engine/engine.ts'
import { sharedFloats32, sharedInts } from '../../src/engine/local/arrays.ts'
import { askForItems, findEvidence } from '../../src/engine/local/asked.ts'
import { factorise } from '../../src/engine/local/factorise.ts'
import { type Fitted, fit } from '../../src/engine/local/fitted.ts'
import type { BothPairs, Kernel } from '../../src/engine/local/kernel.ts'
import { nativeInstructions } from '../../src/engine/local/native.ts'
import { rankUsers } from '../../src/engine/local/score.ts'
import { placesOf, someUsers } from '../../src/engine/local/someUsers.ts'
import { testKernel } from './testKernel.ts'
import { close, randomPairs } from './testPairs.ts'

const reference = testKernel('reference')
const { signal } = new AbortController()

for (const instructions of nativeInstructions()) {
  const both = [testKernel(instructions), reference] as const

  // The kernel goes through 12,288 users at a time.
  for (const userCount of [500, 30_000])
    test(`${instructions}: evidence and ranks of ${userCount} users are those of the twin`, async () => {
      const pairs = randomPairs(userCount, 60, 12)
      const fitted = await fittedOf(reference, pairs)
      const sets = [[0], [7], [3, 9, 40], [59], [1], [2], [4], [5], [6, 8]].map((items) =>
        Uint32Array.from(items),
      )
      const asked = await askForItems(reference, fitted, sets, signal)
      const [ours, theirs] = await Promise.all(
        both.map((kernel) => findEvidence(kernel, fitted, asked, signal)),
      )
      close(ours!, theirs!, 1e-4)
      const mask = new Uint8Array(Math.ceil(userCount / 8)).fill(0b0110_1110)
      const requests = asked.map((each, n) => ({
        asked: each,
        resultCount: [1, 25, 500, 5000][n % 4]!,
        mask: n % 3 === 0 ? mask : undefined,
      }))
      const scores: Score[] = [
        {
          name: 'some',
          calibration: [],
          terms: [
            { feature: 'affinity', offset: 0.01, weight: 0.7 },
            { feature: 'neighbourhoodNewest', offset: 0.003, weight: 0.4 },
            { feature: 'own', offset: 10, relative: true, weight: -0.3 },
            { feature: 'profileNewer', offset: 0.003, weight: 0.2 },
            { feature: 'events', weight: 0.5 },
          ],
        },
        { name: 'nothing', calibration: [], terms: [] },
      ]
      const [rank, expected] = await Promise.all(
        both.map((kernel) => rankUsers(kernel, fitted, requests, scores, signal)),
      )
      for (const [n, lists] of rank!.entries())
        for (const [query, { users, logScores, logSum }] of lists.entries()) {
          const twin = expected![n]![query]!
          assert.equal(users.length, twin.users.length)
          close(logScores, twin.logScores, 1e-4)
          close([logSum], [twin.logSum], 1e-4)
          // Where two differ less than rounding, either may come first.
          for (const [place, user] of users.entries())
            if (user !== twin.users[place]) {
              const near = logScores.map((score) => Math.abs(score - logScores[place]!))
              assert(near.filter((distance) => distance < 1e-4).length > 1)
            }
        }
    })
}

test('what is known of some users is what is known of them among all', async () => {
  const fitted = await fittedOf(reference, randomPairs(400, 60, 12))
  const chosen = Uint32Array.from({ length: 130 }, (_, n) => 3 * n + 2)
  const { known, placeOf } = someUsers(fitted, chosen)
  const asked = await askForItems(reference, fitted, [Uint32Array.of(7, 9)], signal)
  const all = await findEvidence(reference, fitted, asked, signal)
  const some = await findEvidence(reference, known, asked, signal)
  for (const [place, user] of chosen.entries()) {
    assert.equal(placeOf[user], place)
    for (let kind = 0; kind < evidenceFeatures.length; kind++)
      assert.equal(some[kind * chosen.length + place], all[kind * 400 + user])
    for (const name of userFeatures)
      assert.equal(known.features[name][place], fitted.features[name][user])
  }
  const places = placesOf(Uint32Array.of(1, 2, 5, 6, 398), { known, placeOf })
  assert.deepEqual([...places], [0, 1])
})

for (const instructions of nativeInstructions())
  test(`${instructions}: users of an item that do not ascend are refused`, async () => {
    const kernel = testKernel(instructions)
    const fitted = await fittedOf(reference, randomPairs(30_000, 60, 12))
    const asked = await askForItems(reference, fitted, [Uint32Array.of(7)], signal)
    fitted.pairs.byItem.columns.reverse()
    await assert.rejects(findEvidence(kernel, fitted, asked, signal), /must ascend/)
    fitted.pairs.byItem.columns.reverse()[fitted.pairs.byItem.starts[7]! + 2] = 40_000
    await assert.rejects(findEvidence(kernel, fitted, asked, signal), /must ascend/)
    fitted.pairs.byItem.columns.fill(40_000)
    await assert.rejects(findEvidence(kernel, fitted, asked, signal), /past the users/)
  })

for (const instructions of ['reference', ...nativeInstructions()] as const)
  test(`${instructions}: evidence that is not finite and offsets that have no logarithm are refused`, async () => {
    const kernel = testKernel(instructions)
    const fitted = await fittedOf(reference, randomPairs(300, 60, 12))
    const asked = await askForItems(reference, fitted, [Uint32Array.of(7)], signal)
    const [request] = asked.map((each) => ({ asked: each, resultCount: 5, mask: undefined }))
    const rank = (offset: number) => {
      const terms = [{ feature: 'own', offset, weight: 1 } as const]
      return rankUsers(
        kernel,
        fitted,
        [request!],
        [{ name: 'own', terms, calibration: [] }],
        signal,
      )
    }
    for (const offset of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(rank(offset), /Offsets must be positive numbers/)
    for (const bad of [Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY]) {
      fitted.history.counts.fill(bad)
      await assert.rejects(findEvidence(kernel, fitted, asked, signal), /must be finite numbers/)
      await assert.rejects(rank(1), /must be finite numbers/)
    }
    fitted.history.counts.fill(-1)
    await rank(1)
    fitted.features.events.fill(Number.NaN)
    const terms = [{ feature: 'events', weight: 1 } as const]
    const ranked = rankUsers(
      kernel,
      fitted,
      [request!],
      [{ name: 'events', terms, calibration: [] }],
      signal,
    )
    await assert.rejects(ranked, /must be finite numbers/)
  })

/** All that is made of pairs as events an hour apart; item n has the trait n % 7. */
async function fittedOf(kernel: Kernel, { byUser, byItem }: BothPairs): Promise<Fitted> {
  const eventCount = byUser.starts[byUser.rowCount]!
  const events = {
    ...{ userCount: byUser.rowCount, itemCount: byItem.rowCount, eventCount, weights: undefined },
    ...{ starts: byUser.starts, items: byUser.columns },
    times: sharedInts(eventCount).map((_, n) => 3600 * n),
    end: 3600 * eventCount,
  }
  const past = {
    ranges: { begins: byUser.starts.slice(0, -1), ends: byUser.starts.slice(1) },
    ...{ now: 3600 * eventCount, horizon: 30 * 86_400 },
  }
  const traits = {
    starts: sharedInts(byItem.rowCount + 1).map((_, n) => n),
    traits: sharedInts(byItem.rowCount).map((_, n) => n % 7),
    weights: sharedFloats32(7).fill(0.1),
  }
  const settings = { alpha0: 0.1, regularization: 1, sweeps: 2, factorCount: 32, seed: 5 }
  const factors = (pairs: BothPairs) => factorise(kernel, pairs, settings, signal)
  return (await fit(kernel, events, past, factors, settings.seed, traits, signal)).fitted
}
