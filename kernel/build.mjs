// Builds the native kernel where cargo is present; says in one line what is missing where it is not. Without it the
// same work is done in TypeScript, some ten times slower. Runs at `npm ci` and at `npm install` of the package.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = dirname(fileURLToPath(import.meta.url))
const { platform, arch } = process
const folder = join(source, '..', 'build', 'kernel')
const target = join(folder, `${platform}-${arch}.node`)
// A package brings the kernel of the machine it was packed on; the sources beside it may be built anywhere.
const packed = !existsSync(join(source, '..', 'src'))

if (packed && loads(target)) say('built for this machine already')
else build()

function build() {
  const began = performance.now()
  // Wherever and for whatever machine cargo is set to build.
  const args = ['build', '--release', '--locked', '--quiet', '--target-dir', 'target']
  const env = { ...process.env, CARGO_BUILD_TARGET: undefined }
  const { error, status, stderr } = spawnSync('cargo', args, { cwd: source, encoding: 'utf8', env })
  if (error) return notBuilt('cargo is missing (https://rustup.rs)')
  if (status !== 0) {
    process.stderr.write(stderr)
    return notBuilt('cargo failed as said above (it must be of Rust 1.89 or newer)')
  }
  const built = { win32: 'openpersonalize_kernel.dll', darwin: 'libopenpersonalize_kernel.dylib' }
  const library = built[platform] ?? 'libopenpersonalize_kernel.so'
  try {
    mkdirSync(folder, { recursive: true })
    // A server that runs has the old one open: replace the name, not the bytes.
    copyFileSync(join(source, 'target', 'release', library), `${target}.partial`)
    renameSync(`${target}.partial`, target)
  } catch (error) {
    return notBuilt(error.message)
  }
  say(`built with cargo in ${((performance.now() - began) / 1000).toFixed(0)} s`)
}

function notBuilt(why) {
  rmSync(target, { force: true })
  say(`not built: ${why}; TypeScript does its work, some ten times slower`)
}

function loads(path) {
  try {
    return createRequire(import.meta.url)(path).instructionSets().length > 0
  } catch {
    return false
  }
}

function say(what) {
  process.stdout.write(`Native kernel (${platform}-${arch}): ${what}.\n`)
}
