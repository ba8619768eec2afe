import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  encode,
  errorStatus,
  operation,
  operationNames,
  type Service,
  type Shape,
  shape,
} from '../src/contract.ts'
import { compiled } from '../src/wire/constraints.ts'
import { decode } from '../src/wire/decode.ts'

const job = {
  jobName: 'coffee',
  solutionVersionArn: 'arn:aws:personalize:us-east-1:123456789012:solution/a/1',
  jobInput: { s3DataSource: { path: 's3://b/in.json' } },
  jobOutput: { s3DataDestination: { path: 's3://b/out/' } },
  roleArn: 'arn:aws:iam::123456789012:role/r',
}

/** The message that an input is refused with. */
function refusal(
  operationName: string,
  input: Record<string, unknown>,
  code = 'InvalidInputException',
) {
  let message = 'nothing was refused'
  throws(
    () => decode(operationName, input),
    (error: { code: string; message: string }) => {
      message = error.message
      equal(error.code, code, error.message)
      return true
    },
  )
  return message
}

test('all 79 operations of AWS and 4 of our own resolve, with the shapes of their inputs and outputs', () => {
  equal(operationNames.length, 79 + 4)
  for (const each of operationNames) {
    const { service, protocol, path, target, input, output } = operation(each)
    equal(shape(service, input!).type, 'structure')
    if (output) equal(shape(service, output).type, 'structure')
    const prefix = service === 'openpersonalize' ? 'OpenPersonalize' : 'AmazonPersonalize'
    if (protocol === 'awsJson') deepEqual([path, target], ['/', `${prefix}.${each}`])
    else ok(path.length > 1 && target === undefined)
  }
  throws(() => operation('CreateCoffee'), /no operation CreateCoffee/)
  throws(() => operation('constructor'))
})

test('every pattern of the contract compiles, matches in full and takes linear time enough', () => {
  const hostile = (length: number) =>
    [':', 'a', ' ', '/', ':kms:', 'arn:a:personalize:'].map(
      (unit) => `${unit.repeat(length).slice(0, length - 1)}\u0000`,
    )
  for (const { max, pattern } of shapes().filter((each) => each.pattern !== undefined)) {
    const expression = compiled(pattern!)
    ok(max! <= 2048, `${pattern}: the length bounds the time`)
    const started = performance.now()
    for (const value of hostile(max!)) expression.test(value)
    ok(performance.now() - started < 400, pattern)
  }
  ok(!compiled('^[a-zA-Z0-9][a-zA-Z0-9\\-_]*').test('my name'))
  const source = '^[\\x20-\\x7E]*[\\x21-\\x7E]+[\\x20-\\x7E]*$'
  for (const value of ['', ' ', 'a', ' a', 'a ', '  a b  ', 'é', 'a\n', '~', '   ~   ~'])
    equal(compiled(source).test(value), new RegExp(source, 'u').test(value), value)
})

test('every required member of every operation is enforced', () => {
  let required = 0
  for (const each of operationNames) {
    const { service, input } = operation(each)
    const members = shape(service, input!).required ?? []
    required += members.length
    if (members.length === 0) continue
    const message = refusal(each, {})
    for (const member of members)
      ok(
        message.includes(`'${member}' failed to satisfy constraint: Member must not be null`),
        message,
      )
    match(message, new RegExp(`^${members.length} validation errors? detected: `))
  }
  ok(required > 79)
})

