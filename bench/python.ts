import { benchFile, peerPython } from './cache.ts'
import { start } from './children.ts'
import type { Cost } from './cost.ts'

/**
 * A peer that is a Python program in a process of its own, its data loaded: one more measurement
 * each time it is asked.
 */
export type PythonPeer = {
  cost(): Promise<Cost>
  /** Gives it another command that it knows, and the numbers of its answer. */
  ask(command: string): Promise<number[]>
  end(): Promise<void>
}

/** Undefined where there is no Python, or its packages are not to be had. */
export async function startPython(
  script: 'implicitPeer.py' | 'numpyPeer.py',
  args: (string | number)[],
): Promise<PythonPeer | undefined> {
  const python = await peerPython()
  if (!python) return undefined
  const child = start(python, [benchFile(script), ...args.map(String)], {
    // As the authors of `implicit` recommend: it has threads of its own.
    OPENBLAS_NUM_THREADS: '1',
    // Settings of this machine must not choose its routines.
    OPENBLAS_CORETYPE: undefined,
    OPENBLAS_L2_SIZE: undefined,
    PYTHONDONTWRITEBYTECODE: '1',
  })
  await child.line()
  const ask = async (command: string) => {
    child.tell(command)
    return (await child.line()).split(' ').map(Number)
  }
  return {
    ask,
    async cost() {
      const [seconds = Number.NaN, cpuSeconds = Number.NaN] = await ask('next')
      return { seconds, cpuSeconds }
    },
    end: () => child.end(),
  }
}
