import { deepEqual } from 'node:assert/strict'
import { Readable } from 'node:stream'
import type { Personalize } from '@aws-sdk/client-personalize'
import { assertAnswer } from '../contractCheck.ts'
import { client } from '../harness.ts'

/** The AWS SDK for JavaScript for one endpoint, with every answer checked against the contract as it came in. */
export function checkedClient(endpoint: string): Personalize {
  const personalize = client(endpoint)
  personalize.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args)
        const response = result.response as { statusCode: number; body: Readable }
        const body = await response.body.toArray()
        response.body = Readable.from(body)
        check(String(commandName).replace(/Command$/, ''), response.statusCode, body.join(''))
        return result
      },
    { step: 'deserialize', priority: 'low', name: 'checkContract' },
  )
  return personalize
}

function check(operation: string, status: number, body: string): void {
  if (status === 200) assertAnswer(operation, body === '' ? undefined : JSON.parse(body))
  else deepEqual(Object.keys(JSON.parse(body)).toSorted(), ['__type', 'message'])
}