test('a broken constraint reads as AWS writes it', () => {
  const cases: [string, Record<string, unknown>, string][] = [
    [
      'DescribeRecipe',
      {},
      "1 validation error detected: Value null at 'recipeArn' failed to satisfy constraint: Member must not be null",
    ],
    [
      'CreateDatasetGroup',
      { name: '' },
      "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater " +
        "than or equal to 1; Value '' at 'name' failed to satisfy constraint: Member must satisfy regular expression " +
        'pattern: ^[a-zA-Z0-9][a-zA-Z0-9\\-_]*',
    ],
    [
      'CreateDatasetGroup',
      { name: 'x'.repeat(64) },
      `1 validation error detected: Value '${'x'.repeat(64)}' at 'name' failed to satisfy constraint: Member must have ` +
        'length less than or equal to 63',
    ],
    [
      'CreateDatasetGroup',
      { name: 'a', domain: 'COFFEE' },
      "1 validation error detected: Value 'COFFEE' at 'domain' failed to satisfy constraint: Member must satisfy enum " +
        'value set: [ECOMMERCE, VIDEO_ON_DEMAND]',
    ],
    [
      'ListRecipes',
      { maxResults: 0 },
      "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value " +
        'greater than or equal to 1',
    ],
    [
      'ListRecipes',
      { maxResults: 101 },
      "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value " +
        'less than or equal to 100',
    ],
    [
      'CreateBatchSegmentJob',
      { ...job, jobInput: { s3DataSource: { path: 'file:///etc/passwd' } } },
      "1 validation error detected: Value 'file:///etc/passwd' at 'jobInput.s3DataSource.path' failed to satisfy " +
        'constraint: Member must satisfy regular expression pattern: (s3|http|https)://.+',
    ],
    [
      'CreateBatchSegmentJob',
      { ...job, tags: [{ tagKey: 'a', tagValue: 'b' }, { tagKey: '' }] },
      "2 validation errors detected: Value at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have " +
        "length greater than or equal to 1; Value at 'tags.2.member.tagValue' failed to satisfy constraint: Member must " +
        'not be null',
    ],
    [
      'CreateFilter',
      { name: 'a', datasetGroupArn: 'arn:aws:personalize:::x', filterExpression: 'x'.repeat(2501) },
      "1 validation error detected: Value at 'filterExpression' failed to satisfy constraint: Member must have length " +
        'less than or equal to 2500',
    ],
    [
      'GetRecommendations',
      { context: { 'a b': 'c' } },
      "1 validation error detected: Value '{a b=***}' at 'context' failed to satisfy constraint: Map keys must satisfy " +
        'constraint: [Member must have length less than or equal to 150, Member must satisfy regular expression ' +
        'pattern: [A-Za-z\\d_]+]',
    ],
  ]
  for (const [operationName, input, message] of cases) equal(refusal(operationName, input), message)
})

test('lists, maps of lists and sensitive structures keep their constraints', () => {
  const columns = { trainingDataConfig: { includedDatasetColumns: { ITEMS: ['A', 'b c'] } } }
  match(
    refusal('CreateSolution', {
      name: 'a',
      datasetGroupArn: 'arn:aws:personalize:::x',
      solutionConfig: columns,
    }),
    /^1 validation error detected: Value '\{ITEMS=\[A, b c\]\}' at 'solutionConfig.trainingDataConfig.includedDatasetColumns' failed to satisfy constraint: Map value must satisfy constraint: \[Member must have length less than or equal to 50, Member must satisfy constraint: \[Member must have length less than or equal to 150, Member must satisfy regular expression pattern: \[A-Za-z_\]\[A-Za-z\\d_\]\*\]\]$/,
  )
  equal(
    refusal('PutEvents', { trackingId: 't', sessionId: 's', eventList: [] }),
    "1 validation error detected: Value '[]' at 'eventList' failed to satisfy constraint: Member must have length " +
      'greater than or equal to 1',
  )
  equal(
    refusal('PutEvents', {
      trackingId: 't',
      sessionId: 's',
      eventList: [{ eventType: '', sentAt: 1 }],
    }),
    "1 validation error detected: Value at 'eventList.1.member.eventType' failed to satisfy constraint: Member must " +
      'have length greater than or equal to 1',
  )
  const tags = Array.from({ length: 201 }, () => ({ tagKey: 'secret', tagValue: 'v' }))
  const message = refusal('TagResource', { resourceArn: 'arn:aws:personalize:::x', tags })
  match(message, /Member must have length less than or equal to 200$/)
  ok(!message.includes('secret') && message.length < 500)
})

test('a message stays short, its count does not lie', () => {
  const tags = Array.from({ length: 150 }, () => ({}))
  const message = refusal('TagResource', { resourceArn: 'x'.repeat(100_000), tags })
  match(message, /^301 validation errors detected: Value 'x{256}\.\.\.' at 'resourceArn'/)
  ok(message.length < 10_000)
})

