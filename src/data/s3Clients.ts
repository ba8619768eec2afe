import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import {
  ListBucketsCommand,
  S3Client,
  type S3ClientConfig,
  type S3ClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from '@aws-sdk/client-s3'
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import type { AwsCredentialIdentity, Command } from '@smithy/types'
import { arnPath } from '../arn.ts'
import { insufficientPrivileges, JobFailure } from '../errors.ts'
import { s3Limits } from '../limits.ts'
import { type Access, InvalidLocation, type Location } from './files.ts'

/** Where S3, STS and KMS are (undefined: AWS's own), and whose rights count. */
export type S3Options = {
  region: string
  endpointUrlS3: string | undefined
  endpointUrlSts: string | undefined
  endpointUrlKms: string | undefined
  roles: 'assume' | 'ignore'
  /** Silence after which a connection is given up. */
  idleMs?: number
}

/** S3 and KMS with the rights of one job. Every verb throws JobFailure where they do not suffice. */
export type S3 = {
  signal: AbortSignal | undefined
  /**
   * Sends a request about a location; InvalidLocation where the
   * bucket or the object is missing. One that runs `to its end` is not stopped by the signal.
   */
  send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    location: Location,
    command: Command<ServiceInputTypes, Input, ServiceOutputTypes, Output, S3ClientResolvedConfig>,
    how?: 'to its end',
  ): Promise<Output>
  requireKey(kmsKeyArn: string): Promise<void>
}

/** What all jobs share. */
type Shared = {
  options: S3Options
  client: { region: string; maxAttempts: number; requestHandler: object }
  /** The region of each bucket that is not in the server's own. */
  regions: Map<string, string>
  close(): void
}

/**
 * Connections that all jobs share. The server's own keys, with which roles are assumed,
 * come from where AWS's tools find theirs: variables, profiles, the machine.
 */
export function connect(options: S3Options): {
  as(access: Access): S3
  ping(): Promise<void>
  close(): void
} {
  const shared = share(options)
  return {
    as: (access) => forJob(shared, access),
    ping: async () => void (await askUnsigned(options)),
    close: shared.close,
  }
}

/**
 * The clock of S3, from the answer to a request without a signature: whatever the answer is, S3 is
 * there. Throws where there is none, or a proxy says that S3 is not there.
 */
export async function askUnsigned({ endpointUrlS3, region }: S3Options): Promise<Date> {
  const url = endpointUrlS3 ?? `https://s3.${region}.amazonaws.com`
  const signal = AbortSignal.timeout(s3Limits.connectMs)
  const { status, headers } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal })
  if ([502, 503, 504].includes(status)) throw new Error(`S3 at ${url} answers ${status}.`)
  return new Date(headers.get('date') ?? Date.now())
}

function share(options: S3Options): Shared {
  const httpAgent = new Agent({ keepAlive: true })
  const httpsAgent = new SecureAgent({ keepAlive: true })
  const client = {
    region: options.region,
    maxAttempts: s3Limits.attempts,
    requestHandler: {
      httpAgent,
      httpsAgent,
      connectionTimeout: s3Limits.connectMs,
      socketTimeout: options.idleMs ?? s3Limits.idleMs,
    },
  }
  const close = () => {
    httpAgent.destroy()
    httpsAgent.destroy()
  }
  return { options, client, regions: new Map(), close }
}

/** What S3 and STS answer to the server's own keys; throws where they do not. */
export async function tryKeys(options: S3Options): Promise<string> {
  const { client, close } = share(options)
  try {
    const where = `S3 answers at ${options.endpointUrlS3 ?? 'AWS'}`
    // Whose keys only assume roles may not list buckets; a key that is not known has another error.
    await s3Client(options, client)
      .send(new ListBucketsCommand())
      .catch((error) => {
        if (error.name !== 'AccessDenied') throw error
      })
    if (options.roles === 'ignore') return `${where}, roles are ignored`
    const sts = new STSClient({ ...client, ...at(options.endpointUrlSts) })
    const { Arn } = await sts.send(new GetCallerIdentityCommand())
    return `${where}, roles are assumed by ${Arn}`
  } finally {
    close()
  }
}

/** Assumes a role as a job would. JobFailure where it cannot. */
export async function tryRole(options: S3Options, access: Access): Promise<void> {
  const shared = share(options)
  try {
    await roleCredentials(shared, access)()
  } finally {
    shared.close()
  }
}

/** Looks a KMS key up with the rights of a job. JobFailure where it cannot be used. */
export async function tryKey(options: S3Options, access: Access, kmsKeyArn: string): Promise<void> {
  const shared = share(options)
  try {
    await forJob(shared, access).requireKey(kmsKeyArn)
  } finally {
    shared.close()
  }
}

