import type { Extension } from '../src/operations/extension.ts'
import { assertAnswer } from './contractCheck.ts'
import { send } from './wireServer.ts'

/** What AWS's SDK does not have: calls an operation of our own; an error has AWS's code as its name. */
export async function call<Name extends keyof Extension>(
  { url }: { url: string },
  name: Name,
  input: Extension[Name]['input'],
): Promise<Extension[Name]['output']> {
  const body = JSON.stringify(input)
  const { status, text, code, message } = await send(url, {
    target: `OpenPersonalize.${name}`,
    body,
  })
  if (status !== 200) throw Object.assign(new Error(message), { name: code })
  const answer = JSON.parse(text)
  assertAnswer(name, answer)
  return answer
}
