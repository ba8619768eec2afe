import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Personalize } from '@aws-sdk/client-personalize'
import { ended, roleArn } from '../harness.ts'
import { schemaText } from '../smallShop.ts'

const account = 'arn:aws:personalize:us-east-1:123456789012'
export const datasetArn = `${account}:dataset/shop/INTERACTIONS`
export const versionArn = (solution: string) => `${account}:solution/${solution}/v1`
const userCount = 2000
const itemCount = 100

/** Dataset group, schema and Interactions dataset, all named `shop`, and their CSV file in the bucket `data`. */
export async function prepareShop(
  personalize: Personalize,
  dataDir: string,
  interactionCount = 40_000,
): Promise<void> {
  await put(dataDir, 's3://data/interactions.csv', interactions(interactionCount))
  await mkdir(join(dataDir, 's3', 'out'), { recursive: true })
  const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'shop' })
  const fields = [
    { name: 'USER_ID', type: 'string' },
    { name: 'ITEM_ID', type: 'string' },
    { name: 'TIMESTAMP', type: 'long' },
  ]
  const { schemaArn } = await personalize.createSchema({
    name: 'shop',
    schema: schemaText('Interactions', fields),
  })
  await personalize.createDataset({
    name: 'shop',
    datasetType: 'Interactions',
    datasetGroupArn,
    schemaArn,
  })
}

export const createImport = (personalize: Personalize, jobName: string) =>
  personalize.createDatasetImportJob({
    jobName,
    datasetArn,
    dataSource: { dataLocation: 's3://data/interactions.csv' },
    roleArn,
    importMode: 'FULL',
  })

export const importEnded = (personalize: Personalize, jobName: string) =>
  ended(async () => {
    const datasetImportJobArn = `${account}:dataset-import-job/${jobName}`
    return (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob
  })

/** Makes a solution of this name. Its version is always `v1`, so that its ARN, which is the seed, is known. */
export const createSolution = (personalize: Personalize, name: string, width = 32) =>
  personalize.createSolution({
    name,
    datasetGroupArn: `${account}:dataset-group/shop`,
    recipeArn: 'arn:aws:personalize:::recipe/aws-item-affinity',
    performAutoTraining: false,
    solutionConfig: { algorithmHyperParameters: { hidden_dimension: String(width) } },
  })

export const createVersion = (personalize: Personalize, solution: string) =>
  personalize.createSolutionVersion({
    name: 'v1',
    solutionArn: `${account}:solution/${solution}`,
  })

export const deleteSolution = (personalize: Personalize, solution: string) =>
  personalize.deleteSolution({ solutionArn: `${account}:solution/${solution}` })

export const versionEnded = (personalize: Personalize, solution: string) =>
  ended(async () => {
    const solutionVersionArn = versionArn(solution)
    return (await personalize.describeSolutionVersion({ solutionVersionArn })).solutionVersion
  })

/** Asks for segments of `solution` for every line of `s3://data/<input>`, written below `s3://out/<jobName>/`. */
export const createSegments = (
  personalize: Personalize,
  jobName: string,
  solution: string,
  input: string,
  numResults = 25,
) =>
  personalize.createBatchSegmentJob({
    jobName,
    solutionVersionArn: versionArn(solution),
    numResults,
    jobInput: { s3DataSource: { path: `s3://data/${input}` } },
    jobOutput: { s3DataDestination: { path: `s3://out/${jobName}/` } },
    roleArn,
  })

export const segmentsEnded = (personalize: Personalize, jobName: string) =>
  ended(async () => {
    const batchSegmentJobArn = `${account}:batch-segment-job/${jobName}`
    return (await personalize.describeBatchSegmentJob({ batchSegmentJobArn })).batchSegmentJob
  })

/** Input lines that ask for one item after the other. */
export const queryLines = (count: number) =>
  Array.from({ length: count }, (_, n) => `{"itemId": "i${n % itemCount}"}\n`).join('')

export async function put(dataDir: string, url: string, text: string): Promise<void> {
  const path = join(dataDir, 's3', url.slice('s3://'.length))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

/** The names of a folder's files, any depth, in order, and the SHA-256 of their bytes. */
export async function hashes(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  const found: Record<string, string> = {}
  for (const path of paths.sort())
    found[path.slice(folder.length + 1)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  return found
}

/** Everybody likes the items that are near in number. */
function interactions(count: number): string {
  const lines = ['USER_ID,ITEM_ID,TIMESTAMP']
  for (let n = 0; n < count; n++) {
    const user = n % userCount
    const item = (user * 7 + ((n * n) % 61)) % itemCount
    lines.push(`u${user},i${item},${1_700_000_000 + n}`)
  }
  return `${lines.join('\n')}\n`
}
