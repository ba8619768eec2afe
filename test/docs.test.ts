// Protects: what the documents print runs.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startServer } from '../src/cli/serverProcess.ts'
import { pythonClients } from './clients/environment.ts'
import { pages } from './pages.ts'
import { databaseFlags } from './testDatabase.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')
const run = promisify(execFile)

test('what the documents print runs, with the AWS CLI and with boto3', {
  timeout: 300_000,
}, async (t) => {
  const { python, aws } = await pythonClients()
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-docs-'))
  const dataDir = join(folder, '.openpersonalize')
  const server = await startServer(dataDir, ['--log-level', 'error', ...databaseFlags(dataDir)])
  // The commands are printed for the root of the repository.
  await symlink(join(root, 'contract'), join(folder, 'contract'))
  try {
    const texts = new Map<string, string>()
    for (const page of pages) {
      const text = (await read(page)).replaceAll('http://127.0.0.1:8080', server.endpoint)
      texts.set(page, text)
      for (const { name, code } of blocks(text)) if (name) await writeFile(join(folder, name), code)
    }
    const env = {
      PATH: `${dirname(aws)}:${process.env.PATH}`,
      HOME: folder,
      PYTHONDONTWRITEBYTECODE: '1',
    }
    const follow = async (language: string, program: string, ...flags: string[]) => {
      let said = ''
      for (const [page, text] of texts) {
        const code = blocks(text).filter((block) => block.language === language && !block.name)
        const script = code.map((block) => block.code).join('\n')
        const options = { cwd: folder, env, timeout: 120_000 }
        const { stdout } = await run(program, [...flags, script], options).catch((error) => {
          throw new Error(`The ${language} of ${page} fails:\n${error.stderr}`, { cause: error })
        })
        said += stdout
      }
      return said
    }
    await t.test('both at once', { concurrency: 2 }, async (both) => {
      await Promise.all([
        both.test('AWS CLI', async () => {
          const said = await follow('bash', 'bash', '-eu', '-o', 'pipefail', '-c')
          assert.equal(said.match(/"usersList": \["u\d+"(,"u\d+"){4}\]/g)?.length, 2, said)
          assert.match(said, /"recall_at_1_percent": [\d.]+/)
        }),
        both.test('boto3', async () => {
          const said = await follow('python', python, '-c')
          assert.equal(said.match(/"usersList": \["u\d+"(,"u\d+"){4}\]/g)?.length, 2, said)
          assert.doesNotMatch(said, /CREATE FAILED/)
        }),
      ])
    })
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

type Block = { language: string; name: string | undefined; code: string }

/** The fenced blocks of a page. A block whose fence names a file is to be saved under that name. */
const blocks = (text: string): Block[] =>
  [...text.matchAll(/^```(\w*)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language, name, code]) => ({
    language: language!,
    name,
    code: code!,
  }))
