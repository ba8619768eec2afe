import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Personalize } from '@aws-sdk/client-personalize'
import type { TableName } from '../data/csvFolder.ts'
import { DemoFailure, type DemoPlan } from './demoPlan.ts'
import type { Screen } from './demoScreen.ts'
import { inParallel, type Say, untilActive } from './demoWaiting.ts'

/** One segment as its `.out` line tells it. */
export type Segment = { label: string; users: string[] }
/** What one batch segment job made, and the solution version behind it. */
export type Outcome = {
  recipe: string
  solutionVersionArn: string
  jobArn: string
  /** `s3://` URLs of the query file and of the folder that holds its `.out` file. */
  input: string
  outputFile: string
  filterLabel?: string
  metrics: Record<string, number>
  segments: Segment[]
}

export const roleArn = 'arn:aws:iam::123456789012:role/openpersonalize-demo'
export const bucket = 'demo'
const usersPerSegment = 25

/** One recipe's part of the flow: its solution, its query file, its job. */
type Branch = {
  recipe: string
  queries: { label: string; line: object }[]
  filterArn?: string
  filterLabel?: string
}

/**
 * Does what a customer does, through the public API: schemas, dataset group, datasets,
 * imports, solutions and versions, filter, batch segment jobs. `bucketFolder` is where
 * the bucket's objects lie as files.
 */
export async function runFlow(
  personalize: Personalize,
  plan: DemoPlan,
  bucketFolder: string,
  screen: Screen,
): Promise<Outcome[]> {
  const tables = Object.keys(plan.schemas) as TableName[]
  const { datasetGroupArn, datasets } = await screen.step(
    `Creating a dataset group with ${tables.length} schemas and datasets`,
    () => createDatasets(personalize, plan),
    () => `A dataset group with ${tables.length} schemas and datasets`,
  )
  await screen.step(
    `Importing ${tables.map((table) => `${table}.csv`).join(', ')}`,
    (say) => importAll(personalize, datasets, say),
    () => `Imported ${tables.map((table) => `${table}.csv`).join(', ')}`,
  )
  const filterArn = plan.filter && (await createFilter(personalize, plan, datasetGroupArn, screen))
  const branches = branchesOf(plan, filterArn)
  const recipes = branches.map(({ recipe }) => recipe).join(' and ')
  const versions = await screen.step(
    'Training',
    (say) => trainAll(personalize, datasetGroupArn, branches, plan.hiddenDimension, say),
    () => `Trained ${recipes}`,
  )
  return screen.step(
    'Running batch segment jobs',
    (say) =>
      inParallel(branches, say, async (branch, sayOne) => {
        const version = versions[branches.indexOf(branch)]!
        return segment(personalize, branch, version, bucketFolder, sayOne)
      }),
    (made) => `${made.length} batch segment jobs are ACTIVE`,
  )
}

function branchesOf(plan: DemoPlan, filterArn: string | undefined): Branch[] {
  const filtered = filterArn && plan.filter ? { filterArn, filterLabel: plan.filter.label } : {}
  const items: Branch = {
    recipe: 'aws-item-affinity',
    queries: plan.itemQueries.map(({ label, itemId }) => ({ label, line: { itemId } })),
  }
  if (!plan.attributeQueries) return [{ ...items, ...filtered }]
  const attributes: Branch = {
    recipe: 'aws-item-attribute-affinity',
    queries: plan.attributeQueries.map(({ label, itemAttributes }) => ({
      label,
      line: { itemAttributes },
    })),
  }
  return [items, { ...attributes, ...filtered }]
}

async function createDatasets(personalize: Personalize, { schemas }: DemoPlan) {
  const { datasetGroupArn } = await personalize.createDatasetGroup({ name: 'demo' })
  const schemaArns = await Promise.all(
    Object.entries(schemas).map(async ([table, schema]) => {
      const { schemaArn } = await personalize.createSchema({ name: `demo-${table}`, schema })
      return [table, schemaArn!] as const
    }),
  )
  await untilActive('the dataset group', async () => {
    const { datasetGroup } = await personalize.describeDatasetGroup({ datasetGroupArn })
    return datasetGroup
  })
  const datasets = await Promise.all(
    schemaArns.map(async ([table, schemaArn]) => {
      const { datasetArn } = await personalize.createDataset({
        name: `demo-${table}`,
        datasetGroupArn,
        datasetType: table.toUpperCase(),
        schemaArn,
      })
      await untilActive(`the ${table} dataset`, async () => {
        const { dataset } = await personalize.describeDataset({ datasetArn })
        return dataset
      })
      return { table, datasetArn: datasetArn! }
    }),
  )
  return { datasetGroupArn: datasetGroupArn!, datasets }
}