function forJob(shared: Shared, access: Access): S3 {
  const { options, regions } = shared
  const { signal } = access
  const abortable = signal ? { abortSignal: signal } : {}
  const client = {
    ...shared.client,
    ...(options.roles === 'assume' && { credentials: roleCredentials(shared, access) }),
  }
  const clients = new Map<string, S3Client>()
  const clientIn = (region: string): S3Client => {
    const known = clients.get(region) ?? s3Client(options, { ...client, region })
    clients.set(region, known)
    return known
  }
  return {
    signal,
    async send(location, command, how) {
      const sending = how === 'to its end' ? {} : abortable
      const region = regions.get(location.bucket) ?? options.region
      try {
        return await clientIn(region)
          .send(command, sending)
          .catch((error) => {
            const actual = error?.$response?.headers['x-amz-bucket-region']
            const isElsewhere = [301, 307, 400].includes(error?.$metadata?.httpStatusCode)
            if (!isElsewhere || !actual || actual === region) throw error
            regions.set(location.bucket, actual)
            return clientIn(actual).send(command, sending)
          })
      } catch (error) {
        throw told(error as AwsError, location, command.constructor.name.replace(/Command$/, ''))
      }
    },
    async requireKey(kmsKeyArn) {
      const region = kmsKeyArn.split(':')[3] ?? options.region
      const kms = new KMSClient({ ...client, region, ...at(options.endpointUrlKms) })
      const cannot = `The KMS key ${kmsKeyArn} cannot be used`
      const { KeyMetadata } = await kms
        .send(new DescribeKeyCommand({ KeyId: kmsKeyArn }), abortable)
        .catch(refusedAs(cannot))
      if (!KeyMetadata?.Enabled)
        throw insufficientPrivileges(`${cannot}: it is ${KeyMetadata?.KeyState}.`)
    },
  }
}

/** Other servers than AWS have no host name for each bucket. */
const s3Client = ({ endpointUrlS3 }: S3Options, config: S3ClientConfig) =>
  new S3Client({
    ...config,
    ...at(endpointUrlS3),
    forcePathStyle: endpointUrlS3 !== undefined,
    expectContinueHeader: false,
  })

const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint })

/**
 * The role's keys, for a session that has the job's name. Who trusts the role can ask for whom it is
 * assumed (aws:SourceAccount, aws:SourceArn): AWS takes them from these two headers.
 */
function roleCredentials({ options, client }: Shared, { jobArn, roleArn, signal }: Access) {
  const sts = new STSClient({ ...client, ...at(options.endpointUrlSts) })
  const source = {
    'x-amz-source-account': jobArn.split(':')[4]!,
    'x-amz-source-arn': jobArn,
  }
  sts.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, source)
      return next(args)
    },
    { step: 'build', name: 'source' },
  )
  // The contract gives jobs names that sessions may have, but sessions have two letters at least.
  const RoleSessionName = arnPath(jobArn).padEnd(2, '-')
  return async (): Promise<AwsCredentialIdentity> => {
    if (roleArn === undefined) throw insufficientPrivileges('The job has no roleArn.')
    const { Credentials } = await sts
      .send(
        new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName }),
        signal ? { abortSignal: signal } : {},
      )
      .catch(refusedAs(`The role ${roleArn} cannot be assumed`))
    return {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
      expiration: Credentials!.Expiration!,
    }
  }
}

type AwsError = Error & { $metadata?: { httpStatusCode?: number } }

/** An error of S3 in our words, where they are a job's own. Texts: AWS's, spec J.3. */
function told(error: AwsError, { url, bucket }: Location, command: string): Error {
  const status = error.$metadata?.httpStatusCode
  if (error.name === 'NoSuchBucket')
    return new InvalidLocation(url, `there is no bucket '${bucket}'.`, { cause: error })
  if (error.name === 'NoSuchKey')
    return new InvalidLocation(url, 'there is no such object.', { cause: error })
  if (status === 412)
    return new JobFailure(`${url} was changed while it was read.`, { cause: error })
  if (status === 401 || status === 403 || error.name.startsWith('KMS.'))
    return insufficientPrivileges(`${command} ${url}: ${firstLine(error)}`, error)
  return error
}

/** STS and KMS refuse with many codes, all of them the caller's fault. */
const refusedAs = (what: string) => (error: AwsError) => {
  const status = error.$metadata?.httpStatusCode ?? 500
  const isRefusal = status >= 400 && status < 500 && !/Throttl|TooMany|Limit/.test(error.name)
  throw isRefusal ? insufficientPrivileges(`${what}: ${firstLine(error)}`, error) : error
}

const firstLine = ({ message }: Error) => message.split('\n')[0]