test('a JSON type that a member cannot have is a SerializationException', () => {
  const start = (what: string) => `Start of ${what} found where not expected`
  const cases: [string, Record<string, unknown>, string][] = [
    ['ListRecipes', { maxResults: '1' }, 'STRING_VALUE can not be converted to an Integer'],
    ['ListRecipes', { maxResults: true }, 'TRUE_VALUE can not be converted to an Integer'],
    ['ListRecipes', { maxResults: 1.5 }, 'NUMBER_VALUE can not be converted to an Integer'],
    ['ListRecipes', { maxResults: 2 ** 31 }, 'NUMBER_VALUE can not be converted to an Integer'],
    ['ListRecipes', { nextToken: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    ['ListRecipes', { nextToken: {} }, start('structure or map')],
    ['ListRecipes', { nextToken: [] }, start('list')],
    ['CreateSolution', { performHPO: 'true' }, 'STRING_VALUE can not be converted to a Boolean'],
    [
      'CreateSolution',
      { solutionConfig: 'x' },
      'STRING_VALUE can not be converted to a Structure or Map',
    ],
    ['CreateSolution', { tags: {} }, start('structure or map')],
    ['CreateSolution', { tags: ['x'] }, 'STRING_VALUE can not be converted to a Structure or Map'],
    [
      'PutEvents',
      { eventList: [{ sentAt: 'now' }] },
      'STRING_VALUE can not be converted to a Timestamp',
    ],
    [
      'PutEvents',
      { eventList: [{ sentAt: 1e300 }] },
      'NUMBER_VALUE can not be converted to a Timestamp',
    ],
    [
      'PutEvents',
      { eventList: [{ eventValue: '1' }] },
      'STRING_VALUE can not be converted to a Float',
    ],
  ]
  for (const [operationName, input, message] of cases)
    equal(refusal(operationName, input, 'SerializationException'), message)
})

test('null is absent, unknown members are dropped, timestamps become dates', () => {
  deepEqual(
    decode('CreateBatchSegmentJob', { ...job, numResults: null, filterArn: null, more: 1 }),
    job,
  )
  const event = { eventType: 'click', sentAt: 1577836800.5, impression: ['1', null] }
  deepEqual(decode('PutEvents', { trackingId: 't', sessionId: 's', eventList: [event, null] }), {
    trackingId: 't',
    sessionId: 's',
    eventList: [{ eventType: 'click', sentAt: new Date(1577836800500), impression: ['1'] }],
  })
  match(refusal('CreateSchema', { name: null, schema: '{}' }), /^1 .* null at 'name'/)
})

test('a character outside the basic plane counts once', () => {
  const tags = (count: number) => [{ tagKey: '𝒜'.repeat(count), tagValue: '' }]
  const resourceArn = 'arn:aws:personalize:::x'
  deepEqual(decode('TagResource', { resourceArn, tags: tags(128) }).tags, tags(128))
  match(
    refusal('TagResource', { resourceArn, tags: tags(129) }),
    /length less than or equal to 128$/,
  )
})

test('a document is cut to the members of a shape, and goes out without null', () => {
  const creationDateTime = new Date(1698435170123)
  const document = {
    ...job,
    batchSegmentJobArn: 'arn',
    status: 'ACTIVE',
    failureReason: undefined,
    creationDateTime,
    lastUpdatedDateTime: creationDateTime.toISOString(),
    tags: [{ tagKey: 'a', tagValue: 'b' }],
    secret: 1,
  }
  deepEqual(encode('DescribeBatchSegmentJob', { batchSegmentJob: document, $metadata: {} }), {
    batchSegmentJob: {
      ...job,
      batchSegmentJobArn: 'arn',
      status: 'ACTIVE',
      creationDateTime: 1698435170.123,
      lastUpdatedDateTime: 1698435170.123,
    },
  })
  deepEqual(encode('ListFilters', { Filters: [] }), { Filters: [] })
  deepEqual(encode('DeleteSchema', { anything: 1 }), {})
})

test('the REST services give their errors a status, awsJson gives none', () => {
  equal(errorStatus('personalize-runtime', 'ResourceNotFoundException'), 404)
  equal(errorStatus('personalize-events', 'ResourceInUseException'), 409)
  equal(errorStatus('personalize', 'ResourceNotFoundException'), undefined)
  equal(errorStatus('personalize', 'constructor'), undefined)
})

function shapes(): Shape[] {
  const services: Service[] = [
    'personalize',
    'personalize-events',
    'personalize-runtime',
    'openpersonalize',
  ]
  return services.flatMap((service) => {
    const file = new URL(`../contract/${service}.json`, import.meta.url)
    return Object.values(JSON.parse(readFileSync(file, 'utf8')).shapes as Record<string, Shape>)
  })
}
