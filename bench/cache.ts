import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sizes, writeInteractions } from './data.ts'

/**
 * What is kept between runs: generated data and the peer's Python environment. It may be removed at
 * any time.
 */
export const cacheFolder = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'openpersonalize-bench',
)

/**
 * The generated interactions of a size as a CSV file, made at the first use and after a change to
 * data.ts.
 */
export async function interactions(sizeName: string): Promise<string> {
  const source = await readFile(new URL('./data.ts', import.meta.url))
  const version = createHash('sha256').update(source).digest('hex').slice(0, 8)
  const path = join(cacheFolder, `interactions-${sizeName}-${version}.csv`)
  if (existsSync(path)) return path
  process.stderr.write(`making ${path}\n`)
  await mkdir(cacheFolder, { recursive: true })
  for (const name of await readdir(cacheFolder))
    if (name.startsWith(`interactions-${sizeName}-`)) await rm(join(cacheFolder, name))
  await writeInteractions(`${path}.partial`, sizes[sizeName]!)
  await rename(`${path}.partial`, path)
  return path
}

const peerPackages = ['implicit==0.7.3', 'numpy==2.2.6', 'scipy==1.15.3']

/**
 * The Python that has the peer `implicit`, made at the first use; undefined, and said why, where
 * that is not possible.
 */
export async function peerPython(): Promise<string | undefined> {
  const folder = join(cacheFolder, peerPackages.join('-').replaceAll('==', '-'))
  const python = join(folder, 'bin', 'python')
  if (existsSync(python)) return python
  const run = promisify(execFile)
  try {
    process.stderr.write(`installing ${peerPackages[0]} in ${folder}\n`)
    const partial = `${folder}.partial`
    await rm(partial, { recursive: true, force: true })
    await run('python3', ['-m', 'venv', partial])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    // No sources: a compiler with other flags would be another peer.
    await run(join(partial, 'bin', 'python'), [...pip, '--only-binary=:all:', ...peerPackages])
    await rename(partial, folder)
    return python
  } catch (error) {
    process.stderr.write(`no implicit to compare with: ${(error as Error).message}\n`)
    return undefined
  }
}

/** The path of a file of this folder. */
export const benchFile = (name: string) => fileURLToPath(new URL(name, import.meta.url))
