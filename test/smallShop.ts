import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientSide, ended, roleBeside } from './harness.ts'
import { testServer } from './testDatabase.ts'

/** The ARNs of a small shop whose data lie in one dataset group. */
export type SmallShop = {
  datasetGroupArn: string
  schemas: Record<DatasetWord, string>
  datasets: Record<DatasetWord, string>
}
type DatasetWord = 'Interactions' | 'Items' | 'Users'

/** Users `u00` to `u59`: user n likes taste n % 4, is gold where n % 3 is 0, and 20 + n years old. */
export const userCount = 60
/** Items `i00` to `i39`: item n has taste n % 4. */
export const itemCount = 40
export const tastes = ['tea', 'coffee', 'wine', 'water'] as const

export const userId = (n: number) => `u${String(n).padStart(2, '0')}`
export const itemId = (n: number) => `i${String(n).padStart(2, '0')}`
export const tasteOf = (id: string) => tastes[Number(id.slice(1)) % 4]!

/** The schemas' texts, as AWS's guide writes them. */
export const schemaTexts: Record<DatasetWord, string> = {
  Interactions: schemaText('Interactions', [
    { name: 'USER_ID', type: 'string' },
    { name: 'ITEM_ID', type: 'string' },
    { name: 'TIMESTAMP', type: 'long' },
    { name: 'EVENT_TYPE', type: 'string' },
    { name: 'EVENT_VALUE', type: ['float', 'null'] },
  ]),
  Items: schemaText('Items', [
    { name: 'ITEM_ID', type: 'string' },
    { name: 'GENRES', type: ['null', 'string'], categorical: true },
    { name: 'PRICE', type: ['null', 'float'] },
    { name: 'DESCRIPTION', type: ['null', 'string'], textual: true },
    { name: 'ORGANIC', type: ['null', 'boolean'] },
    { name: 'CREATION_TIMESTAMP', type: 'long' },
  ]),
  Users: schemaText('Users', [
    { name: 'USER_ID', type: 'string' },
    { name: 'AGE', type: 'int' },
    { name: 'MEMBERSHIP', type: 'string', categorical: true },
  ]),
}

export function schemaText(name: string, fields: object[]): string {
  const namespace = 'com.amazonaws.personalize.schema'
  return JSON.stringify({ type: 'record', name, namespace, fields, version: '1.0' })
}

/** The CSV files. Seven of eight events are of the user's taste; the rest are of any item, all from one fixed seed. */
export function smallShopFiles(): Record<DatasetWord, string> {
  const random = randomNumbers(7)
  const below = (count: number) => Math.floor(random() * count)
  const events = Array.from({ length: 1500 }, (_, n) => {
    const user = n % userCount
    const item = below(8) < 7 ? below(itemCount / 4) * 4 + (user % 4) : below(itemCount)
    const type = below(5) === 0 ? 'purchase' : 'view'
    return `${userId(user)},${itemId(item)},${1_600_000_000 + n * 60},${type},${1 + below(5)}`
  })
  const items = Array.from({ length: itemCount }, (_, n) => {
    const genres = n % 8 < 4 ? tastes[n % 4] : `${tastes[n % 4]}|drink`
    return `${itemId(n)},${genres},${n}.5,"A \\"fine\\" thing, no. ${n}",true,${1_500_000_000 + n}`
  })
  const users = Array.from(
    { length: userCount },
    (_, n) => `${userId(n)},${20 + n},${n % 3 === 0 ? 'gold' : 'silver'}`,
  )
  return {
    Interactions: ['USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE', ...events, ''].join('\n'),
    Items: ['ITEM_ID,GENRES,PRICE,DESCRIPTION,ORGANIC,CREATION_TIMESTAMP', ...items, ''].join('\n'),
    Users: ['USER_ID,AGE,MEMBERSHIP', ...users, ''].join('\n'),
  }
}

