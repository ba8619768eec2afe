/** Whatever `npm ci` installs may be used and passed on; each direct dependency is explained. */
import { deepEqual, ok } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

/** Licences that ask for no more than a notice. */
const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'PostgreSQL']

test('every package has a licence that asks for no more than a notice', async () => {
  const { packages } = JSON.parse(await read('package-lock.json')) as {
    packages: Record<string, { license?: string; resolved?: string }>
  }
  const installed = Object.entries(packages).filter(([path]) => path !== '')
  ok(installed.length > 100)
  // An SPDX "A OR B" leaves the choice.
  const isAllowed = (license = '') =>
    license
      .replace(/[()]/g, '')
      .split(' OR ')
      .some((word) => allowed.includes(word))
  deepEqual(
    installed.filter(([, { license }]) => !isAllowed(license)),
    [],
  )
  deepEqual(
    installed.filter(([, { resolved }]) => resolved !== undefined),
    [],
  )
})

test('ARCHITECTURE says why each runtime dependency is there', async () => {
  const { dependencies } = JSON.parse(await read('package.json')) as {
    dependencies: Record<string, string>
  }
  const architecture = await read('ARCHITECTURE.md')
  const section = architecture.slice(architecture.indexOf('## Runtime dependencies'))
  for (const name of Object.keys(dependencies)) ok(section.includes(`\`${name}\``), name)
})
