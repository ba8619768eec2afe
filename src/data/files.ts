import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream, type Dirent } from 'node:fs'
import {
  access,
  constants,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
} from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { insufficientPrivileges } from '../errors.ts'
import { linesOf } from './lines.ts'

/** One object of the store and its size. */
export type StoredObject = { url: string; bytes: number }

/** An object being written: it has its name only after `finish()`; `abort()` leaves nothing. */
export type ObjectWriter = {
  /**
   * Resolves when more may be written and the chunk's bytes are the caller's
   * again; rejects with what went wrong on disk, then `abort()` is left to do.
   */
  write(chunk: string | Uint8Array): Promise<void>
  finish(): Promise<void>
  abort(): Promise<void>
}

/** An upload in parts that a process has begun, and that a killed one leaves behind. */
export type Upload = { url: string; id: string }

/** How an object is written: encrypted with a KMS key; who is told of an upload before its parts. */
export type Writing = {
  kmsKeyArn?: string | undefined
  begun?: (upload: Upload) => Promise<void>
}

/** Whose rights count: the job that reads and writes, its role, and the signal that ends it. */
export type Access = { jobArn: string; roleArn: string | undefined; signal?: AbortSignal }

/** The object store as the context holds it. */
export type FileStore = {
  /** The files as a job may use them. */
  as(access: Access): Files
  /** Resolves once the store has answered; says nothing of anybody's rights. */
  ping(): Promise<void>
  close(): void
}

/**
 * The object store, by `s3://bucket/key`. Every verb throws InvalidLocation for
 * a URL that it cannot serve, and JobFailure where the job's role may not.
 */
export type Files = {
  /**
   * The objects whose key starts with the prefix (S3's prefix rule, spec
   * D.3), in key order (UTF-8 bytes).
   */
  list(prefixUrl: string): Promise<StoredObject[]>
  /** Lines as `linesOf` gives them. */
  lines(url: string): AsyncIterable<string>
  /** The object's bytes, in chunks. */
  bytes(url: string): AsyncIterable<Uint8Array>
  /**
   * The object as a file, a copy in `folder` where it does not lie on this machine.
   * NOTE: DuckDB expands `*`, `?` and `[` of a path; keys may hold them.
   */
  localPath(url: string, folder: string): Promise<string>
  /** Starts an object; one that has the name already is replaced at `finish()`. */
  create(url: string, how?: Writing): Promise<ObjectWriter>
  /** Gives up an upload if it is still there. */
  discard(upload: Upload): Promise<void>
  /** Throws JobFailure where the KMS key cannot be used. */
  requireKey(kmsKeyArn: string): Promise<void>
}

/** An `s3://` URL that names nothing this store can hold or has. */
export class InvalidLocation extends Error {
  constructor(url: string, reason: string, options?: ErrorOptions) {
    super(`${url}: ${reason}`, options)
    this.name = 'InvalidLocation'
  }
}

/** The embedded object store: it knows no roles and no keys, everything is every job's. */
export function diskStore(folders: { root: string; scratch: string }): FileStore {
  const files = diskFiles(folders)
  return {
    as: () => files,
    // Where a mount is gone, both are.
    async ping() {
      for (const folder of [folders.root, folders.scratch]) await access(folder, constants.W_OK)
    },
    close: () => undefined,
  }
}

/**
 * The embedded object store: `s3://bucket/key` is `<root>/<bucket>/<key>`. Buckets are made by
 * hand; keys are taken literally; symbolic links inside a bucket are no objects. `scratch` must lie
 * on the same file system as `root`.
 */
export const diskFiles = ({ root, scratch }: { root: string; scratch: string }): Files => ({
  list: (prefixUrl) => list(root, prefixUrl).catch(refusal(prefixUrl)),
  lines: (url) => linesOf(bytes(root, url), url),
  bytes: (url) => bytes(root, url),
  localPath: (url) => readable(root, url).catch(refusal(url)),
  create: (url) => create(root, scratch, url),
  discard: async () => undefined,
  requireKey: async () => undefined,
})

