/** Each constraint of the contract, broken alone, is answered with AWS's exception and named. Spec J.2. */
import { equal, match, ok } from 'node:assert/strict'
import { after, test } from 'node:test'
import { server } from '../harness.ts'
import { send } from '../wireServer.ts'
import { isOurs, operations, wanted } from './requests.ts'
import { violations } from './violations.ts'

const { url, ctx } = await server({ after })
let count = 0

for (const operation of operations)
  test(`${operation.name} refuses every input with one breach`, async () => {
    for (const { what, input, exception, says } of violations(operation)) {
      if (!isOurs(operation)) count++
      const answer = await send(url, wanted(operation, JSON.stringify(input)))
      const told = `${what}: ${answer.text}`
      equal(answer.code, exception, told)
      equal(answer.status, 400, told)
      equal(answer.headers.get('x-amzn-errortype'), exception)
      ok(answer.message!.includes(says), told)
      if (exception === 'InvalidInputException')
        match(answer.message!, /^[12] validation errors? detected: Value /)
    }
  })

test("the breaches of AWS's 79 operations are 1,611 at least, and none left anything behind", async (t) => {
  t.diagnostic(`breaches: ${count} inputs`)
  ok(count >= 1611, String(count))
  const rows = await ctx.db.kysely.selectFrom('resource').selectAll().execute()
  equal(rows.length, 0)
})
