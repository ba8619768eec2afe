import { roleArn } from '../harness.ts'
import type { schemaTexts } from '../smallShop.ts'
import { arn, right } from './shop.ts'

/** A CSV text, the dataset it is for, and the failureReason of its import. */
export type CsvCase = [
  what: string,
  dataset: keyof typeof schemaTexts,
  text: string | Uint8Array,
  reason: RegExp,
]

const users = (...rows: string[]) => ['USER_ID,AGE,MEMBERSHIP', ...rows, ''].join('\n')
const events = (...rows: string[]) =>
  ['USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE', ...rows, ''].join('\n')

/** What is wrong in CSV files. A job's failureReason quotes it. */
export const csvCases: CsvCase[] = [
  ['nothing', 'Users', '', /is empty; its first line must name the columns/],
  ['no rows', 'Users', users(), /has no rows after the header/],
  [
    'too few columns',
    'Users',
    'USER_ID\nu1\n',
    /^Input CSV is missing the following columns:\[AGE, MEMBERSHIP\]\.$/,
  ],
  [
    'columns in lower case',
    'Users',
    users('u1,30,gold').toLowerCase(),
    /missing the following columns:\[USER_ID, AGE, MEMBERSHIP\]/,
  ],
  [
    'semicolons for commas',
    'Users',
    users('u1,30,gold').replaceAll(',', ';'),
    /missing the following columns/,
  ],
  [
    'a column twice',
    'Users',
    'USER_ID,AGE,MEMBERSHIP,AGE\nu1,30,gold,31\n',
    /has the column AGE twice/,
  ],
  ['JSON', 'Users', '{"USER_ID": "u1"}\n', /missing the following columns|quote/],
  [
    'a word for a number',
    'Users',
    users('u1,30,gold', 'u2,old,gold'),
    /^1 of 2 rows are not valid\. .* line 3: AGE 'old' is not an integer that fits int/,
  ],
  ['a fraction for an integer', 'Users', users('u1,30.5,gold'), /AGE '30\.5' is not an integer/],
  [
    'a number too large',
    'Users',
    users('u1,3000000000,gold'),
    /AGE '3000000000' is not an integer/,
  ],
  ['no id', 'Users', users(',30,gold'), /line 2: USER_ID is empty/],
  ['no value where null is not allowed', 'Users', users('u1,,gold'), /line 2: AGE is empty/],
  ['a short row', 'Users', users('u1,30'), /line 2: has 2 values, the header has 3/],
  ['a long row', 'Users', users('u1,30,gold,x'), /line 2: has 4 values, the header has 3/],
  ['an open quote', 'Users', users('u1,30,"gold'), /line 2: a quote is not closed/],
  [
    'Latin letters',
    'Users',
    Buffer.from(users('u1,30,g\xf6ld'), 'latin1'),
    /line 2 is not UTF-8 text/,
  ],
  ['a NUL', 'Users', users('u1,30,go\0ld'), /line 2 holds a NUL character/],
  [
    'an id too long',
    'Users',
    users(`${'u'.repeat(257)},30,gold`),
    /^Length cannot be more than 256 characters for USER_ID\. .*1 of 1 rows/,
  ],
  [
    'a category too long',
    'Users',
    users(`u1,30,${'g'.repeat(1001)}`),
    /^Length cannot be more than 1000 characters for MEMBERSHIP\./,
  ],
  [
    'more than three rows',
    'Users',
    users(...Array.from({ length: 9 }, (_, n) => `u${n},x,gold`)),
    /^9 of 9 rows are not valid\. (.*line \d: .*){3}; \.\.\.$/,
  ],
  ['more bytes than the quota', 'Users', users('u'.repeat(100_000)), /takes at most 100000/],
  [
    'a date for a time',
    'Interactions',
    events('u1,i1,2020-01-01,view,1'),
    /TIMESTAMP '2020-01-01' is not an integer number of epoch seconds/,
  ],
  ['a time before 1970', 'Interactions', events('u1,i1,-1,view,1'), /TIMESTAMP '-1' is not a time/],
  [
    'a value that is no number',
    'Interactions',
    events('u1,i1,1,view,NaN'),
    /EVENT_VALUE 'NaN' is not a finite number/,
  ],
  [
    'a truth that is none',
    'Items',
    'ITEM_ID,GENRES,PRICE,DESCRIPTION,ORGANIC,CREATION_TIMESTAMP\ni1,tea,1,good,yes,1\n',
    /ORGANIC 'yes' is not true or false/,
  ],
]

