import { deepEqual, equal, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { diskFiles, InvalidLocation } from '../../src/data/files.ts'
import { readLines } from '../../src/data/lines.ts'

/** A store with one empty bucket and, beside it, a file that nobody may reach. */
async function store(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'files-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const root = join(folder, 's3')
  await mkdir(join(root, 'bucket'), { recursive: true })
  await mkdir(join(root, 'other-bucket'))
  await writeFile(join(root, 'other-bucket', 'secret'), 'secret')
  await writeFile(join(folder, 'secret'), 'secret')
  const scratch = join(folder, 'scratch')
  const files = diskFiles({ root, scratch })
  const put = async (url: string, text: string) => {
    const writer = await files.create(url)
    await writer.write(text)
    await writer.finish()
  }
  return { files, put, root, scratch, folder }
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

test('a prefix lists every object whose key starts with it, in key order', async (t) => {
  const { files, put } = await store(t)
  const keys = [
    'dir/a.json',
    'dir/a.json.bak',
    'dir_test/b',
    'dir/sub/c',
    'di',
    'é',
    'z',
    '😀',
    '\uffee',
  ]
  for (const key of keys) await put(`s3://bucket/${key}`, key)
  const list = async (url: string) => (await files.list(url)).map((object) => object.url.slice(12))

  deepEqual(await list('s3://bucket/dir'), [
    'dir/a.json',
    'dir/a.json.bak',
    'dir/sub/c',
    'dir_test/b',
  ])
  deepEqual(await list('s3://bucket/dir/'), ['dir/a.json', 'dir/a.json.bak', 'dir/sub/c'])
  deepEqual(await list('s3://bucket/dir/a.json'), ['dir/a.json', 'dir/a.json.bak'])
  deepEqual(await list('s3://bucket/dir/none/x'), [])
  deepEqual(await list('s3://bucket/di/x'), [])
  // UTF-16 order would put the emoji before U+FFEE.
  deepEqual((await list('s3://bucket')).slice(-4), ['z', 'é', '\uffee', '😀'])
  deepEqual(await list('s3://bucket/'), await list('s3://bucket'))
  deepEqual(await files.list('s3://bucket/dir/a.json.'), [
    { url: 's3://bucket/dir/a.json.bak', bytes: 14 },
  ])
})

test('no URL leaves the bucket', async (t) => {
  const { files, root, scratch, folder } = await store(t)
  await symlink(join(folder, 'secret'), join(root, 'bucket', 'link'))
  await symlink(folder, join(root, 'bucket', 'linked'))
  const bad = [
    's3://bucket/../other-bucket/secret',
    's3://bucket/..',
    's3://bucket/./x',
    's3://bucket/a/../../other-bucket/secret',
    's3://bucket//etc/passwd',
    's3://bucket/a//b',
    's3://bucket/..\\secret',
    's3://bucket/a\0b',
    's3://../secret',
    's3://./bucket/x',
    's3:///bucket/x',
    's3://Bucket/x',
    's3://b/x',
    's3://bu..cket/x',
    's3://bucket\\x/y',
    's3://none-such/x',
    'file:///etc/passwd',
    '/etc/passwd',
    'https://bucket.s3.amazonaws.com/x',
    `s3://bucket/${'x'.repeat(256)}`,
    's3://bucket/linked/secret',
  ]
  for (const url of bad) {
    await rejects(files.localPath(url, scratch), InvalidLocation, url)
    await rejects(files.create(url), InvalidLocation, url)
    await rejects(collect(files.lines(url)), InvalidLocation, url)
    if (url !== `s3://bucket/${'x'.repeat(256)}`)
      await rejects(files.list(url.replace(/secret$/, '')), InvalidLocation, url)
  }
  await rejects(files.localPath('s3://bucket/link', scratch), /symbolic links/)
  await rejects(
    files.localPath('https://x/y', scratch),
    /http and https locations are not supported/,
  )
  deepEqual(await files.list('s3://bucket'), [])
  deepEqual(await readdir(join(root, 'bucket')), ['link', 'linked'])
})

test('keys are taken literally', async (t) => {
  const { files, put, root, scratch } = await store(t)
  for (const key of ['%2e%2e/%2e%2e/secret', '...', 'a*?[b]', 'a b+c', '~', '$HOME']) {
    await put(`s3://bucket/${key}`, key)
    equal(await files.localPath(`s3://bucket/${key}`, scratch), join(root, 'bucket', key))
    equal(await readFile(join(root, 'bucket', key), 'utf8'), key)
  }
})

test('an object has its name only when it is finished', async (t) => {
  const { files, put, scratch } = await store(t)
  await put('s3://bucket/out', 'old')
  const writer = await files.create('s3://bucket/out')
  await writer.write('new ')
  await writer.write(Buffer.from('bytes'))
  deepEqual(await collect(files.lines('s3://bucket/out')), ['old'])
  equal((await files.list('s3://bucket')).length, 1)
  await writer.finish()
  deepEqual(await collect(files.lines('s3://bucket/out')), ['new bytes'])

  const aborted = await files.create('s3://bucket/aborted')
  await aborted.write('x'.repeat(3_000_000))
  await aborted.abort()
  await aborted.abort()
  deepEqual(await files.list('s3://bucket/aborted'), [])
  deepEqual(await readdir(scratch), [])
  await rejects(files.create('s3://bucket/out/below'), InvalidLocation)
  await put('s3://bucket/dir/x', '')
  await rejects(files.create('s3://bucket/dir'), InvalidLocation)
  await rejects(files.create('s3://bucket/dir/'), InvalidLocation)
  await rejects(files.create('s3://bucket'), InvalidLocation)
})

test('a writer that is killed leaves nothing under the name', async (t) => {
  const { files, root, scratch } = await store(t)
  const program = `
    import { diskFiles } from ${JSON.stringify(new URL('../../src/data/files.ts', import.meta.url).href)}
    const files = diskFiles(${JSON.stringify({ root, scratch })})
    const writer = await files.create('s3://bucket/killed')
    for (let k = 0; ; k += 1) {
      await writer.write('line\\n'.repeat(100_000))
      if (k === 10) console.log('writing')
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  deepEqual(await files.list('s3://bucket'), [])
})

test('lines end with \\n or \\r\\n, the last may lack it, a byte order mark is no part', async (t) => {
  const { files, put, folder } = await store(t)
  await put('s3://bucket/lines', '\ufeffa\r\n\nb\u2028c\rd\n\ufefflast')
  deepEqual(await collect(files.lines('s3://bucket/lines')), ['a', '', 'b\u2028c\rd', '\ufefflast'])
  await put('s3://bucket/ended', 'a\nb\n')
  deepEqual(await collect(files.lines('s3://bucket/ended')), ['a', 'b'])
  await put('s3://bucket/empty', '')
  deepEqual(await collect(files.lines('s3://bucket/empty')), [])

  // Longer than the blocks that are read, with characters that lie across their borders.
  const long = Array.from({ length: 40_000 }, (_, k) => `${k} 😀é`)
  await put('s3://bucket/long', long.join('\r\n'))
  deepEqual(await collect(files.lines('s3://bucket/long')), long)

  const path = join(folder, 'bad')
  await writeFile(
    path,
    Buffer.concat([Buffer.from('good\nbad '), Buffer.from([0xc3]), Buffer.from('\nx')]),
  )
  await rejects(collect(readLines(path, 's3://b/bad')), {
    message: 's3://b/bad line 2 is not UTF-8 text.',
  })
  await writeFile(path, `${'x'.repeat(99)}\n${'x'.repeat(100)}\n${'x'.repeat(200_000)}`)
  equal((await collect(readLines(path, 'f', 200_000))).length, 3)
  await rejects(collect(readLines(path, 'f', 199_999)), {
    message: 'f line 3 is longer than 199999 bytes.',
  })
})

test('what the user of the server may not do is refused as S3 refuses it', async (t) => {
  const { files, put, root, scratch, folder } = await store(t)
  const refused = (url: string) => ({
    name: 'JobFailure',
    message: `Insufficient privileges for accessing data in Amazon S3. ${url}: EACCES: permission denied. The server's user must be allowed to.`,
  })
  const [closed, file] = ['s3://bucket/closed/', 's3://bucket/file']
  await put(`${closed}object`, '')
  await put(file, '')
  await chmod(folder, 0o755)
  await chmod(join(root, 'bucket', 'file'), 0)
  await chmod(join(root, 'bucket', 'closed'), 0)
  await chmod(join(root, 'bucket'), 0o555)
  // Root may do everything, so somebody else tries.
  const isRoot = process.getuid!() === 0
  if (isRoot) {
    await chown(scratch, nobody, nobody)
    process.seteuid!(nobody)
  }
  try {
    await rejects(files.list(closed), refused(closed))
    await rejects(collect(files.lines(file)), refused(file))
    await rejects(files.localPath(file, scratch), refused(file))
    for (const url of ['s3://bucket/new/object', 's3://bucket/object', `${closed}new`])
      await rejects(put(url, ''), refused(url))
  } finally {
    if (isRoot) process.seteuid!(0)
    await chmod(join(root, 'bucket'), 0o755)
    await chmod(join(root, 'bucket', 'closed'), 0o755)
  }
})

const nobody = 65_534
