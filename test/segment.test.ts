/** What must stay true of PreviewSegment, ExplainSegment and CompareSegments. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { limits } from '../src/limits.ts'
import { call } from './extensionClient.ts'
import { server } from './harness.ts'
import { segmentJobs } from './segmentJobs.ts'
import { filesLeft, smallShop, trained, userCount } from './smallShop.ts'

const s = await server({ after })
const shop = await smallShop(s)
const byItem = await trained(s, shop, 'aws-item-affinity')
const byAttribute = await trained(s, shop, 'aws-item-attribute-affinity')
const { answered, arnOf, create, jobEnded } = segmentJobs(s, byItem)
const { filterArn = '' } = await s.personalize.createFilter({
  name: 'members',
  datasetGroupArn: shop.datasetGroupArn,
  filterExpression: 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ($LEVEL)',
})
const gold = { LEVEL: '"gold"' }

const usersOf = (text: string): string[][] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).output?.usersList)

const preview = (more: Partial<Parameters<typeof call<'PreviewSegment'>>[2]> = {}) =>
  call(s, 'PreviewSegment', {
    solutionVersionArn: byItem,
    segmentQuery: { itemId: 'i00' },
    ...more,
  })

describe('PreviewSegment', () => {
  test("its users are those of a job's line, with numbers that fall", async () => {
    const [list] = usersOf(await answered('one', '{"itemId": "i00"}'))
    const { users, userCount: count, horizonDays } = await preview()
    deepEqual(
      users.map(({ userId }) => userId),
      list,
    )
    equal(count, userCount)
    ok(horizonDays > 0)
    for (const [place, { score, expected, probability }] of users.entries()) {
      ok(expected <= (users[place - 1]?.expected ?? Number.POSITIVE_INFINITY))
      ok(Math.abs(probability - (1 - Math.exp(-score))) < 1e-6)
    }
  })

  test('numResults is from 1 to 1,000', async () => {
    equal((await preview({ numResults: 3 })).users.length, 3)
    equal((await preview({ numResults: 1000 })).users.length, userCount)
    for (const numResults of [0, 1001])
      await rejects(preview({ numResults }), {
        name: 'InvalidInputException',
        message: /at 'numResults' failed to satisfy constraint: Member must have value/,
      })
  })

  test('histogram and lift curve are of all users', async () => {
    const { users, histogram, liftCurve } = await preview({ numResults: 1000 })
    equal(
      histogram.reduce((sum, bin) => sum + bin.users, 0),
      userCount,
    )
    deepEqual(
      liftCurve.map((point) => [point.percent, point.users]),
      [
        [1, 1],
        [2, 1],
        [5, 3],
        [10, 6],
        [20, 12],
        [50, 30],
        [100, 60],
      ],
    )
    const sum = (count: number) =>
      users.slice(0, count).reduce((total, { expected }) => total + expected, 0)
    for (const { users: count, expectedHits, lift } of liftCurve) {
      ok(Math.abs(expectedHits / sum(count) - 1) < 1e-3)
      ok(Math.abs(lift / (sum(count) / count / (sum(userCount) / userCount)) - 1) < 1e-3)
    }
    ok(liftCurve[0]!.lift > liftCurve[4]!.lift && liftCurve[4]!.lift > 1)
  })

  test('a filter and its values narrow everything', async () => {
    const {
      users,
      userCount: count,
      liftCurve,
    } = await preview({
      filterArn,
      segmentQuery: { itemId: 'i00', filterValues: gold },
      numResults: 1000,
    })
    equal(count, userCount / 3)
    equal(users.length, userCount / 3)
    ok(users.every(({ userId }) => Number(userId.slice(1)) % 3 === 0))
    equal(liftCurve.at(-1)!.users, userCount / 3)
  })

  test('attributes ask the other recipe', async () => {
    const query = { itemAttributes: 'ITEMS.GENRES = "tea" AND ITEMS.PRICE < 20' }
    const { users } = await preview({
      solutionVersionArn: byAttribute,
      segmentQuery: query,
      numResults: 5,
    })
    for (const { userId } of users) equal(Number(userId.slice(1)) % 4, 0)
  })

  test('what is wrong with a line is what is wrong with the query', async () => {
    const refused = async (query: object, message: RegExp) =>
      rejects(preview({ segmentQuery: query }), { name: 'InvalidInputException', message })
    await refused({ itemId: 'nothing' }, /The item nothing had no interactions/)
    await refused(
      { itemAttributes: 'ITEMS.GENRES = "tea"' },
      /needs "itemId", "items" or "userIds", not/,
    )
    await refused({}, /none of "itemId"/)
    await rejects(preview({ filterArn }), {
      name: 'InvalidInputException',
      message: /The filter needs a value for \$LEVEL/,
    })
  })

  test('version and filter are looked up as for a job', async () => {
    await rejects(preview({ solutionVersionArn: `${byItem}x` }), {
      name: 'ResourceNotFoundException',
      message: `The given solution version does not exist: ${byItem}x`,
    })
    await rejects(preview({ filterArn: `${filterArn}x` }), {
      name: 'ResourceNotFoundException',
      message: `The given filter does not exist: ${filterArn}x`,
    })
    const { filterArn: items = '' } = await s.personalize.createFilter({
      name: 'items',
      datasetGroupArn: shop.datasetGroupArn,
      filterExpression: 'INCLUDE ItemID WHERE Items.PRICE > 1',
    })
    await rejects(preview({ filterArn: items }), /needs a filter on UserID/)
  })
})

describe('ExplainSegment', () => {
  const explain = (input: Parameters<typeof call<'ExplainSegment'>>[2]) =>
    call(s, 'ExplainSegment', input)

  test('a user has the numbers and the place of the preview, and features that say why', async () => {
    const { users } = await preview({ numResults: 60 })
    for (const place of [0, 7, 24]) {
      const { userId, ...numbers } = users[place]!
      const why = await explain({
        solutionVersionArn: byItem,
        segmentQuery: { itemId: 'i00' },
        userId,
      })
      const { score, expected, probability } = why
      deepEqual({ score, expected, probability }, numbers)
      deepEqual([why.rank, why.userCount], [place + 1, userCount])
      ok(why.contributions.length > 0)
      ok(why.history.every(({ itemId }) => /^i\d\d$/.test(itemId)))
    }
  })

  test("a job's line is its query, its filter the job's", async () => {
    const input = [
      '{"itemId": "i01", "filterValues": {"LEVEL": "\\"silver\\""}}',
      '',
      '{"itemId": "i00", "filterValues": {"LEVEL": "\\"gold\\""}}',
      '{"itemId": "nothing", "filterValues": {"LEVEL": "\\"gold\\""}}',
    ].join('\n')
    const [, list] = usersOf(await answered('why', input, { filterArn }))
    const job = { batchSegmentJobArn: arnOf('why') }
    const [userId = ''] = list!
    const byLine = await explain({ ...job, line: 2, userId })
    deepEqual([byLine.rank, byLine.userCount], [1, userCount / 3])
    const segmentQuery = { itemId: 'i00', filterValues: gold }
    deepEqual(await explain({ ...job, segmentQuery, userId }), byLine)
    deepEqual(
      await explain({ solutionVersionArn: byItem, filterArn, segmentQuery, userId }),
      byLine,
    )
    equal((await explain({ ...job, line: 2, userId: 'u01' })).rank, undefined)
    const out = 's3://segments/why/out/in.json.out'
    const refused = (line: number, message: string | RegExp) =>
      rejects(explain({ ...job, line, userId }), { name: 'InvalidInputException', message })
    await refused(4, `${out} has no line 4.`)
    await refused(3, /The item nothing had no interactions/)
    await rejects(explain({ ...job, line: 1, userId: 'nobody' }), {
      name: 'InvalidInputException',
      message: 'The user nobody had no interactions when the solution version was trained.',
    })
  })

  test('it is either a job or a version, either a line or a query', async () => {
    const segmentQuery = { itemId: 'i00' }
    const job = { batchSegmentJobArn: arnOf('one') }
    const version = { solutionVersionArn: byItem }
    const cases: [object, RegExp][] = [
      [{ segmentQuery }, /Give either batchSegmentJobArn or solutionVersionArn/],
      [
        { ...job, ...version, segmentQuery },
        /Give either batchSegmentJobArn or solutionVersionArn/,
      ],
      [version, /With solutionVersionArn give segmentQuery/],
      [{ ...version, segmentQuery, line: 1 }, /With solutionVersionArn give segmentQuery/],
      [{ ...job, line: 1, filterArn }, /leave out filterArn/],
      [job, /give either line or segmentQuery/],
      [{ ...job, line: 1, segmentQuery }, /give either line or segmentQuery/],
      [{ ...job, segmentQuery, inputFile: 'in.json' }, /inputFile only with line/],
    ]
    for (const [input, message] of cases)
      await rejects(explain({ ...input, userId: 'u00' }), {
        name: 'InvalidInputException',
        message,
      })
    await rejects(explain({ batchSegmentJobArn: arnOf('no'), line: 1, userId: 'u00' }), {
      name: 'ResourceNotFoundException',
      message: `Resource Arn ${arnOf('no')} does not exist.`,
    })
  })
})

describe('CompareSegments', () => {
  const compare = (...segments: Parameters<typeof call<'CompareSegments'>>[2]['segments']) =>
    call(s, 'CompareSegments', { segments })

  test('sizes, shares and orders of lines of several jobs', async () => {
    const text = '{"itemId": "i00"}\n{"itemId": "i04"}\n{"itemId": "i01"}'
    const [first = [], second = []] = usersOf(await answered('short', text, { numResults: 10 }))
    const [, , third = []] = usersOf(await answered('long', text, { numResults: 30 }))
    const of = (name: string, line: number) => ({ batchSegmentJobArn: arnOf(name), line })
    const { segments, pairs } = await compare(of('short', 1), of('short', 2), of('long', 3))
    deepEqual(segments, [
      { ...of('short', 1), inputFile: 'in.json', input: '{"itemId": "i00"}', userCount: 10 },
      { ...of('short', 2), inputFile: 'in.json', input: '{"itemId": "i04"}', userCount: 10 },
      { ...of('long', 3), inputFile: 'in.json', input: '{"itemId": "i01"}', userCount: 30 },
    ])
    const both = (a: string[], b: string[]) => a.filter((id) => b.includes(id)).length
    const lists = [first, second, third]
    deepEqual(
      pairs.map((pair) => [pair.first, pair.second, pair.overlap]),
      [
        [1, 2, both(first, second)],
        [1, 3, both(first, third)],
        [2, 3, both(second, third)],
      ],
    )
    for (const { first: a, second: b, overlap, jaccard, overlapShare, ...order } of pairs) {
      const [sizeA, sizeB] = [lists[a - 1]!.length, lists[b - 1]!.length]
      ok(Math.abs(jaccard - overlap / (sizeA + sizeB - overlap)) < 1e-6)
      ok(Math.abs(overlapShare - overlap / Math.min(sizeA, sizeB)) < 1e-6)
      ok(order.rankBiasedOverlap >= 0 && order.rankBiasedOverlap <= 1)
    }
    const { pairs: same } = await compare(of('short', 1), of('short', 1))
    deepEqual(same, [
      { first: 1, second: 2, overlap: 10, jaccard: 1, overlapShare: 1, rankBiasedOverlap: 1 },
    ])
  })

  test('of several input files one must be named', async () => {
    for (const name of ['a.json', 'b.json'])
      await s.put(`s3://segments/files/in/${name}`, '{"itemId": "i00"}\n{"itemId": "nothing"}')
    await create('files', 's3://segments/files/in/')
    await jobEnded('files')
    const of = { batchSegmentJobArn: arnOf('files'), line: 1 }
    await rejects(compare(of, of), {
      name: 'InvalidInputException',
      message: /had 2 input files, give inputFile: a\.json, b\.json/,
    })
    await rejects(compare({ ...of, inputFile: 'c.json' }, of), {
      name: 'InvalidInputException',
      message: /had no input file c\.json; it had a\.json, b\.json/,
    })
    const [a, b] = [
      { ...of, inputFile: 'a.json' },
      { ...of, inputFile: 'b.json' },
    ]
    equal((await compare(a, b)).pairs[0]!.jaccard, 1)
    await rejects(compare(a, { ...b, line: 2 }), {
      name: 'InvalidInputException',
      message: /^Line 2 of s3:\/\/segments\/files\/out\/b\.json\.out has an error .*nothing/,
    })
    await rm(join(s.dataDir, 's3/segments/files/out/b.json.out'))
    await rejects(compare(a, b), {
      name: 'InvalidInputException',
      message: 's3://segments/files/out/b.json.out: there is no such object.',
    })
  })

  test('from 2 to 6 segments, of jobs that are ACTIVE', async () => {
    const of = { batchSegmentJobArn: arnOf('one'), line: 1 }
    await rejects(compare(of), { name: 'InvalidInputException', message: /at 'segments' failed/ })
    await s.put('s3://segments/failed.json', 'no JSON')
    await create('failed', 's3://segments/failed.json')
    await jobEnded('failed')
    await rejects(compare(of, { batchSegmentJobArn: arnOf('failed'), line: 1 }), {
      name: 'ResourceInUseException',
      message: `The batch segment job ${arnOf('failed')} is CREATE FAILED; it must be ACTIVE.`,
    })
  })
})

describe('open models', () => {
  test('requests at once all have their answer, of more versions than stay open', async () => {
    const third = await trained(s, shop, 'aws-item-affinity', 'third')
    const versions = [byItem, byAttribute, third]
    ok(versions.length > limits.modelsKept)
    const all = Array.from({ length: 12 }, (_, n) => {
      const solutionVersionArn = versions[n % 3]!
      const segmentQuery =
        solutionVersionArn === byAttribute
          ? { itemAttributes: 'ITEMS.GENRES = "wine"' }
          : { itemId: 'i01' }
      return preview({ solutionVersionArn, segmentQuery })
    })
    const answers = await Promise.all(all)
    for (const [n, answer] of answers.entries()) deepEqual(answer, answers[n % 3])
    const many = Array.from({ length: limits.modelRequests + 20 }, () => preview())
    const refused = (await Promise.allSettled(many)).flatMap((each) =>
      each.status === 'rejected' ? [each.reason] : [],
    )
    for (const { name, message } of refused) {
      equal(name, 'ThrottlingException')
      match(message, /requests wait for a model; try again/)
    }
  })

  test('a model is read once, and closed when its version is deleted', async () => {
    const before = (await readdir(join(s.dataDir, 'models'))).length
    const solutionVersionArn = await trained(s, shop, 'aws-item-affinity', 'kept')
    const first = await preview({ solutionVersionArn })
    const [newest = ''] = (await readdir(join(s.dataDir, 'models'))).toSorted(
      (a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10),
    )
    await rm(join(s.dataDir, 'models', newest, 'users.f32'))
    deepEqual(await preview({ solutionVersionArn }), first)
    const solutionArn = solutionVersionArn.slice(0, solutionVersionArn.lastIndexOf('/'))
    await s.personalize.deleteSolution({ solutionArn })
    await filesLeft(join(s.dataDir, 'models'), before)
    await rejects(preview({ solutionVersionArn }), { name: 'ResourceNotFoundException' })
  })
})
