// Protects: every operation, setting, quota, recipe and dependency is where documents say it is.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { quotaSetting, variableName } from '../src/config.ts'
import { operation, operationNames } from '../src/contract.ts'
import { quotas } from '../src/limits.ts'
import { operations } from '../src/operations/index.ts'
import { catalog } from '../src/recipes/catalog.ts'
import { pages } from './pages.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')
const run = promisify(execFile)

test('each built operation is documented in the page of its noun, and only there', async () => {
  const documented = new Map<string, string>()
  for (const page of pages.slice(1))
    for (const name of operationsOfPage(await read(page))) {
      assert.ok(!documented.has(name), `${name} is in ${documented.get(name)} and in ${page}`)
      documented.set(name, page)
    }
  assert.deepEqual([...documented.keys()].sort(), Object.keys(operations).sort())
  for (const noun of await nouns())
    for (const name of await operationsOfNoun(noun))
      assert.equal(documented.get(name), `docs/operations/${pageOf(noun)}.md`, name)
})

test('a noun is one file each in docs/operations, src/operations, src/jobs and test', async () => {
  const { stdout } = await run('git', ['ls-files'], { cwd: root })
  const found = stdout.split('\n').filter((path) => /batchSegmentJob/i.test(path))
  assert.deepEqual(found, [
    'docs/operations/batchSegmentJob.md',
    'src/jobs/batchSegmentJob.ts',
    'src/operations/batchSegmentJob.ts',
    'test/batchSegmentJob.test.ts',
  ])
})

test("the README's table of operations is what the code has", async () => {
  const table = await operationsTable()
  const readme = await read('README.md')
  assert.ok(readme.includes(table), `README.md must hold this table:\n${table}`)
  const ours = operationNames.filter((name) => operation(name).service === 'openpersonalize')
  const built = Object.keys(operations).length - ours.length
  const aws = operationNames.length - ours.length
  assert.ok(readme.includes(`${built} of AWS's ${aws} operations are built, and ${ours.length} of`))
})

test("the README's table of settings is what `help` prints", async () => {
  const { stdout } = await run(process.execPath, [join(root, 'src/main.ts'), 'help'])
  const table = stdout.slice(stdout.indexOf('| Flag'))
  assert.ok((await read('README.md')).includes(table), `README.md must hold:\n${table}`)
})

test('each quota and each recipe is documented', async () => {
  const texts = (await Promise.all(pages.slice(1).map(read))).join()
  for (const quota of Object.keys(quotas)) {
    const variable = variableName(quotaSetting(quota))
    assert.ok(texts.includes(`\`${variable}\``), `${quota} is in no page of operations`)
  }
  const recipes = await read('docs/operations/recipe.md')
  for (const { name } of catalog) assert.ok(recipes.includes(`\`${name}\``), name)
})

test('ARCHITECTURE.md is short and has a line for each runtime dependency', async () => {
  const lines = (await read('ARCHITECTURE.md')).trimEnd().split('\n')
  assert.ok(lines.length <= 200, `ARCHITECTURE.md has ${lines.length} lines`)
  const { dependencies } = JSON.parse(await read('package.json'))
  for (const name of Object.keys(dependencies))
    assert.ok(
      lines.some((line) => line.startsWith('|') && line.includes(`\`${name}\``)),
      `${name} has no line in ARCHITECTURE.md`,
    )
  for (const page of pages.slice(1)) {
    const count = (await read(page)).trimEnd().split('\n').length
    assert.ok(count <= 120, `${page} has ${count} lines`)
  }
})

test('links between documents lead somewhere', async () => {
  for (const page of await documents())
    for (const [, target] of (await read(page)).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      await assert.doesNotReject(
        read(join(dirname(page), target!)),
        `${page} links to ${target}, which is not there`,
      )
})

test('no tracked file names a place on the machine it was written on', async () => {
  const machinePath = /(?<![\w.~-])\/(?:work|root|home|tmp)\/\w/
  const { stdout } = await run('git', ['ls-files', '-z'], { cwd: root })
  for (const path of stdout.split('\0').filter((each) => each !== '')) {
    const text = await read(path)
    assert.ok(!machinePath.test(text), `${path} holds ${machinePath.exec(text)?.[0]}`)
  }
})

/** What follows the word Operations at the head of a page. */
const operationsOfPage = (text: string): string[] =>
  [.../^Operations:.*?\n\n/ms.exec(text)![0].matchAll(/`(\w+)`/g)].map(([, name]) => name!)

const nouns = async () =>
  (await readdir(join(root, 'src/operations'))).map((file) => file.replace(/\.ts$/, ''))

/** The operations that a file of `src/operations` exports, by AWS's names. */
async function operationsOfNoun(noun: string): Promise<string[]> {
  const exported: object = await import(`../src/operations/${noun}.ts`)
  return Object.keys(exported)
    .map((name) => name.charAt(0).toUpperCase() + name.slice(1))
    .filter((name) => Object.hasOwn(operations, name))
}

/** Recipe, algorithm and feature transformation share a page. */
const pageOf = (noun: string) =>
  noun === 'algorithm' || noun === 'featureTransformation' ? 'recipe' : noun

/** All operations by noun, those without a file here by the name of what they are about. */
async function operationsTable(): Promise<string> {
  const nounOf = new Map<string, string>()
  for (const noun of await nouns())
    for (const name of await operationsOfNoun(noun)) nounOf.set(name, noun)
  const rows = Map.groupBy(operationNames, (name) => nounOf.get(name) ?? unbuiltNoun(name))
  const cells = (names: string[]) => names.map((name) => `\`${name}\``).join(', ')
  return [
    '| Noun | Built | Not yet (501) |',
    '|---|---|---|',
    ...[...rows.keys()].sort().map((noun) => {
      const names = rows.get(noun)!
      const built = names.filter((name) => Object.hasOwn(operations, name))
      const missing = names.filter((name) => !Object.hasOwn(operations, name))
      const title = built.length > 0 ? `[${noun}](docs/operations/${pageOf(noun)}.md)` : noun
      return `| ${title} | ${cells(built)} | ${cells(missing)} |`
    }),
  ].join('\n')
}

/** `ListBatchInferenceJobs` -> `batchInferenceJob`; the other two services are one noun each. */
function unbuiltNoun(name: string): string {
  const { service } = operation(name)
  if (service !== 'personalize') return service.replace('personalize-', '')
  const noun = name
    .replace(/^[A-Z][a-z]+/, '')
    .replace(/(?<!s)s$/, '')
    .replace(/Metric$/, '')
  return noun.charAt(0).toLowerCase() + noun.slice(1)
}

async function documents(): Promise<string[]> {
  const { stdout } = await run('git', ['ls-files', '*.md'], { cwd: root })
  return stdout.trim().split('\n')
}
