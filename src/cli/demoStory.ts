import type { CsvFolder, UserSketch } from '../data/csvFolder.ts'
import { bucket, type Outcome, roleArn, type Segment } from './demoFlow.ts'
import type { DemoPlan } from './demoPlan.ts'
import type { Screen } from './demoScreen.ts'

const shownUsers = 5

/**
 * Shows the first users of each segment with what a person recognises:
 * who they are and what they like.
 */
export async function showSegments(
  screen: Screen,
  folder: CsvFolder,
  plan: DemoPlan,
  outcome: Outcome,
): Promise<void> {
  for (const segment of outcome.segments) {
    const sketches = await folder.sketchUsers(
      segment.users,
      plan.userColumns,
      plan.favouriteColumns,
    )
    const table = sketches.slice(0, shownUsers).map((sketch) => cells(sketch))
    screen.show(headingOf(outcome, segment), [
      ...aligned([headerOf(plan), ...table]),
      ...inCommon(sketches, plan.favouriteColumns[0]),
    ])
  }
}

/** Shows GetSolutionMetrics of each solution version. */
export function showMetrics(screen: Screen, outcomes: Outcome[]): void {
  const rows = outcomes.map(({ recipe, metrics }) => [
    recipe,
    ...Object.values(metrics).map((value) => value.toFixed(4)),
  ])
  screen.show('GetSolutionMetrics', [
    ...aligned([['recipe', ...Object.keys(outcomes[0]?.metrics ?? {})], ...rows]),
    'recall_at_1_percent: of the users who came for an item later, the share among its best 1 % of users.',
    'Users in random order would give 0.01.',
  ])
}

/** Lines to copy: the same again with the AWS CLI and boto3, on `folder` if it was kept. */
export function repeatLines(outcomes: Outcome[], folder: string | undefined): string {
  const { solutionVersionArn, input, jobArn } = outcomes[0]!
  const endpoint = 'http://127.0.0.1:8080'
  const [serve, demo] = import.meta.filename.endsWith('.ts')
    ? ['npm start --', 'npm run demo --']
    : ['npx openpersonalize serve', 'npx openpersonalize demo'] // the packed program
  return `
${folder ? `Everything is kept in ${folder}` : `To go on from here: ${demo} --keep (it prints these lines with its FOLDER)`}
Serve it again, in a second terminal:

  ${serve} --port 8080 --data-dir ${folder ?? 'FOLDER'}

With the AWS CLI:

  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  aws personalize create-batch-segment-job --endpoint-url ${endpoint} --job-name again \\
    --solution-version-arn ${solutionVersionArn} --num-results 10 \\
    --job-input s3DataSource={path=${input}} \\
    --job-output s3DataDestination={path=s3://${bucket}/again/} --role-arn ${roleArn}
  aws personalize list-batch-segment-jobs --endpoint-url ${endpoint}
  cat ${folder ?? 'FOLDER'}/s3/${bucket}/again/*.out

With boto3:

  import boto3
  personalize = boto3.client('personalize', endpoint_url='${endpoint}', region_name='us-east-1',
                             aws_access_key_id='test', aws_secret_access_key='test')
  print(personalize.describe_batch_segment_job(batchSegmentJobArn='${jobArn}'))
`
}

const headingOf = ({ recipe, filterLabel }: Outcome, { label, users }: Segment) =>
  `${recipe}: the ${users.length} users most likely to come for ${label}${filterLabel ? `, only ${filterLabel}` : ''}`

const headerOf = ({ userColumns, favouriteColumns }: DemoPlan) => [
  'user',
  ...userColumns,
  ...favouriteColumns.map((name) => `favourite ${name}`),
  'events',
]

const cells = ({ id, own, favourites, events }: UserSketch) => [
  id,
  ...own,
  ...favourites.map((liked) => (liked ? `${liked.value} (${percent(liked.share)})` : '')),
  String(events),
]

/** "24 of 25 like Kitchen best." Nothing if the data have no category to like. */
function inCommon(sketches: UserSketch[], column: string | undefined): string[] {
  const liked = Map.groupBy(sketches, ({ favourites }) => favourites[0]?.value ?? '')
  const [most] = [...liked].toSorted(([, a], [, b]) => b.length - a.length)
  if (!column || !most?.[0]) return []
  return [`${most[1].length} of these ${sketches.length} like ${column} ${most[0]} best.`]
}

const percent = (share: number) => `${Math.round(share * 100)} %`

function aligned(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
