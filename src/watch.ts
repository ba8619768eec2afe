import { type Stats, unwatchFile, watchFile } from 'node:fs'
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ConfigError } from './config.ts'
import { wireLimits } from './limits.ts'

/**
 * Calls `reload` after a file has changed and stayed as it is, until closed. Where it throws ConfigError, that is logged,
 * and what was read before stays in use. Looks at the files again and again: that notices renamed, mounted and linked
 * files too.
 */
export function watchFiles(
  paths: readonly string[],
  log: Logger,
  reload: () => Promise<void>,
): () => void {
  const changed = async (path: string, found: Stats) => {
    await sleep(wireLimits.filesUnchangedMs, undefined, { ref: false })
    const now = await stat(path).catch(() => undefined)
    // It is being written, and half of it may give more rights than the whole. The next look finds that it changed.
    if (now && (now.size !== found.size || now.mtimeMs !== found.mtimeMs)) return
    try {
      await reload()
      log.info(`Read again, because it changed: ${paths.join(', ')}`)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      log.error(`${error.message} What was read before stays in use.`)
    }
  }
  const options = { interval: wireLimits.filesWatchedMs, persistent: false }
  const stops = paths.map((path) => {
    const listener = (found: Stats) => changed(path, found)
    watchFile(path, options, listener)
    return () => unwatchFile(path, listener)
  })
  return () => {
    for (const stop of stops) stop()
  }
}
