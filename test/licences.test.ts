/** Whatever `npm ci` installs may be used and passed on; each direct dependency is explained. */
import { deepEqual, ok } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

/** Licences that ask for no more than a notice. */
const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'PostgreSQL']

const { packages } = JSON.parse(await read('package-lock.json')) as {
  packages: Record<string, { license?: string; resolved?: string }>
}
const installed = Object.entries(packages).filter(([path]) => path !== '')
const { dependencies, files } = JSON.parse(await read('package.json')) as {
  dependencies: Record<string, string>
  files: string[]
}

/** SPDX: `OR` leaves the choice, `AND` does not and binds tighter. */
const isAllowed = (license = '') =>
  license
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((word) => allowed.includes(word)))

test('every package has a licence that asks for no more than a notice', () => {
  ok(installed.length > 100)
  deepEqual(
    installed.filter(([, { license }]) => !isAllowed(license)),
    [],
  )
  for (const license of ['MIT', '(MIT OR GPL-3.0)', 'MIT AND ISC']) ok(isAllowed(license), license)
  for (const license of [undefined, '', 'GPL-3.0', 'MIT AND GPL-3.0', 'SEE LICENSE IN LICENSE'])
    ok(!isAllowed(license), license)
})

test('package-lock.json names no registry, so that everybody installs from their own', () => {
  deepEqual(
    installed.filter(([, { resolved }]) => resolved !== undefined),
    [],
  )
})

test('ARCHITECTURE says why each runtime dependency is there, and names no other', async () => {
  const architecture = await read('ARCHITECTURE.md')
  const start = architecture.indexOf('## Runtime dependencies')
  const section = architecture.slice(start, architecture.indexOf('\n## ', start + 1))
  const named = [...section.matchAll(/^\| `([^`]+)` \| \S/gm)].map(([, name]) => name)
  deepEqual(named.sort(), Object.keys(dependencies).sort())
})

test('NOTICE goes with the package and names whose work the package holds', async () => {
  ok(files.includes('NOTICE'))
  const notice = await read('NOTICE')
  const others = {
    contract: ['contract/', 'botocore', 'Copyright Amazon.com', 'Apache\nLicense, Version 2.0'],
    'build/postgres': [
      'build/postgres',
      'PostgreSQL Global Development Group',
      'The Regents of the University of California',
      'IN NO EVENT SHALL',
      'SPECIFICALLY DISCLAIMS',
    ],
    'build/kernel': ['The MIT licence: ', 'The ISC licence: ', ...(await crates())],
  }
  for (const [folder, words] of Object.entries(others)) {
    ok(files.includes(folder), folder)
    for (const word of words) ok(notice.includes(word), word)
  }
  const ours = ['dist', 'kernel', '!kernel/target', 'NOTICE']
  deepEqual([...files].sort(), [...Object.keys(others), ...ours].sort())
})

/** The crates that are linked into the native kernel: all of Cargo.lock but what only runs while it is built. */
async function crates(): Promise<string[]> {
  const atBuild =
    /^(convert_case|futures-macro|napi-build|napi-derive.*|openpersonalize-kernel|proc-macro2|quote|syn|unicode-.*)$/
  const lock = await read('kernel/Cargo.lock')
  const names = [...lock.matchAll(/^name = "(.*)"$/gm)].map(([, name]) => name!)
  ok(names.length > 20)
  return names.filter((name) => !atBuild.test(name))
}