export type Location = { url: string; bucket: string; key: string }

/** Reads a URL as bucket and key. A prefix may be empty. */
export function locate(url: string, kind: 'object' | 'prefix' = 'object'): Location {
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(url)
  if (!match) {
    const why = /^https?:/.test(url)
      ? 'http and https locations are not supported'
      : 'not an S3 URL'
    throw new InvalidLocation(url, `${why}; write s3://bucket/key.`)
  }
  const [, bucket = '', key = ''] = match
  if (!/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new InvalidLocation(
      url,
      `'${bucket}' is not a bucket name; ` +
        'it has 3 to 63 lower-case letters, digits, dots and hyphens.',
    )
  if (key === '' && kind === 'object') throw new InvalidLocation(url, 'it names no object.')
  return { url, bucket, key }
}

/** The same where keys are paths of files; a prefix may end within a segment. */
function locateOnDisk(url: string, kind?: 'prefix'): Location {
  const location = locate(url, kind)
  const segments = location.key.split('/')
  // What follows the last slash of a prefix may be empty: the prefix
  // is a folder or the whole bucket.
  if (kind === 'prefix' && segments.at(-1) === '') segments.pop()
  const reason = segments.map(badSegment).find((found) => found !== undefined)
  if (reason !== undefined) throw new InvalidLocation(url, reason)
  return location
}

/** Why a segment of a key cannot be a file name, if so. */
function badSegment(segment: string): string | undefined {
  if (segment === '') return 'the key has an empty part between slashes, or none at all.'
  if (segment === '.' || segment === '..') return `'${segment}' cannot be part of a key.`
  if (/[\\\0]/.test(segment)) return 'a key cannot hold a backslash or a NUL character.'
  if (Buffer.byteLength(segment) > 255) return 'a part of the key is longer than 255 bytes.'
  return undefined
}

/** The bucket's folder. The folder itself may be a link that the owner of the store has set. */
async function bucketFolder(root: string, { url, bucket }: Location): Promise<string> {
  const folder = await absentAsUndefined(realpath(join(root, bucket)))
  if (folder === undefined || !(await lstat(folder)).isDirectory())
    throw new InvalidLocation(
      url,
      `there is no bucket '${bucket}'; a bucket is a folder of the object store, make it first.`,
    )
  return folder
}

/** The path below the bucket if something is there and no link leads to it. */
async function present(folder: string, key: string, url: string): Promise<string | undefined> {
  const path = join(folder, key)
  const real = await absentAsUndefined(realpath(path))
  if (real !== undefined && real !== path)
    throw new InvalidLocation(url, 'symbolic links inside a bucket are not followed.')
  return real
}

async function find(root: string, url: string): Promise<string | undefined> {
  const location = locateOnDisk(url)
  const path = await present(await bucketFolder(root, location), location.key, url)
  return path !== undefined && (await lstat(path)).isFile() ? path : undefined
}

async function existing(root: string, url: string): Promise<string> {
  const path = await find(root, url)
  if (path === undefined) throw new InvalidLocation(url, 'there is no such object.')
  return path
}

/** The path of an object that the server's user may read. */
async function readable(root: string, url: string): Promise<string> {
  const path = await existing(root, url)
  await (await open(path)).close()
  return path
}

async function* bytes(root: string, url: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(await readable(root, url).catch(refusal(url)))
}

/** What the system does not permit is refused as S3 would refuse it. */
const refusal = (url: string) => (error: NodeJS.ErrnoException) => {
  if (!['EACCES', 'EPERM', 'EROFS'].includes(`${error.code}`)) throw error
  const [why] = error.message.split(',')
  throw insufficientPrivileges(`${url}: ${why}. The server's user must be allowed to.`, error)
}

async function list(root: string, prefixUrl: string): Promise<StoredObject[]> {
  const location = locateOnDisk(prefixUrl, 'prefix')
  const { bucket, key: prefix } = location
  const folder = await bucketFolder(root, location)
  const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (parent !== '' && (await present(folder, parent.slice(0, -1), prefixUrl)) === undefined)
    return []

  const keys: string[] = []
  const folders = [parent]
  for (let inside = folders.pop(); inside !== undefined; inside = folders.pop()) {
    for (const entry of await entries(join(folder, inside))) {
      const key = inside + entry.name
      if (!key.startsWith(prefix) || badSegment(entry.name) !== undefined) continue
      if (entry.isDirectory()) folders.push(`${key}/`)
      else if (entry.isFile()) keys.push(key)
    }
  }
  const found: StoredObject[] = []
  for (const key of keys) {
    const status = await absentAsUndefined(lstat(join(folder, key)))
    if (status?.isFile()) found.push({ url: `s3://${bucket}/${key}`, bytes: status.size })
  }
  return found.sort(byKey)
}

/** S3's order: UTF-8 bytes. */
export const byKey = (a: StoredObject, b: StoredObject) =>
  Buffer.compare(Buffer.from(a.url), Buffer.from(b.url))

const entries = async (folder: string): Promise<Dirent[]> =>
  (await absentAsUndefined(readdir(folder, { withFileTypes: true }))) ?? []

/** Smaller chunks are copied, so that many go to the disk at once. */
const copiedBytesMax = 64 << 10

/** Where an object is to be, and the folders that lead there, which are made. */
async function placeFor(root: string, url: string): Promise<{ path: string; folders: string[] }> {
  const location = locateOnDisk(url)
  const bucket = await bucketFolder(root, location)
  const folders = await makeFolders(bucket, location)
  const path = join(bucket, location.key)
  if ((await absentAsUndefined(lstat(path)))?.isDirectory())
    throw new InvalidLocation(url, 'other objects lie below this key; on disk it cannot be both.')
  return { path, folders }
}

async function create(root: string, scratch: string, url: string): Promise<ObjectWriter> {
  const { path, folders } = await placeFor(root, url).catch(refusal(url))
  await mkdir(scratch, { recursive: true })
  const temporary = join(scratch, `object-${randomUUID()}`)
  const stream = createWriteStream(temporary, { flags: 'wx', flush: true, highWaterMark: 1 << 20 })
  const closed = finished(stream)
  // Every verb below awaits `closed` again and rejects there; this only keeps
  // Node from ending the process before.
  closed.catch(() => undefined)
  return {
    async write(chunk) {
      if (typeof chunk !== 'string' && chunk.length > copiedBytesMax) {
        const { promise, resolve } = Promise.withResolvers<void>()
        // An error ends the stream, which `closed` tells.
        stream.write(chunk, (error) => error ?? resolve())
        return Promise.race([promise, closed])
      }
      const own = typeof chunk === 'string' ? chunk : Uint8Array.from(chunk)
      if (stream.destroyed || !stream.write(own))
        await Promise.race([once(stream, 'drain'), closed])
    },
    async finish() {
      stream.end()
      await closed
      await rename(temporary, path).catch(refusal(url))
      for (const folder of folders.toReversed()) await sync(folder)
    },
    async abort() {
      stream.destroy()
      // Rejects because the stream ended early, which is what was asked for.
      await closed.catch(() => undefined)
      await rm(temporary, { force: true })
    },
  }
}

/**
 * Makes the folders of a key, one by one so that no link is followed; gives them, the bucket first.
 */
async function makeFolders(bucket: string, { url, key }: Location): Promise<string[]> {
  const folders = [bucket]
  for (const segment of key.split('/').slice(0, -1)) {
    const folder = join(folders.at(-1)!, segment)
    await mkdir(folder).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
    if (!(await lstat(folder)).isDirectory())
      throw new InvalidLocation(
        url,
        `'${segment}' is an object or a link, so nothing can lie below.`,
      )
    folders.push(folder)
  }
  return folders
}

/** Forces a file to the disk, or the names in a folder, which may be lost with the power although the bytes are safe. */
export async function sync(path: string): Promise<void> {
  await using file = await open(path)
  await file.sync()
}

/** Nothing there is an answer; everything else is an error. */
async function absentAsUndefined<Result>(found: Promise<Result>): Promise<Result | undefined> {
  return found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
}