/** Makes dataset group, schemas and datasets through the API, and imports nothing. */
export async function emptyShop({ personalize }: ClientSide, name = 'shop'): Promise<SmallShop> {
  const { datasetGroupArn = '' } = await personalize.createDatasetGroup({ name })
  const shop: SmallShop = {
    datasetGroupArn,
    schemas: { Interactions: '', Items: '', Users: '' },
    datasets: { Interactions: '', Items: '', Users: '' },
  }
  for (const word of ['Interactions', 'Items', 'Users'] as const) {
    const { schemaArn = '' } = await personalize.createSchema({
      name: `${name}-${word}`,
      schema: schemaTexts[word],
    })
    const { datasetArn = '' } = await personalize.createDataset({
      name: `${name}-${word}`,
      datasetType: word,
      datasetGroupArn,
      schemaArn,
    })
    shop.schemas[word] = schemaArn
    shop.datasets[word] = datasetArn
  }
  return shop
}

/** Imports a CSV text into a dataset; the ended job. */
export async function imported(
  s: ClientSide,
  jobName: string,
  datasetArn: string,
  text: string | Uint8Array,
  importMode: 'FULL' | 'INCREMENTAL' = 'FULL',
) {
  const dataLocation = `s3://imports/${jobName}/data.csv`
  await s.put(dataLocation, text)
  const { datasetImportJobArn } = await s.personalize.createDatasetImportJob({
    jobName,
    datasetArn,
    dataSource: { dataLocation },
    roleArn: roleBeside(datasetArn),
    importMode,
  })
  return ended(
    async () =>
      (await s.personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
  )
}

/** The whole shop, its data imported. */
export async function smallShop(s: ClientSide, name = 'shop'): Promise<SmallShop> {
  const shop = await emptyShop(s, name)
  const files = smallShopFiles()
  for (const word of ['Interactions', 'Items', 'Users'] as const) {
    const job = await imported(s, `${name}-${word}`, shop.datasets[word], files[word])
    if (job.status !== 'ACTIVE') throw new Error(`the import ended so: ${job.failureReason}`)
  }
  return shop
}

/** Narrow factors, so that a training takes a moment. */
export const quickConfig = { algorithmHyperParameters: { hidden_dimension: '32' } }

/** Creates a solution of a recipe and trains a version; the ended version's ARN. */
export async function trained(
  s: ClientSide,
  { datasetGroupArn }: SmallShop,
  recipe: 'aws-item-affinity' | 'aws-item-attribute-affinity',
  name: string = recipe,
): Promise<string> {
  const { solutionArn } = await s.personalize.createSolution({
    name,
    datasetGroupArn,
    recipeArn: `arn:aws:personalize:::recipe/${recipe}`,
    solutionConfig: quickConfig,
  })
  const { solutionVersionArn = '' } = await s.personalize.createSolutionVersion({ solutionArn })
  const version = await versionEnded(s, solutionVersionArn)
  if (version.status !== 'ACTIVE')
    throw new Error(`the training ended so: ${version.failureReason}`)
  return solutionVersionArn
}

export const versionEnded = ({ personalize }: ClientSide, solutionVersionArn: string) =>
  ended(
    async () => (await personalize.describeSolutionVersion({ solutionVersionArn })).solutionVersion,
  )

/** Waits until a folder of the data directory is down to so many files: sweeping follows the answer. */
export async function filesLeft(folder: string, count: number): Promise<void> {
  for (let tries = 0; (await readdir(folder)).length !== count; tries++) {
    if (tries === 200) throw new Error(`${folder} was not swept within 20 seconds`)
    await sleep(100)
  }
}

/** Waits until no job has anything in scratch. What a killed process of many left is swept later. */
export async function scratchLeft(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'scratch')
  if (testServer === undefined) return filesLeft(folder, 0)
  const living = await readdir(folder)
  await filesLeft(join(folder, living.at(-1)!), 0)
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
