import { ServiceError } from '../errors.ts'
import { wireLimits } from '../limits.ts'

export const serialization = (message: string) =>
  new ServiceError('SerializationException', message)

/**
 * The JSON object in a request body; an empty body is an empty object. Throws
 * SerializationException. Spec J.4.
 */
export function parse(body: Uint8Array): Record<string, unknown> {
  if (body.length === 0) return {}
  requireShallow(body)
  const document = json(utf8(body))
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw serialization('The request body is not a JSON object.')
  return document as Record<string, unknown>
}

function utf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw serialization('The request body is not valid UTF-8.')
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw serialization('The request body is not valid JSON.')
  }
}

const quote = 0x22
const backslash = 0x5c

/**
 * Counts open brackets outside strings, before any parser sees the body: nesting
 * costs the parser time and stack.
 */
function requireShallow(body: Uint8Array): void {
  let depth = 0
  let inString = false
  for (let index = 0; index < body.length; index++) {
    const byte = body[index]
    if (inString) {
      if (byte === backslash) index++
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > wireLimits.jsonDepthMax)
        throw serialization(`The request body nests deeper than ${wireLimits.jsonDepthMax} levels.`)
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
}
