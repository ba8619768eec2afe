// Rule: what docs/backup.md says brings everything back: resources, datasets, models and answers, and a server
// that goes on from there.
import { deepEqual, equal } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { type ServerProcess, startServer } from '../src/cli/serverProcess.ts'
import { type ClientSide, client, ended } from './harness.ts'
import { segmentJobs } from './segmentJobs.ts'
import { smallShop, trained } from './smallShop.ts'
import { ask, databaseFlags, databaseUrl, nameOf, testServer } from './testDatabase.ts'

const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-test-'))
after(() => rm(folder, { recursive: true, force: true }))

/** A server on a data directory, and what helpers need of it. */
async function start(dataDir: string, flags: string[]) {
  const server = await startServer(dataDir, ['--log-level', 'error', ...flags])
  after(() => server.kill())
  const path = (url: string) => join(dataDir, 's3', url.slice('s3://'.length))
  const side: ClientSide = {
    personalize: client(server.endpoint),
    async put(url, text) {
      await mkdir(dirname(path(url)), { recursive: true })
      await writeFile(path(url), text)
    },
    read: (url) => readFile(path(url), 'utf8'),
  }
  return { server, side }
}

const stop = async (server: ServerProcess, { personalize }: ClientSide) => {
  personalize.destroy()
  equal(await server.stop(), 0)
}

/** What a server shows of everything. */
async function shown({ personalize }: ClientSide) {
  const { datasets = [] } = await personalize.listDatasets({})
  const { datasetImportJobs = [] } = await personalize.listDatasetImportJobs({})
  const { solutionVersions = [] } = await personalize.listSolutionVersions({})
  const { batchSegmentJobs = [] } = await personalize.listBatchSegmentJobs({})
  return { datasets, datasetImportJobs, solutionVersions, batchSegmentJobs }
}

test('a backup that is put elsewhere has everything, and goes on from there', async () => {
  const dataDir = join(folder, 'data')
  const { server, side } = await start(dataDir, databaseFlags(dataDir))
  const shop = await smallShop(side)
  const version = await trained(side, shop, 'aws-item-affinity')
  const before = await segmentJobs(side, version).answered('before', '{"itemId": "i00"}')
  const kept = await shown(side)

  // The commands of docs/backup.md.
  const backup = join(folder, 'backup')
  const dump = join(folder, 'openpersonalize.dump')
  await stop(server, side)
  if (testServer)
    program('pg_dump', { PGDATABASE: nameOf(dataDir) }, '--format=custom', `--file=${dump}`)
  await cp(dataDir, backup, { recursive: true })

  // What happens to the original does not touch the backup.
  await rm(dataDir, { recursive: true })
  let flags = ['--database-url', '']
  if (testServer) {
    ask('create database restored')
    program('pg_restore', {}, '--exit-on-error', '--no-owner', '--dbname=restored', dump)
    ask(`drop database "${nameOf(dataDir)}" with (force)`)
    flags = ['--database-url', databaseUrl('restored'), '--lease-seconds', '2']
  }
  const restored = join(folder, 'restored')
  await cp(backup, restored, { recursive: true })

  const again = await start(restored, flags)
  deepEqual(await shown(again.side), kept)
  equal(await again.side.read('s3://segments/before/out/in.json.out'), before)
  const { answered } = segmentJobs(again.side, version)
  equal(await answered('afterwards', '{"itemId": "i00"}'), before)
  const { datasetImportJobArn } = await again.side.personalize.createDatasetImportJob({
    jobName: 'more',
    datasetArn: shop.datasets.Interactions,
    dataSource: { dataLocation: 's3://imports/shop-Interactions/data.csv' },
    roleArn: 'arn:aws:iam::123456789012:role/PersonalizeRole',
    importMode: 'INCREMENTAL',
  })
  const { status } = await ended(
    async () =>
      (await again.side.personalize.describeDatasetImportJob({ datasetImportJobArn }))
        .datasetImportJob,
  )
  equal(status, 'ACTIVE')
  await stop(again.server, again.side)
})

/** A program beside the psql of the tests' Postgres server, which it knows from its variables. */
function program(name: string, variables: Record<string, string>, ...words: string[]) {
  const { hostname, port, username, password } = new URL(testServer!)
  const server = { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password }
  const env = { ...process.env, ...server, ...variables }
  execFileSync(join(dirname(process.env.TEST_PSQL ?? ''), name), words, { stdio: 'pipe', env })
}
