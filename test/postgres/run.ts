import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { pino } from 'pino'
import { migrate } from '../../src/store/migrations.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import { openQueue } from '../../src/store/queue.ts'
import { templateName } from '../testDatabase.ts'
import { startPostgres } from './postgresServer.ts'

// `npm run test:postgres [-- FLAGS FILES]`: the tests on a Postgres server that lives as long as they run.

/**
 * What has no store inside, or the embedded one only; clients, to whom the wire alone matters; and
 * kills at each step, of which `npm run test:faults` has many on this store.
 */
const others =
  /^test\/(clients|crash|data|engine|policy|segments)\/|^test\/(contract|wire|evaluator|licences|coverage|config|demo|start|doctor|cannotStart)|^test\/s3\/files/

const server = await startPostgres()
try {
  await makeTemplate(server.url)
  const words = process.argv.slice(2)
  const flags = words.filter((word) => word.startsWith('--'))
  const files = words.filter((word) => !word.startsWith('--'))
  const all = globSync('test/**/*.test.ts').filter((path) => !others.test(path))
  const child = spawn(
    process.execPath,
    ['--test', '--test-concurrency=2', ...flags, ...(files.length > 0 ? files : all.sort())],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        TEST_DATABASE_URL: server.url,
        TEST_PSQL: join(server.bin, 'psql'),
      },
    },
  )
  // Who stops this stops the tests; the server is stopped below.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? 1
} finally {
  await server.stop()
}

/** An initialised database: copying one takes a tenth of the time of making one. */
async function makeTemplate(url: string): Promise<void> {
  const log = pino({ level: 'warn' })
  const maintenance = await openPostgres(url, log)
  await sql`create database ${sql.id(templateName)}`.execute(maintenance.kysely)
  await maintenance.close()
  const template = await openPostgres(new URL(templateName, url).href, log)
  await migrate(template.kysely)
  const queue = await openQueue(template, log)
  await queue.close()
  await template.close()
}
