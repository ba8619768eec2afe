// Protects: whatever is missing for a native kernel, an installation ends well and whoever looks is told how to get it.
import { equal, match } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))
const copied = ['kernel/build.mjs', 'src/engine/local/native.ts', 'src/errors.ts']
for (const file of copied) await cp(join(root, file), join(folder, file))
await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
const addon = join(folder, 'build/kernel', `${process.platform}-${process.arch}.node`)
const libraries = ['libopenpersonalize_kernel.so', 'libopenpersonalize_kernel.dylib']
const skip = process.platform === 'win32' && 'the programs are shell scripts'

/** What the build says with a cargo that does this. */
async function build(cargo: string | undefined, env: Record<string, string> = {}) {
  const programs = await mkdtemp(join(folder, 'programs-'))
  if (cargo !== undefined)
    await writeFile(join(programs, 'cargo'), `#!/bin/sh\n${cargo}`, { mode: 0o755 })
  const path = `${programs}${cargo === undefined ? '' : `${delimiter}/usr/bin${delimiter}/bin`}`
  const options = { env: { ...env, PATH: path }, encoding: 'utf8' } as const
  const { status, stdout } = spawnSync(process.execPath, ['kernel/build.mjs'], {
    ...options,
    cwd: folder,
  })
  equal(status, 0)
  return stdout
}

/** Puts a library where cargo would. */
const good = `
for folder in "$CARGO_TARGET_DIR" target; do [ "$folder" ] && break; done
while [ $# -gt 0 ]; do [ "$1" = --target-dir ] && folder=$2; shift; done
mkdir -p "$folder/$CARGO_BUILD_TARGET/release" && cd "$folder/$CARGO_BUILD_TARGET/release"
for library in ${libraries.join(' ')}; do echo built > $library; done`

test('the kernel is built wherever cargo is told to build', { skip }, async () => {
  for (const env of [
    {},
    { CARGO_TARGET_DIR: join(folder, 'elsewhere') },
    { CARGO_BUILD_TARGET: 'x' },
  ]) {
    await rm(join(folder, 'kernel/target'), { recursive: true, force: true })
    match(await build(good, env), /: built with cargo in/)
    equal(await readFile(addon, 'utf8'), 'built\n')
  }
})

test('a build that fails is told in a line, and is no failure of the installation', {
  skip,
}, async () => {
  await rm(join(folder, 'kernel/target'), { recursive: true, force: true })
  match(await build('exit 0'), /^[^\n]*: not built: ENOENT[^\n]*TypeScript does its work/)
  match(await build('exit 1'), /^[^\n]*: not built: cargo failed/)
  match(await build(undefined), /^[^\n]*: not built: cargo is missing/)
})

test('a kernel that is missing or cannot be loaded is told with what mends it', async () => {
  await mkdir(join(folder, 'build/kernel'), { recursive: true })
  const { href } = pathToFileURL(join(folder, 'src/engine/local/native.ts'))
  const said = async (version: number) =>
    (await import(`${href}?${version}`)).chooseInstructions('auto').said
  await rm(addon, { force: true })
  match(await said(1), /is not built; .*node .*build\.mjs does\)$/)
  await writeFile(addon, 'nothing that runs')
  match(await said(2), /cannot be loaded: .*; node .*build\.mjs builds it anew\)$/)
})