/** A location of CSV files that an import cannot read, and its failureReason. */
export const locationCases: [dataLocation: string, reason: RegExp][] = [
  ['s3://imports/nothing.csv', /^Invalid Data location\. There is no object/],
  ['s3://imports/shop-Users', /^Invalid Data location\. There is no object/],
  ['s3://imports/no-such-folder/', /^Invalid Data location\. There is no object/],
  ['s3://no-such-bucket/users.csv', /^Invalid Data location\. .*no bucket/],
  ['s3://imports/../../users.csv', /^Invalid Data location\. .*'\.\.' cannot be part/],
  ['https://example.com/users.csv', /^Invalid Data location\. .*not supported/],
]

/**
 * The input of a segment job: objects to put, a path, where to write, and the failureReason;
 * `answers` are the objects that it leaves beside `_CHECK`: whole ones, or none.
 */
export type JobCase = {
  what: string
  objects?: Record<string, string | Uint8Array>
  path: string
  output?: string
  version?: string
  reason: RegExp
  answers?: string[]
}
const query = '{"itemId": "i00"}\n'

/** What keeps a whole segment job from being answered. */
export const jobCases: JobCase[] = [
  { what: 'no object', path: 's3://queries/none', reason: /^Invalid S3 input path\. .*no object/ },
  { what: 'no bucket', path: 's3://nowhere/a', reason: /^Invalid S3 input path\. .*no bucket/ },
  {
    what: 'a path that climbs',
    path: 's3://queries/../../etc/passwd',
    reason: /^Invalid S3 input path\. .*'\.\.'/,
  },
  {
    what: 'an empty object',
    objects: { empty: '' },
    path: 's3://queries/empty',
    reason: /hold no line/,
    answers: ['empty.out'],
  },
  {
    what: 'no JSON at all',
    objects: { prose: 'i00\ni01\n' },
    path: 's3://queries/prose',
    reason: /^None of the 2 lines .* is JSON/,
    answers: ['prose.out'],
  },
  {
    what: 'Latin letters',
    objects: { latin: Buffer.from('{"itemId": "\xe9"}', 'latin1') },
    path: 's3://queries/latin',
    reason: /latin line 1 is not UTF-8/,
  },
  {
    what: 'more files than the quota',
    objects: { 'many/1': query, 'many/2': query, 'many/3': query },
    path: 's3://queries/many/',
    reason: /3 input files.* at most 2|at most 2/,
  },
  {
    what: 'more bytes than the quota',
    objects: { large: `{"itemId": "${'i'.repeat(100_000)}"}\n` },
    path: 's3://queries/large',
    reason: /at most 100000/,
  },
  {
    what: 'more lines than the quota',
    objects: { long: query.repeat(51) },
    path: 's3://queries/long',
    reason: /long has more than 50 lines/,
  },
  {
    what: 'more attribute lines than the quota',
    objects: { wide: '{"itemAttributes": "ITEMS.GENRES = \\"tea\\""}\n'.repeat(41) },
    path: 's3://queries/wide',
    version: 'attributes/v1',
    reason: /wide has more than 40 lines/,
  },
  {
    what: 'no bucket for answers',
    path: 's3://queries/items.jsonl',
    output: 's3://nowhere/',
    reason: /^Invalid S3 output path\. .*no bucket/,
  },
  {
    what: 'an output below an object',
    path: 's3://queries/items.jsonl',
    output: 's3://queries/items.jsonl/below/',
    reason: /^Invalid S3 output path\. .*is an object/,
  },
]

/** The request of a case. */
export const jobInput = (jobName: string, { path, output, version }: JobCase) => ({
  jobName,
  solutionVersionArn: arn('solution', version ?? 'items/v1'),
  jobInput: { s3DataSource: { path } },
  jobOutput: { s3DataDestination: { path: output ?? `s3://answers/${jobName}/` } },
  roleArn,
})

/** The request of an import of one object. */
export const importInput = (jobName: string, dataset: string, dataLocation: string) => ({
  ...right.import,
  jobName,
  datasetArn: arn('dataset', `shop/${dataset.toUpperCase()}`),
  dataSource: { dataLocation },
})
