import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { KernelChoice } from '../../config.ts'
import { CannotStart } from '../../errors.ts'
import type { ReferenceVerb, Verbs } from './reference.ts'

/** What the addon that `kernel/` builds exports. */
type Addon = {
  instructionSets(): Instructions[]
  alignedFrom(bytes: Uint8Array, large: boolean): number
  giveBack(bytes: Uint8Array): void
  run(
    verb: ReferenceVerb,
    set: Instructions,
    args: unknown,
    block: number,
    shared: Int32Array,
  ): void
}

/** The verbs that the addon has; what it lacks, the reference does. */
export const nativeVerbs = [
  'solveRows',
  'gramBlock',
  'principalAxes',
  'rotateRows',
  'scoreUsers',
  'topUsers',
  'cooccurrence',
  'neighbourRidge',
  'findEvidence',
  'rankUsers',
  'joinIds',
] as const satisfies ReferenceVerb[]

const { platform, arch } = process
const path = fileURLToPath(
  new URL(`../../../build/kernel/${platform}-${arch}.node`, import.meta.url),
)
const buildPath = fileURLToPath(new URL('../../../kernel/build.mjs', import.meta.url))
const { addon, missing } = load()

function load(): { addon: Addon | undefined; missing: string } {
  if (!existsSync(path))
    return {
      addon: undefined,
      missing: `the native kernel is not built; with cargo (https://rustup.rs), node ${buildPath} does`,
    }
  try {
    return { addon: createRequire(import.meta.url)(path) as Addon, missing: '' }
  } catch (error) {
    const [line] = (error as Error).message.split('\n')
    return {
      addon: undefined,
      missing: `the native kernel cannot be loaded: ${line}; node ${buildPath} builds it anew`,
    }
  }
}

/** Which code computes: an instruction set of the native kernel, or `reference`, the TypeScript twin. */
export type Instructions = Exclude<KernelChoice, 'auto'>

/**
 * The code that a setting chooses, and how to say it to people. `auto` takes the fastest instructions, or the reference
 * where there is no native kernel. Throws CannotStart where the machine lacks what the setting names.
 */
export function chooseInstructions(choice: KernelChoice): {
  instructions: Instructions
  said: string
} {
  const sets = nativeInstructions()
  const instructions = choice === 'auto' ? (sets[0] ?? 'reference') : choice
  if (instructions === 'reference') {
    const why = choice === 'auto' ? missing : 'as the setting kernel says'
    return { instructions, said: `TypeScript reference (${why})` }
  }
  if (!sets.includes(instructions)) {
    const has = ['auto', ...sets, 'reference'].join(', ')
    const why = missing ? ` (${missing})` : ''
    throw new CannotStart(`There is no kernel ${choice} on this machine${why}; it has ${has}.`)
  }
  return { instructions, said: `native kernel (${instructions})` }
}

/** The instruction sets of the native kernel on this machine, fastest first; none where it is not built. */
export const nativeInstructions = (): Instructions[] => addon?.instructionSets() ?? []

/** Replaces the verbs that the native kernel has. */
export function withNative(verbs: Verbs, instructions: Instructions): Verbs {
  if (instructions === 'reference' || addon === undefined) return verbs
  const { run } = addon
  const native = nativeVerbs.map((verb) => [
    verb,
    (args: unknown, block: number, shared: Int32Array) =>
      run(verb, instructions, args, block, shared),
  ])
  return { ...verbs, ...Object.fromEntries(native) }
}

/** The byte of a buffer from which on it is aligned to a cache line, where the native kernel can tell. */
export const alignedFrom = (buffer: SharedArrayBuffer, large: boolean): number =>
  addon?.alignedFrom(new Uint8Array(buffer), large) ?? 0

/** Gives the memory of a buffer that nobody uses any more to the system, where the native kernel can; it holds zeros then. */
export const giveBack = (bytes: Uint8Array): void => addon?.giveBack(bytes)
