import { unwatchFile, watchFile } from 'node:fs'
import type { Logger } from 'pino'
import { ConfigError } from './config.ts'
import { wireLimits } from './limits.ts'

/**
 * Calls `reload` after a file has changed, until closed. Where it throws ConfigError, that is logged, and what was read
 * before stays in use. Looks at the files again and again: that notices renamed, mounted and linked files too.
 */
export function watchFiles(
  paths: readonly string[],
  log: Logger,
  reload: () => Promise<void>,
): () => void {
  const changed = async () => {
    try {
      await reload()
      log.info(`Read again, because it changed: ${paths.join(', ')}`)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      log.error(`${error.message} What was read before stays in use.`)
    }
  }
  const options = { interval: wireLimits.filesWatchedMs, persistent: false }
  for (const path of paths) watchFile(path, options, changed)
  return () => {
    for (const path of paths) unwatchFile(path, changed)
  }
}
