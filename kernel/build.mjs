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
  const { error } = spawnSync('cargo', ['--version'])
  if (error) {
    rmSync(target, { force: true })
    return say('not built: cargo is missing (https://rustup.rs); TypeScript does its work, slower')
  }
  const cargo = spawnSync('cargo', ['build', '--release', '--locked', '--quiet'], {
    cwd: source,
    encoding: 'utf8',
  })
  if (cargo.status !== 0) {
    rmSync(target, { force: true })
    process.stderr.write(cargo.stderr)
    return say('not built: cargo failed as said above; TypeScript does its work, slower')
  }
  const built = { win32: 'openpersonalize_kernel.dll', darwin: 'libopenpersonalize_kernel.dylib' }
  const library = built[platform] ?? 'libopenpersonalize_kernel.so'
  mkdirSync(folder, { recursive: true })
  // A server that runs has the old one open: replace the name, not the bytes.
  copyFileSync(join(source, 'target', 'release', library), `${target}.partial`)
  renameSync(`${target}.partial`, target)
  say(`built with cargo in ${((performance.now() - began) / 1000).toFixed(0)} s`)
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
