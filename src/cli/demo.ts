import { existsSync, rmSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Personalize, PersonalizeServiceException } from '@aws-sdk/client-personalize'
import { type CsvFolder, openCsvFolder } from '../data/csvFolder.ts'
import { demoShop, generateShop } from './demoData.ts'
import { bucket, runFlow } from './demoFlow.ts'
import { DemoFailure, planDemo } from './demoPlan.ts'
import { openScreen, type Screen } from './demoScreen.ts'
import { repeatLines, showMetrics, showSegments } from './demoStory.ts'
import { type ServerProcess, startServer } from './serverProcess.ts'

type Options = { keep: boolean; data: string | undefined }

/**
 * `demo [--keep] [--data FOLDER]`: from CSV files to segments on a server of its own, told step by
 * step on stdout. Without FOLDER the data are generated. Leaves no process; no file either, unless
 * `--keep`. Sets the exit code to 1 where data, flags or server make it impossible.
 */
export async function demo(argv: string[]): Promise<void> {
  const screen = openScreen()
  const stage = openStage()
  try {
    const options = readOptions(argv)
    if (options.data) await requireFolder(options.data)
    await stage.prepare(options.keep)
    await perform(options, stage, screen)
  } catch (error) {
    if (error instanceof PersonalizeServiceException) screen.fail(`${error.name}: ${error.message}`)
    else if (error instanceof DemoFailure) screen.fail(error.message)
    else throw error
    process.exitCode = 1
  } finally {
    await stage.clear()
  }
}

async function perform(options: Options, stage: Stage, screen: Screen): Promise<void> {
  const started = performance.now()
  screen.begin('OpenPersonalize: from raw CSV to segments')
  const bucketFolder = join(stage.folder(), 's3', bucket)
  const folder = await screen.step(
    options.data ? `Reading ${options.data}` : 'Generating a shop',
    async () => {
      await (options.data
        ? copyTables(options.data, join(bucketFolder, 'data'))
        : generateShop(join(bucketFolder, 'data'), demoShop))
      return openTables(join(bucketFolder, 'data'))
    },
    ({ tables }) => `${options.data ?? 'A generated shop'}: ${countRows(tables)}`,
  )
  try {
    const plan = { ...(await planDemo(folder)), ...(!options.data && { hiddenDimension: 64 }) }
    const server = await screen.step(
      'Starting a server',
      () => stage.serve(),
      ({ endpoint }) => `A server on its embedded default listens on ${endpoint}`,
    )
    const personalize = new Personalize({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
    const outcomes = await runFlow(personalize, plan, bucketFolder, screen)
    personalize.destroy()
    for (const outcome of outcomes) await showSegments(screen, folder, plan, outcome)
    showMetrics(screen, outcomes)
    screen.show('The .out files', [
      ...outcomes.map(({ outputFile }) => outputFile),
      ...(options.keep
        ? []
        : ['(removed with everything else when the demo ends; --keep keeps it)']),
    ])
    await screen.step(
      'Stopping the server',
      () => server.stop(),
      () => 'The server has ended',
    )
    screen.end(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s.`)
    process.stdout.write(repeatLines(outcomes, options.keep ? stage.folder() : undefined))
  } finally {
    folder.close()
  }
}

/** The folder and the server of one run, and their end, whatever ends the run. */
type Stage = {
  prepare(keep: boolean): Promise<void>
  folder(): string
  serve(): Promise<ServerProcess>
  clear(): Promise<void>
}

function openStage(): Stage {
  let dataDir: string | undefined
  let kept = false
  let server: ServerProcess | undefined
  const removeFolder = () => {
    if (dataDir && !kept) rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
  // A spinner turns Ctrl-C into process.exit(0), elsewhere it is a signal:
  // both end here, and as what they are.
  const atExit = () => {
    server?.kill()
    removeFolder()
    process.exitCode = 130
  }
  const interrupted = () => process.exit(130)
  process.once('exit', atExit).once('SIGINT', interrupted).once('SIGTERM', interrupted)
  return {
    prepare: async (keep) => {
      kept = keep
      dataDir = await mkdtemp(join(tmpdir(), 'openpersonalize-demo-'))
    },
    folder: () => dataDir!,
    serve: async () => {
      // Whatever is set: the demo is no guest of anybody's buckets or database.
      const own = ['--files', 'disk', '--database-url', '']
      server = await startServer(dataDir!, ['--log-level', 'warn', ...own]).catch(
        (cause: Error) => {
          throw new DemoFailure(cause.message, { cause })
        },
      )
      return server
    },
    clear: async () => {
      await server?.stop()
      removeFolder()
      process.off('exit', atExit).off('SIGINT', interrupted).off('SIGTERM', interrupted)
    },
  }
}

function readOptions(argv: string[]): Options {
  try {
    const { values } = parseArgs({
      args: argv,
      options: { keep: { type: 'boolean', default: false }, data: { type: 'string' } },
    })
    return { keep: values.keep, data: values.data && resolve(values.data) }
  } catch (cause) {
    const usage = 'npm run demo -- [--keep] [--data FOLDER]'
    throw new DemoFailure(`${(cause as Error).message}\nUse: ${usage}`, { cause })
  }
}

async function requireFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) throw new DemoFailure(`There is no folder ${folder}. ${wanted}`)
  if (!existsSync(join(folder, 'interactions.csv')))
    throw new DemoFailure(`${folder} holds no interactions.csv. ${wanted}`)
}

const wanted =
  'It must hold interactions.csv (USER_ID, ITEM_ID, TIMESTAMP in seconds, maybe more) ' +
  'and may hold items.csv (ITEM_ID, ...) and users.csv (USER_ID, ...).'

async function openTables(folder: string): Promise<CsvFolder> {
  return openCsvFolder(folder).catch((cause: Error) => {
    throw new DemoFailure(`The CSV files cannot be read: ${cause.message}`, { cause })
  })
}

async function copyTables(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const name of ['interactions.csv', 'items.csv', 'users.csv'])
    if (existsSync(join(from, name))) await copyFile(join(from, name), join(to, name))
}

const countRows = ({ interactions, items, users }: CsvFolder['tables']) =>
  Object.entries({ users, items, interactions })
    .filter(([, table]) => table)
    .map(([name, table]) => `${table!.rows.toLocaleString('en')} ${name}`)
    .join(', ')
