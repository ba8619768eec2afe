#!/usr/bin/env node
import { lstatSync, mkdirSync } from 'node:fs'
import * as module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, flagName, quotaSetting, settings, variableName } from './config.ts'
import { CannotStart } from './errors.ts'
import { quotas } from './limits.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(`OpenPersonalize needs Node 24.12 or newer; this is ${process.version}.\n`)
  process.exit(1)
}
// Halves the time that loading modules takes from the second start on. Commands are
// imported when asked for, so after this. Worker threads and trainings know the folder from the variable.
const cache = process.env.NODE_COMPILE_CACHE ?? cacheFolder()
if (cache) {
  process.env.NODE_COMPILE_CACHE = cache
  module.enableCompileCache(cache)
}

const commands: Record<string, (argv: string[]) => Promise<void>> = {
  serve: async (argv) => (await import('./cli/serve.ts')).serve(argv),
  worker: async (argv) => (await import('./cli/worker.ts')).worker(argv),
  doctor: async (argv) => (await import('./cli/doctor.ts')).doctor(argv),
  demo: async (argv) => (await import('./cli/demo.ts')).demo(argv),
  help: async () => {
    process.stdout.write(help())
  },
}

const words = process.argv.slice(2)
const asked = words.some((word) => word === '--help' || word === '-h')
const [first = 'serve', ...rest] = words[0]?.startsWith('-') ? ['serve', ...words] : words
const command = asked ? commands.help : commands[first]
try {
  if (!command)
    throw new ConfigError(
      `There is no command ${first}. The commands are ${Object.keys(commands).join(', ')}.`,
    )
  await command(rest)
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof CannotStart)) throw error
  process.stderr.write(`${error.message}\n`)
  // At once: who cannot start must not stay, whatever a library keeps open.
  process.exit(1)
}

/**
 * A folder for compiled modules, or undefined where another user could write into it: what lies
 * there is run. Node's own default, below the system's temporary folder, is anybody's.
 */
function cacheFolder(): string | undefined {
  try {
    const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
    const folder = join(caches, 'openpersonalize')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { uid, mode } = lstatSync(folder)
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? folder : undefined
  } catch {
    return undefined // no home, or one that cannot be written: each start compiles
  }
}

function help(): string {
  return `Usage: openpersonalize [serve] [flags]   serve the Amazon Personalize API until SIGTERM
       openpersonalize worker [flags of serve]   do jobs beside servers of the same DATABASE_URL
       openpersonalize doctor [--role-arn ARN] [--kms-key-arn ARN] [flags of serve]   what a server with these flags would meet here
       openpersonalize demo [--keep] [--data FOLDER]   from CSV files to segments, step by step
       openpersonalize help   this text

Flags count before variables, variables before defaults.

${settingsTable()}
`
}

/** The table of all settings, as the README has it. */
function settingsTable(): string {
  const rows = Object.entries(settings).map(([name, { default: value, means }]) =>
    row(name, value && `\`${value}\``, means),
  )
  const quotaRows = Object.entries(quotas).map(([name, { aws, open, means }]) =>
    row(quotaSetting(name), `\`${open}\` (aws: \`${aws}\`)`, means),
  )
  const head = ['| Flag | Variable | Default | Meaning |', '|---|---|---|---|']
  return [...head, ...rows, ...quotaRows].join('\n')
}

function row(setting: string, value: string, means: string): string {
  return `| \`${flagName(setting)}\` | \`${variableName(setting)}\` | ${value} | ${means} |`
}
