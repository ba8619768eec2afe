import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { JobFailure } from '../errors.ts'
import { s3Limits } from '../limits.ts'
import { type Location, locate, type ObjectWriter, type Upload, type Writing } from './files.ts'
import type { S3 } from './s3Clients.ts'

/**
 * Writes an object in parts, one on its way while the next is filled; a small one at once.
 * Memory: two parts.
 */
export function s3Writer(
  s3: S3,
  location: Location,
  { kmsKeyArn, begun }: Writing = {},
): ObjectWriter {
  const object = { Bucket: location.bucket, Key: location.key }
  const encrypted = kmsKeyArn
    ? { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKeyArn }
    : {}
  let part = Buffer.allocUnsafe(partBytes(1))
  let filled = 0
  const parts: CompletedPart[] = []
  let UploadId: string | undefined
  let onItsWay: Promise<void> = Promise.resolve()

  async function sendPart() {
    await onItsWay
    if (parts.length === s3Limits.partsMax)
      throw new JobFailure(`${location.url} would have more than ${s3Limits.objectBytesMax} bytes.`)
    if (UploadId === undefined) {
      UploadId = await begin()
      await begun?.({ url: location.url, id: UploadId })
    }
    onItsWay = upload(UploadId, parts.length + 1, part.subarray(0, filled))
    // Whoever comes next awaits it; this only keeps Node from ending the process before.
    onItsWay.catch(() => undefined)
    part = Buffer.allocUnsafe(partBytes(parts.length + 2))
    filled = 0
  }

  async function begin() {
    const options = { ...encrypted, ChecksumAlgorithm } as const
    const command = new CreateMultipartUploadCommand({ ...object, ...options })
    return (await s3.send(location, command)).UploadId!
  }

  async function upload(id: string, PartNumber: number, Body: Buffer) {
    const sent = { UploadId: id, PartNumber, Body, ChecksumAlgorithm } as const
    const command = new UploadPartCommand({ ...object, ...sent })
    const { ETag, ChecksumCRC32 } = await s3.send(location, command, 'to its end')
    parts.push({ PartNumber, ETag, ChecksumCRC32 })
  }

  return {
    async write(chunk) {
      let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      while (rest.length > 0) {
        if (filled === part.length) await sendPart()
        const taken = rest.subarray(0, part.length - filled)
        part.set(taken, filled)
        filled += taken.length
        rest = rest.subarray(taken.length)
      }
    },
    async finish() {
      if (UploadId === undefined) {
        const Body = part.subarray(0, filled)
        await s3.send(location, new PutObjectCommand({ ...object, ...encrypted, Body }))
        return
      }
      await sendPart()
      await onItsWay
      const MultipartUpload = { Parts: parts }
      const command = new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload })
      await s3.send(location, command)
      UploadId = undefined
    },
    async abort() {
      // A part that arrives after the upload was given up would be kept, and paid for.
      await onItsWay.catch(() => undefined)
      if (UploadId !== undefined) await discard(s3, { url: location.url, id: UploadId })
      UploadId = undefined
    },
  }
}

/** Gives up an upload, with the parts that have arrived, if it is still there. */
export async function discard(s3: S3, { url, id }: Upload): Promise<void> {
  const location = locate(url)
  const { bucket: Bucket, key: Key } = location
  const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId: id })
  await s3.send(location, command, 'to its end').catch((error) => {
    if (error.name !== 'NoSuchUpload') throw error
  })
}

const ChecksumAlgorithm = 'CRC32'

/** Parts grow, so that the most parts hold the largest object and most outputs need little memory. */
export const partBytes = (number: number) =>
  s3Limits.partBytes * (1 + Math.floor(number / s3Limits.partsOfOneSize))