const importAll = (
  personalize: Personalize,
  datasets: { table: string; datasetArn: string }[],
  say: Say,
) =>
  inParallel(datasets, say, async ({ table, datasetArn }, sayOne) => {
    const { datasetImportJobArn } = await personalize.createDatasetImportJob({
      jobName: `demo-${table}`,
      datasetArn,
      dataSource: { dataLocation: `s3://${bucket}/data/${table}.csv` },
      roleArn,
    })
    await untilActive(
      `the import of ${table}.csv`,
      async () => {
        const { datasetImportJob } = await personalize.describeDatasetImportJob({
          datasetImportJobArn,
        })
        return datasetImportJob
      },
      (status) => sayOne(`${table} ${status}`),
    )
  })

const createFilter = (
  personalize: Personalize,
  { filter }: DemoPlan,
  datasetGroupArn: string,
  screen: Screen,
) =>
  screen.step(
    'Creating a filter',
    async () => {
      const { filterArn } = await personalize.createFilter({
        name: 'demo-users',
        datasetGroupArn,
        filterExpression: filter!.expression,
      })
      await untilActive('the filter', async () => {
        const described = await personalize.describeFilter({ filterArn })
        return described.filter
      })
      return filterArn!
    },
    () => `Filter: ${filter!.expression}`,
  )

const trainAll = (
  personalize: Personalize,
  datasetGroupArn: string,
  branches: Branch[],
  hiddenDimension: number | undefined,
  say: Say,
) =>
  inParallel(branches, say, async ({ recipe }, sayOne) => {
    const { solutionArn } = await personalize.createSolution({
      name: `demo-${recipe}`,
      datasetGroupArn,
      recipeArn: `arn:aws:personalize:::recipe/${recipe}`,
      performAutoTraining: false,
      ...(hiddenDimension && {
        solutionConfig: { algorithmHyperParameters: { hidden_dimension: `${hiddenDimension}` } },
      }),
    })
    await untilActive(`the solution for ${recipe}`, async () => {
      const { solution } = await personalize.describeSolution({ solutionArn })
      return solution
    })
    const { solutionVersionArn } = await personalize.createSolutionVersion({ solutionArn })
    await untilActive(
      `the solution version of ${recipe}`,
      async () => {
        const { solutionVersion } = await personalize.describeSolutionVersion({
          solutionVersionArn,
        })
        return solutionVersion
      },
      (status) => sayOne(`${recipe.slice('aws-'.length)} ${status}`),
    )
    return solutionVersionArn!
  })

async function segment(
  personalize: Personalize,
  branch: Branch,
  solutionVersionArn: string,
  bucketFolder: string,
  say: Say,
): Promise<Outcome> {
  const { recipe, queries, filterArn, filterLabel } = branch
  const file = `${recipe}.jsonl`
  await mkdir(join(bucketFolder, 'queries'), { recursive: true })
  const lines = queries.map(({ line }) => `${JSON.stringify(line)}\n`)
  await writeFile(join(bucketFolder, 'queries', file), lines.join(''))

  const input = `s3://${bucket}/queries/${file}`
  const { batchSegmentJobArn } = await personalize.createBatchSegmentJob({
    jobName: `demo-${recipe}`,
    solutionVersionArn,
    ...(filterArn && { filterArn }),
    numResults: usersPerSegment,
    jobInput: { s3DataSource: { path: input } },
    jobOutput: { s3DataDestination: { path: `s3://${bucket}/segments/` } },
    roleArn,
  })
  await untilActive(
    `the batch segment job of ${recipe}`,
    async () => {
      const { batchSegmentJob } = await personalize.describeBatchSegmentJob({ batchSegmentJobArn })
      return batchSegmentJob
    },
    (status) => say(`${recipe.slice('aws-'.length)} ${status}`),
  )
  const { metrics } = await personalize.getSolutionMetrics({ solutionVersionArn })
  const outputFile = join(bucketFolder, 'segments', `${file}.out`)
  const answers = (await readFile(outputFile, 'utf8')).trimEnd().split('\n')
  return {
    recipe,
    solutionVersionArn,
    jobArn: batchSegmentJobArn!,
    input,
    outputFile,
    ...(filterLabel && { filterLabel }),
    metrics: metrics ?? {},
    segments: queries.map(({ label }, index) => ({ label, users: usersOf(answers[index] ?? '') })),
  }
}

function usersOf(line: string): string[] {
  const { output, error } = JSON.parse(line) as { output?: { usersList: string[] }; error?: string }
  if (!output) throw new DemoFailure(`A query failed: ${error}`)
  return output.usersList
}
