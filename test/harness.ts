import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Personalize } from '@aws-sdk/client-personalize'
import { readConfig } from '../src/config.ts'
import { open } from '../src/context.ts'
import { startWork } from '../src/jobs/runner.ts'
import { listen } from '../src/wire/listen.ts'
import { assertAnswer } from './contractCheck.ts'
import { databaseFlags, dropDatabase } from './testDatabase.ts'

/** A role ARN of the right form; nothing here assumes it. */
export const roleArn = 'arn:aws:iam::123456789012:role/PersonalizeRole'

/** The role of that name in the account of a resource. */
export const roleBeside = (arn: string) => roleArn.replace('123456789012', arn.split(':')[4]!)

/** A test, or node:test itself for a server that all tests of a file share. */
type Cleanup = { after(close: () => Promise<void>): void }

/**
 * A real server in this process, over a temporary data directory, and the AWS SDK pointed at it. Without `works` its jobs
 * are queued and not begun.
 */
export async function server(t: Cleanup, env: Record<string, string> = {}, works = true) {
  const dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
  const flags = ['--port', '0', '--data-dir', dataDir, '--log-level', 'error']
  const config = readConfig([...flags, ...databaseFlags(dataDir)], env)
  const ctx = await open(config)
  const listening = await listen(ctx)
  if (works) await startWork(ctx)
  const personalize = client(listening.url)
  t.after(async () => {
    personalize.destroy()
    await listening.close()
    await ctx.close()
    dropDatabase(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  })
  const path = (url: string) => join(dataDir, 's3', url.slice('s3://'.length))
  return {
    ctx,
    url: listening.url,
    dataDir,
    personalize,
    /** Puts an object into the embedded store. */
    async put(url: string, text: string | Uint8Array) {
      await mkdir(dirname(path(url)), { recursive: true })
      await writeFile(path(url), text)
    },
    /** The text of an object. */
    read: (url: string) => readFile(path(url), 'utf8'),
    exists: (url: string) =>
      readFile(path(url)).then(
        () => true,
        () => false,
      ),
  }
}
export type Server = Awaited<ReturnType<typeof server>>
/** What its clients see of a server, wherever its buckets are. */
export type ClientSide = Pick<Server, 'personalize' | 'put' | 'read'>

/** The AWS SDK for one endpoint, without retries: a refusal is seen at once. Answers are checked by the contract. */
export function client(endpoint: string, region = 'us-east-1', key = 'test') {
  const personalize = new Personalize({
    endpoint,
    region,
    credentials: { accessKeyId: key, secretAccessKey: key },
    maxAttempts: 1,
  })
  personalize.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const result = await next(args)
        const response = result.response as { statusCode: number; body: unknown }
        const bytes = await buffer(response.body as AsyncIterable<Uint8Array>)
        response.body = new Uint8Array(bytes)
        if (response.statusCode === 200)
          assertAnswer(commandName.replace(/Command$/, ''), JSON.parse(bytes.toString()))
        return result
      },
    { name: 'contract', step: 'deserialize', priority: 'low' },
  )
  return personalize
}

/** Polls a Describe until the work has ended, and returns the resource. */
export async function ended<
  Resource extends { status?: string | undefined; failureReason?: string | undefined },
>(describe: () => Promise<Resource | undefined>, timeoutMs = 120_000): Promise<Resource> {
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    const resource = await describe()
    if (resource && !/PENDING|IN_PROGRESS|STOPPING/.test(resource.status ?? '')) return resource
    await sleep(50)
  }
  throw new Error(`the work did not end within ${timeoutMs} ms`)
}
