/** What input lines can ask beyond AWS, and that strict mode asks what AWS would. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type Server, server } from './harness.ts'
import { type More, segmentJobs } from './segmentJobs.ts'
import { imported, itemId, smallShop, tasteOf, trained, userCount, userId } from './smallShop.ts'

type Answer = { input: object; output: { usersList: string[] } | null; error: string | null }

/** A server with a trained version of both recipes. */
async function shopServer(env: Record<string, string> = {}) {
  const s = await server({ after }, env)
  const shop = await smallShop(s)
  const byItem = await trained(s, shop, 'aws-item-affinity')
  const byAttribute = await trained(s, shop, 'aws-item-attribute-affinity')
  return { s, shop, byItem, byAttribute, ask: asking(s, byItem) }
}

/** The answers to lines that are JSON. */
const asking = (s: Server, version: string) => {
  const { answered } = segmentJobs(s, version)
  return async (job: string, lines: object[], more: More = {}): Promise<Answer[]> => {
    const text = lines.map((line) => JSON.stringify(line)).join('\n')
    const out = await answered(job, text, more)
    return out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
}

const usersOf = (
  { output, error }: Answer | undefined = { input: {}, output: null, error: '' },
) => {
  equal(error, null)
  return output!.usersList
}

/** The tastes of the users, each once, in alphabetical order. */
const tastesOf = (users: string[]) => [...new Set(users.map(tasteOf))].sort()

/**
 * Users of each of these tastes are there, and hardly anybody else: seeds come from ARNs, and sixty users teach not every
 * seed as well.
 */
function mainlyOf(users: string[], tastes: string[]): void {
  const right = users.filter((user) => tastes.includes(tasteOf(user)))
  ok(right.length >= 0.75 * users.length, `${users}`)
  deepEqual(tastesOf(right), tastes)
}

const { s, shop, byItem, byAttribute, ask } = await shopServer()
const strict = await shopServer({ OPENPERSONALIZE_STRICT: 'true' })

describe('items', () => {
  test('users for any of a set, on both recipes', async () => {
    const sets = [
      { items: ['i00', 'i02', 'i04', 'i06'], numResults: 24 }, // tea and wine
      { items: ['i01', 'i05', 'i05'] }, // coffee
    ]
    for (const [job, solutionVersionArn] of Object.entries({ set: byItem, both: byAttribute })) {
      const [mixed, coffee] = await ask(job, sets, { solutionVersionArn, numResults: 12 })
      mainlyOf(usersOf(mixed), ['tea', 'wine'])
      mainlyOf(usersOf(coffee), ['coffee'])
    }
  })

  test('a set of one is that item', async () => {
    const [one, set] = await ask('one', [{ itemId: 'i07' }, { items: ['i07', 'i07'] }])
    deepEqual(usersOf(one), usersOf(set))
  })
})

describe('userIds', () => {
  test('users like the given ones, who are left out, on both recipes', async () => {
    const given = [1, 5, 9].map(userId) // coffee
    for (const [job, solutionVersionArn] of Object.entries({ like: byItem, alike: byAttribute })) {
      const [answer] = await ask(job, [{ userIds: given }], { solutionVersionArn, numResults: 60 })
      const users = usersOf(answer)
      equal(users.length, userCount - given.length)
      ok(given.every((id) => !users.includes(id)))
      deepEqual(tastesOf(users.slice(0, 10)), ['coffee'])
    }
  })

  test('the given users count in no number either', async () => {
    const given = [1, 5, 9].map(userId)
    const [answer] = await ask('counted', [{ userIds: given, scores: true }], { numResults: 1 })
    const { liftCurve } = answer!.output as unknown as { liftCurve: { users: number }[] }
    equal(liftCurve.at(-1)?.users, userCount - given.length)
  })

  test('unknown users are left out, and a filter holds', async () => {
    const { filterArn } = await s.personalize.createFilter({
      name: 'gold',
      datasetGroupArn: shop.datasetGroupArn,
      filterExpression: 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")',
    })
    const lines = [{ userIds: ['u00', 'u03'] }, { userIds: ['u00', 'nobody', 'u03', 'u00'] }]
    const [known, some] = await ask('gold', lines, { filterArn, numResults: 60 })
    equal(usersOf(known).length, 18) // gold ones but u00 and u03
    ok(usersOf(known).every((id) => Number(id.slice(1)) % 3 === 0))
    deepEqual(usersOf(known), usersOf(some))
  })
})

describe('numResults and scores', () => {
  test('a line has a numResults of its own, whatever the job has', async () => {
    const numbers = [3, undefined, 60, 1, 5_000_000, undefined, 31]
    const lines = numbers.map((numResults, n) => ({ itemId: itemId(n % 2), numResults }))
    const answers = await ask('numbers', lines, { numResults: 10 })
    const whole = [
      usersOf(answers[4]),
      usersOf((await ask('whole', [{ itemId: 'i01' }], { numResults: 60 }))[0]),
    ]
    for (const [n, answer] of answers.entries())
      deepEqual(usersOf(answer), whole[n % 2]!.slice(0, numbers[n] ?? 10))
  })

  test('scores may be asked for, and all members are echoed', async () => {
    const line = { items: ['i00'], numResults: 2, scores: true }
    const [answer] = await ask('scores', [line])
    deepEqual(answer?.input, line)
    equal(usersOf(answer).length, 2)
  })
})

describe('expressions', () => {
  test('OR, NOT, IN, parentheses and comparisons find the items', async () => {
    const expected: [string, string[]][] = [
      ['ITEMS.GENRES = "tea" OR ITEMS.GENRES = "wine"', ['tea', 'wine']],
      ['ITEMS.GENRES IN ("coffee", "beer")', ['coffee']],
      ['NOT (ITEMS.GENRES IN ("coffee", "wine") OR ITEMS.GENRES = "tea")', ['water']],
      ['ITEMS.GENRES NOT IN ("coffee", "water") AND NOT ITEMS.GENRES = "wine"', ['tea']],
      ['ITEMS.PRICE >= 2 AND (ITEMS.PRICE < 3 OR ITEMS.PRICE IN (6.5, 10.5))', ['wine']],
      [
        'ITEMS.PRICE <= 7.5 AND ITEMS.PRICE > 2.5 AND ITEMS.GENRES != "wine" AND ITEMS.PRICE < 4',
        ['water'],
      ],
    ]
    // A taste has 15 users: a list of two tastes must have more to be sure of both.
    const lines = expected.map(([itemAttributes, { length }]) => ({
      itemAttributes,
      numResults: length === 1 ? 8 : 20,
    }))
    const answers = await ask('trees', lines, { solutionVersionArn: byAttribute })
    for (const [n, answer] of answers.entries()) mainlyOf(usersOf(answer), expected[n]![1])
  })
})

describe('scores', () => {
  test('each listed user has numbers that fall, and all users a lift curve', async () => {
    const [plain, scored] = await ask(
      'scored',
      [{ itemId: 'i03' }, { itemId: 'i03', scores: true }],
      {
        numResults: 40,
      },
    )
    deepEqual(usersOf(scored), usersOf(plain))
    equal(Object.keys(plain!.output!).join(), 'usersList')
    type Numbers = Record<'scores' | 'expected' | 'probabilities', number[]> & {
      liftCurve: { percent: number; expectedHits: number }[]
    }
    const { scores, expected, probabilities, liftCurve } = scored!.output as unknown as Numbers
    for (const numbers of [scores, expected, probabilities]) {
      equal(numbers.length, 40)
      deepEqual(
        numbers,
        numbers.toSorted((a, b) => b - a),
      )
    }
    for (const [n, score] of scores.entries())
      ok(Math.abs(probabilities[n]! - (1 - Math.exp(-score))) < 1e-5)
    const half = liftCurve.find(({ percent }) => percent === 50)!
    const first = expected.slice(0, 30).reduce((sum, value) => sum + value, 0)
    ok(Math.abs(half.expectedHits / first - 1) < 0.01)
  })
})

describe('strict mode', () => {
  test('members that AWS does not know are ignored', async () => {
    const lines = [
      { itemId: 'i00' },
      { itemId: 'i00', numResults: 3, scores: true, items: ['i01'], userIds: 7 },
      { items: ['i00'] },
      { userIds: ['u00'], numResults: 3 },
    ]
    const [plain, more, ...refused] = await strict.ask('members', lines, { numResults: 10 })
    equal(usersOf(plain).length, 10)
    deepEqual(usersOf(more), usersOf(plain))
    deepEqual(more?.input, lines[1])
    for (const { output, error } of refused) {
      equal(output, null)
      equal(error, 'The line has neither "itemId" nor "itemAttributes".')
    }
  })

  test('users whom the training did not know are in no list [D26]', async () => {
    const users = 'USER_ID,AGE,MEMBERSHIP\nlate,30,gold\n'
    await imported(strict.s, 'late', strict.shop.datasets.Users, users, 'INCREMENTAL')
    const [answer] = await strict.ask('late', [{ itemId: 'i00' }], { numResults: 100 })
    equal(usersOf(answer).length, userCount)
  })

  test('tags of ours are tags like any other', async () => {
    const tags = [{ tagKey: 'openpersonalize:scores', tagValue: 'csv' }]
    equal((await strict.ask('tagged', [{ itemId: 'i00' }], { tags })).length, 1)
  })

  test('expressions have = and AND only', async () => {
    const refused: [string, RegExp][] = [
      ['ITEMS.GENRES = "tea" OR ITEMS.GENRES = "wine"', /position 22: found "OR", expected AND or/],
      ['NOT ITEMS.GENRES = "tea"', /position 1: found "NOT", expected a column/],
      ['(ITEMS.GENRES = "tea")', /position 1: found "\(", expected a column/],
      ['ITEMS.GENRES IN ("tea")', /position 14: found "IN", expected "="/],
      ['ITEMS.PRICE < 3', /position 13: found "<", expected "="/],
    ]
    const right = 'ITEMS.GENRES = "tea" AND ITEMS.GENRES = "drink"'
    const lines = [...refused.map(([text]) => text), right].map((itemAttributes) => ({
      itemAttributes,
    }))
    const answers = await strict.ask('strict', lines, {
      solutionVersionArn: strict.byAttribute,
      numResults: 5,
    })
    for (const [n, [, message]] of refused.entries()) match(answers[n]!.error ?? '', message)
    deepEqual(tastesOf(usersOf(answers.at(-1))), ['tea'])
  })
})
