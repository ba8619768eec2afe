import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { JobFailure } from '../errors.ts'
import { s3Limits } from '../limits.ts'
import { byKey, type FileStore, type Files, locate, type StoredObject } from './files.ts'
import { linesOf } from './lines.ts'
import { connect, type S3, type S3Options } from './s3Clients.ts'
import { discard, s3Writer } from './s3Writer.ts'

/** Objects in real buckets, each job's with the rights of its role. */
export function s3Files(options: S3Options): FileStore {
  const connection = connect(options)
  return {
    as: (access) => files(connection.as(access)),
    ping: connection.ping,
    close: connection.close,
  }
}

const files = (s3: S3): Files => ({
  list: (prefixUrl) => list(s3, prefixUrl),
  lines: (url) => linesOf(bytes(s3, url), url),
  bytes: (url) => bytes(s3, url),
  async localPath(url, folder) {
    const path = join(folder, `object-${randomUUID()}`)
    await pipeline(Readable.from(bytes(s3, url)), createWriteStream(path, { flags: 'wx' }))
    return path
  },
  create: async (url, how) => s3Writer(s3, locate(url), how),
  discard: (upload) => discard(s3, upload),
  requireKey: (kmsKeyArn) => s3.requireKey(kmsKeyArn),
})

async function list(s3: S3, prefixUrl: string): Promise<StoredObject[]> {
  const location = locate(prefixUrl, 'prefix')
  const { bucket, key } = location
  const found: StoredObject[] = []
  // XML cannot hold every key.
  const asked = { Bucket: bucket, Prefix: key, EncodingType: 'url' } as const
  let token: string | undefined
  do {
    const command = new ListObjectsV2Command({ ...asked, ContinuationToken: token })
    const page = await s3.send(location, command)
    const isEncoded = page.EncodingType === 'url'
    for (const { Key = '', Size = 0 } of page.Contents ?? []) {
      const name = isEncoded ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key
      found.push({ url: `s3://${bucket}/${name}`, bytes: Size })
    }
    if (found.length > s3Limits.listedObjects)
      throw new JobFailure(
        `More than ${s3Limits.listedObjects} objects start with ${prefixUrl}, which is the limit.`,
      )
    token = page.NextContinuationToken
  } while (token !== undefined)
  // Some buckets of AWS, and some other servers, have another order.
  return found.sort(byKey)
}

/** What is read of an object that is cut off goes on where it ended, if it is still the same one. */
async function* bytes(s3: S3, url: string): AsyncGenerator<Uint8Array> {
  const location = locate(url)
  const object = { Bucket: location.bucket, Key: location.key }
  let first: { ETag: string | undefined; bytes: number } | undefined
  let read = 0
  for (let cuts = 0; ; cuts += 1) {
    const rest = first && { Range: `bytes=${read}-`, IfMatch: first.ETag }
    const answer = await s3.send(location, new GetObjectCommand({ ...object, ...rest }))
    first ??= { ETag: answer.ETag, bytes: answer.ContentLength ?? 0 }
    let cut: unknown
    try {
      for await (const chunk of answer.Body as Readable) {
        read += chunk.length
        cuts = 0
        yield chunk
      }
    } catch (error) {
      cut = error
    }
    if (read === first.bytes && cut === undefined) return
    const why = cut ?? new Error(`${url} ended after ${read} of ${first.bytes} bytes.`)
    if (read >= first.bytes || cuts + 1 === s3Limits.attempts || s3.signal?.aborted) throw why
    await setTimeout(100 * 2 ** cuts, undefined, s3.signal && { signal: s3.signal })
  }
}
