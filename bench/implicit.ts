import { benchFile, peerPython } from './cache.ts'
import { start } from './children.ts'

/**
 * The peer `implicit` in a process of its own, its data loaded: one more measurement each time it
 * is asked.
 */
export type Implicit = { seconds(): Promise<number>; end(): Promise<void> }

/** Undefined where there is no Python or no `implicit` to be had. */
export async function startImplicit(args: string[]): Promise<Implicit | undefined> {
  const python = await peerPython()
  if (!python) return undefined
  // As its authors recommend: it has threads of its own.
  const child = start(python, [benchFile('implicitPeer.py'), ...args], {
    OPENBLAS_NUM_THREADS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  })
  await child.line()
  return {
    async seconds() {
      child.tell('next')
      return Number(await child.line())
    },
    end: () => child.end(),
  }
}
