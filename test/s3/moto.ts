import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3 } from '@aws-sdk/client-s3'
import { pythonClients } from '../clients/environment.ts'
import { freePort } from '../freePort.ts'

type Cleanup = { after(close: () => Promise<void>): void }

/** A request as the server got it. */
export type Recorded = {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

/**
 * moto, a server that speaks S3, STS, KMS and IAM, on a port of 127.0.0.1. It
 * checks signatures and policies from `checkRights` on.
 */
export async function startMoto(t: Cleanup) {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-moto-'))
  const recording = join(folder, 'requests')
  const port = await freePort()
  const { python } = await pythonClients()
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`], {
    stdio: 'ignore',
    cwd: folder,
    env: { ...process.env, MOTO_RECORDER_FILEPATH: recording, PYTHONDONTWRITEBYTECODE: '1' },
  })
  const ended = once(child, 'exit')
  const endpoint = `http://127.0.0.1:${port}`
  const clients: { destroy(): void }[] = []
  t.after(async () => {
    for (const client of clients) client.destroy()
    child.kill()
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  await untilAnswers(endpoint)
  const config = { endpoint, region: 'us-east-1' }
  const credentials = { accessKeyId: 'nobody', secretAccessKey: 'nobody' }
  const iam = new IAMClient({ ...config, credentials })
  const admin = { ...config, credentials: await user(iam, 'admin', [allow('*')]) }
  const s3 = new S3({ ...admin, forcePathStyle: true })
  const kms = new KMSClient(admin)
  clients.push(iam, s3, kms)
  const post = async (path: string, body?: string) => {
    const answer = await fetch(`${endpoint}/moto-api/${path}`, {
      method: 'POST',
      body: body ?? null,
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  }
  return {
    endpoint,
    s3,
    kms,
    /** From now on signatures and policies count. Roles and users must be there by then. */
    checkRights: () => post('reset-auth', '0'),
    /** What is asked while `work` runs. NOTE: of long requests at the same time moto mixes the lines. */
    async recorded(work: () => Promise<unknown>): Promise<Recorded[]> {
      await post('recorder/reset-recording')
      await post('recorder/start-recording')
      await work()
      await post('recorder/stop-recording')
      const lines = (await readFile(recording, 'utf8')).split('\n').filter(Boolean)
      return lines.map((line) => JSON.parse(line))
    },
    /** A role that Personalize and our own keys may assume; its ARN. */
    async role(RoleName: string, statements: object[], Principal: object = anyone) {
      const trust = { Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }
      const AssumeRolePolicyDocument = policy([trust])
      const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }))
      const PolicyDocument = policy(statements)
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }))
      return Role!.Arn!
    },
    /** Keys of a user. */
    user: (name: string, statements: object[]) => user(iam, name, statements),
  }
}
export type Moto = Awaited<ReturnType<typeof startMoto>>

async function user(iam: IAMClient, UserName: string, statements: object[]) {
  await iam.send(new CreateUserCommand({ UserName }))
  const PolicyDocument = policy(statements)
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! }
}

export const allow = (...Action: string[]) => ({ Effect: 'Allow', Action, Resource: '*' })

const anyone = { Service: 'personalize.amazonaws.com', AWS: '*' }

const policy = (Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })

async function untilAnswers(endpoint: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(`${endpoint}/moto-api/`).catch((error) => {
      if (tries === 300) throw error
    })
    if (answer?.ok) return
    await sleep(100)
  }
}
