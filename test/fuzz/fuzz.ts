import { ok } from 'node:assert/strict'
import type { TestContext } from 'node:test'
import fc from 'fast-check'

/** FUZZ_SEED repeats a run; FUZZ_SECONDS lets each fuzzer go on for so long, with the seeds that follow. */
const seed = Number(process.env.FUZZ_SEED ?? 1)
const seconds = Number(process.env.FUZZ_SECONDS ?? 0)

/** How many inputs each fuzzer takes at least. */
export const inputs = {
  'requests of the contract': 6000,
  'bytes for the HTTP door': 4000,
  'headers and targets': 6000,
  'JSON documents': 12_000,
  'mutations of signed requests': 10_000,
  schemas: 12_000,
  'CSV rows': 16_000,
  'filters of the grammar': 8000,
  'filters of any text': 12_000,
  'attribute expressions of the grammar': 8000,
  'attribute expressions of any text': 12_000,
  'filter values': 6000,
  'JSON Lines': 12_000,
  'bytes of JSON Lines': 4000,
} as const

/** No input may take the processor longer for each begun kilobyte. */
const msPerKilobyte = 100

type Fuzzed<Input> = {
  arbitrary: fc.Arbitrary<Input>
  /** Throws where the input is not treated as it must be. */
  check: (input: Input) => unknown
  bytesOf: (input: Input) => number
  /** Inputs that one value of the arbitrary holds. */
  holds?: number
}

/**
 * Gives a fuzzer its inputs, tells how many they were and with which seed. Throws, with the input
 * made as small as it gets, where one fails its check or is slow.
 */
export async function fuzz<Input>(
  t: TestContext,
  name: keyof typeof inputs,
  { arbitrary, check, bytesOf, holds = 1 }: Fuzzed<Input>,
): Promise<void> {
  const end = performance.now() + seconds * 1000
  let count = 0
  let slowest = { took: 0, input: '' }
  const property = fc.asyncProperty(arbitrary, async (input) => {
    count += holds
    const took = await quickly(check, input, bytesOf(input))
    if (took > slowest.took) slowest = { took, input: fc.stringify(input).slice(0, 200) }
  })
  let at = seed
  do {
    const numRuns = Math.ceil(inputs[name] / holds)
    t.diagnostic(`${name}: FUZZ_SEED=${at}`)
    await fc.assert(property, { seed: at, numRuns })
    at++
  } while (performance.now() < end)
  const { took, input } = slowest
  t.diagnostic(`${name}: ${count} inputs, the slowest took ${took.toFixed(1)} ms/kB: ${input}`)
}

/**
 * The milliseconds of processor time for each begun kilobyte, which a busy machine changes little;
 * what else is done meanwhile may make it long once, not five times.
 */
async function quickly<Input>(
  check: (input: Input) => unknown,
  input: Input,
  bytes: number,
): Promise<number> {
  let least = Infinity
  for (let tries = 0; tries < 5 && least > msPerKilobyte; tries++) {
    const before = process.cpuUsage()
    await check(input)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000 / Math.max(1, bytes / 1000))
  }
  ok(least <= msPerKilobyte, `the input takes ${least.toFixed(1)} ms/kB`)
  return least
}
