import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PGlite, postgresMod } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

type Module = postgresMod.PostgresMod
/** An open file of Emscripten's; a folder has no descriptor. */
type Stream = { nfd?: number; node: object }

/**
 * The files of the embedded Postgres, forced to the disk when Postgres asks for it, so that what was committed survives a
 * power cut. PGlite's own file system has all but that.
 */
export class ForcedFiles extends NodeFS {
  override async init(pglite: PGlite, options: Partial<Module>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pglite, options)
    const preRun = [...(emscriptenOpts.preRun ?? []), addForce]
    return { emscriptenOpts: { ...emscriptenOpts, preRun } }
  }
}

/** Makes a Postgres ask for it, and in the way that Emscripten passes on: of `fdatasync`, its default, it does nothing. */
export const forcing = (params: readonly string[]): string[] => [
  ...params.filter((param) => param !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
]

function addForce({ NODEFS }: Module): void {
  const files = NODEFS as unknown as {
    realPath(node: object): string
    stream_ops: { fsync(stream: Stream): number }
  }
  files.stream_ops.fsync = ({ nfd, node }) => {
    try {
      if (nfd === undefined) force(files.realPath(node))
      else fsyncSync(nfd)
    } catch (error) {
      // What the disk holds is unknown now, and Postgres hangs when it hears so. The next start recovers.
      const { message } = error as Error
      process.stderr.write(
        `The server ends: its database cannot be forced to the disk: ${message}\n`,
      )
      process.exit(1)
    }
    return 0
  }
}

/** Forces a file or a folder's entries to the disk. */
export function force(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Forces a folder with all that is in it. */
export function forceAll(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    force(join(entry.parentPath, entry.name))
  force(folder)
}
