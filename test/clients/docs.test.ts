import { equal, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { delimiter, dirname } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { server } from '../harness.ts'
import { clientVariables, pythonClients } from './environment.ts'

const page = new URL('../../docs/clients.md', import.meta.url)
const root = fileURLToPath(new URL('../..', import.meta.url))

// docs/clients.md promises that its lines run as printed: the shell, Python and JavaScript ones are run here.
test('the lines of docs/clients.md run as printed', { timeout: 300_000 }, async (t) => {
  const { url } = await server(t)
  const { python, aws } = await pythonClients()
  const programs: Record<string, (code: string) => [string, string[]]> = {
    bash: (code) => ['bash', ['-e', '-c', code]],
    python: (code) => [python, ['-c', code]],
    javascript: (code) => [process.execPath, ['--input-type=module', '--eval', code]],
  }
  const text = await readFile(page, 'utf8')
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, language, code]) => {
    const program = programs[language!]
    return program ? [program(code!.replaceAll('http://127.0.0.1:8080', url))] : []
  })
  ok(blocks.length >= 4)

  const { AWS_ENDPOINT_URL_PERSONALIZE: _, ...variables } = clientVariables('')
  const env = { ...variables, PATH: [dirname(aws), variables.PATH].join(delimiter) }
  for (const [program, args] of blocks) {
    const { code, said } = await run(program, args, env)
    equal(code, 0, `${args.at(-1)}\n${said}`)
  }
})

const run = (program: string, args: string[], env: NodeJS.ProcessEnv) =>
  new Promise<{ code: number; said: string }>((resolve) => {
    execFile(program, args, { cwd: root, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr }),
    )
  })
