import { availableParallelism } from 'node:os'
import { after } from 'node:test'
import { type KernelChoice, readConfig } from '../../src/config.ts'
import { type Kernel, threadKernel } from '../../src/engine/local/kernel.ts'
import { chooseInstructions } from '../../src/engine/local/native.ts'
import { openThreads } from '../../src/engine/local/threads.ts'

/** The kernel that the tests of the engine run with: `auto`, or what OPENPERSONALIZE_KERNEL names. */
export const kernelChoice = readConfig([]).kernel

/** A kernel on threads of its own, closed after the tests of the file. */
export function testKernel(choice: KernelChoice = kernelChoice, threadCount = 2): Kernel {
  const threads = openThreads(threadCount, chooseInstructions(choice).instructions)
  after(() => threads.close())
  return threadKernel(threads, Math.min(threadCount, availableParallelism()))
}
