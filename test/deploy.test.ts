// Rule: what deploy/ holds can be read by those it is for, and names settings, flags and files that are there.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { readConfig, settings, variableName } from '../src/config.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFile(join(root, 'deploy', path), 'utf8')
const chart = 'helm/openpersonalize'
const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** Variables of ours, and those of AWS's tools that name the server's own keys. */
const known = new Set([
  ...Object.keys(settings).map(variableName),
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
])

test('the systemd unit is one, and starts what is there', async () => {
  const unit = await read('openpersonalize.service')
  const [, , ...words] = /^ExecStart=(.+)$/m.exec(unit)![1]!.split(' ')
  equal(words.join(' '), 'serve')
  for (const [path] of unit.matchAll(/(?<=\/opt\/openpersonalize\/)[\w./-]+/g))
    ok(existsSync(join(root, path!)), path)
  for (const [name] of unit.matchAll(/(?<=^Environment=)OPENPERSONALIZE_\w+/gm)) ok(known.has(name))
  for (const line of unit.split('\n')) ok(/^(#.*|\[\w+\]|\w+=.*|)$/.test(line), line)
  const path = join(folder, 'openpersonalize.service')
  await writeFile(path, unit.replaceAll('/opt/openpersonalize', root.replace(/\/$/, '')))
  const { error, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
  if (!error) equal(stderr, '')
})

test('the container file copies what is there', async () => {
  const file = (await read('Containerfile')).replaceAll(/\\\n/g, '')
  const lines = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const instructions =
    /^(FROM|WORKDIR|COPY|RUN|USER|VOLUME|ENV|EXPOSE|HEALTHCHECK|ENTRYPOINT|CMD) \S/
  for (const line of lines) ok(instructions.test(line), line)
  for (const [, sources] of file.matchAll(/^COPY (?!--)(.+) \S+$/gm))
    for (const each of sources!.split(' ')) ok(existsSync(join(root, each)), each)
  for (const [name] of file.matchAll(/OPENPERSONALIZE_\w+/g)) ok(known.has(name), name)
})

test('foreign images have their registry, which podman on Debian does not guess, and a version', async () => {
  const text = (await read('Containerfile')) + (await read('compose.yaml'))
  const names = [...text.matchAll(/^(?:FROM| +image:) (?!openpersonalize\b)(\S+)/gm)]
  equal(names.length, 4)
  for (const [, name] of names) match(name!, /^docker\.io\/\w+\/\w+:v?\d/)
})

test('our image has the tag of this version wherever it is named', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const compose = parse(await read('compose.yaml'), { merge: true })
  equal(compose.services.server.image, `openpersonalize:${version}`)
  equal(parse(await read(`${chart}/values.yaml`)).image.tag, version)
  const texts = [await read('Containerfile'), await readFile(join(root, 'docs/deploy.md'), 'utf8')]
  for (const text of texts)
    for (const [, tag] of text.matchAll(/-t openpersonalize(\S*)/g)) equal(tag, `:${version}`)
})

test('the compose file has what its services need, and settings that can be read', async () => {
  const compose = parse(await read('compose.yaml'), { merge: true })
  const { services, volumes, secrets } = compose
  deepEqual(Object.keys(services), ['server', 'worker', 'postgres', 's3'])
  const example = await read('.env.example')
  for (const [, name] of (await read('compose.yaml')).matchAll(/\$\{(\w+)/g))
    ok(example.includes(`\n${name}=`), name)
  for (const [name, service] of Object.entries<Record<string, never>>(services)) {
    for (const volume of service.volumes ?? []) ok(`${volume}`.split(':')[0]! in volumes, name)
    for (const other of Object.keys(service.depends_on ?? {})) ok(other in services, name)
    for (const secret of service.secrets ?? []) ok(secret in secrets, name)
  }
  for (const { environment, command } of [services.server, services.worker]) {
    for (const name of Object.keys(environment)) ok(known.has(name), name)
    const text = JSON.stringify(environment).replaceAll(/\$\{\w+:\?\}/g, 'x')
    const config = readConfig(command.slice(1), JSON.parse(text))
    deepEqual([config.files, config.roles], ['s3', 'ignore'])
    equal(config.jobs, command[0] === 'worker')
    // Nobody calls a worker.
    equal(config.credentials === undefined, command[0] === 'worker')
  }
  equal(services.worker.secrets, undefined)
})

test("the chart's templates are well formed and use the values that there are", async () => {
  equal(parse(await read(`${chart}/Chart.yaml`)).name, 'openpersonalize')
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  equal(parse(await read(`${chart}/Chart.yaml`)).appVersion, version)
  const values = parse(await read(`${chart}/values.yaml`))
  const used = new Set<string>()
  for (const name of globSync('*', { cwd: join(root, 'deploy', chart, 'templates') })) {
    const text = await read(`${chart}/templates/${name}`)
    let depth = 0
    for (const [, inside] of text.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)) {
      if (/^(if|range|with|define)\b/.test(inside!)) depth += 1
      if (inside === 'end') depth -= 1
      ok(depth >= 0, `${name}: ${inside}`)
      for (const [, path] of inside!.matchAll(/\.Values\.([\w.]+)/g)) used.add(path!)
    }
    equal(depth, 0, name)
    equal(text.match(/\{\{/g)?.length, text.match(/\}\}/g)?.length, name)
    for (const [variable] of text.matchAll(/OPENPERSONALIZE_\w+|DATABASE_URL/g))
      ok(known.has(variable), variable)
  }
  for (const path of used) {
    const value = path.split('.').reduce((at, key) => at?.[key], values)
    ok(value !== undefined, `values.yaml has no ${path}`)
  }
  const leaves = Object.entries<unknown>(values).flatMap(([key, value]) =>
    value && typeof value === 'object' && Object.keys(value).length > 0
      ? Object.keys(value).map((each) => `${key}.${each}`)
      : [key],
  )
  deepEqual(
    leaves.filter((leaf) => !used.has(leaf)),
    [],
    'no template uses these values',
  )
})

test('where helm is installed, it renders the chart into YAML', () => {
  const shared = 'databaseSecret=db,worker.replicas=2,s3Secret=s3,environment.A=b'
  for (const values of ['', `${shared},storage.accessMode=ReadWriteMany`]) {
    const { error, status, stdout, stderr } = rendered(values)
    if (error) return
    equal(status, 0, stderr)
    const documents = stdout.split(/^---$/m).flatMap((text) => parse(text) ?? [])
    const wanted = ['PersistentVolumeClaim', 'Service', 'Deployment']
    deepEqual(
      documents.map(({ kind }) => kind),
      values ? [...wanted, 'Deployment'] : wanted,
    )
    for (const { kind, spec } of documents) {
      if (kind !== 'Deployment') continue
      equal(spec.strategy.type, 'Recreate')
      // Nobody calls a worker, so it has no keys of callers.
      const { containers, volumes } = spec.template.spec
      const text = JSON.stringify([containers, volumes])
      equal(/keys/i.test(text), containers[0].name === 'server', text)
    }
  }
})

test('where helm is installed, the chart refuses what cannot work', () => {
  for (const [values, message] of [
    ['server.replicas=2', /An embedded database has one server/],
    ['databaseSecret=db,server.replicas=2', /Several pods share the volume/],
    ['databaseSecret=db,worker.replicas=1', /Several pods share the volume/],
    ['server.jobs=false', /nobody does jobs/],
    ['server.jobs=false,worker.replicas=1', /nobody does jobs/],
    ['databaseSecret=db,server.jobs=false', /nobody does jobs/],
  ] as const) {
    const { error, stderr } = rendered(values)
    if (!error) match(stderr, message)
  }
})

const rendered = (values: string) =>
  spawnSync('helm', ['template', 'x', join(root, 'deploy', chart), '--set', values], {
    encoding: 'utf8',
  })
