#!/usr/bin/env node
import * as module from 'node:module'
import { ConfigError, flagName, quotaVariable, settings } from './config.ts'
import { DataDirectoryLocked } from './errors.ts'
import { quotas } from './limits.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(`OpenPersonalize needs Node 24.12 or newer; this is ${process.version}.\n`)
  process.exit(1)
}
// Halves the time that loading modules takes from the second start on. Commands are imported when asked for, so after this.
module.enableCompileCache()

const commands: Record<string, (argv: string[]) => Promise<void>> = {
  serve: async (argv) => (await import('./cli/serve.ts')).serve(argv),
  demo: async (argv) => (await import('./cli/demo.ts')).demo(argv),
  config: async () => {
    process.stdout.write(`${settingsTable()}\n`)
  },
}

const [first = 'serve', ...rest] = process.argv.slice(2)
const argv = first.startsWith('-') ? [first, ...rest] : rest
const command = commands[first.startsWith('-') ? 'serve' : first]
try {
  if (!command)
    throw new ConfigError(
      `There is no command ${first}. The commands are ${Object.keys(commands).join(', ')}.`,
    )
  await command(argv)
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof DataDirectoryLocked)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

/** The table of all settings, as the README has it. */
function settingsTable(): string {
  const rows = Object.entries(settings).map(
    ([name, { env, default: value, means }]) =>
      `| \`${flagName(name)}\` | \`${env}\` | ${value && `\`${value}\``} | ${means} |`,
  )
  const quotaRows = Object.entries(quotas).map(
    ([name, { aws, open, means }]) =>
      `| | \`${quotaVariable(name)}\` | \`${open}\` (aws: \`${aws}\`) | ${means} |`,
  )
  return [
    '| Flag | Variable | Default | Meaning |',
    '|---|---|---|---|',
    ...rows,
    ...quotaRows,
  ].join('\n')
}
