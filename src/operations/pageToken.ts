import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { Caller, Context } from '../context.ts'
import { invalidNextToken } from '../errors.ts'

/** What a token is good for: the pages of one list, which operation, caller and input make. */
export type List = {
  name: string
  caller: Pick<Caller, 'account' | 'region'>
  input: { nextToken?: string | undefined; maxResults?: number | undefined }
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/**
 * Tokens hold the position by key, so that a page stays the same when resources come and go. Nobody
 * else can read or make one: they are encrypted with the secret of the installation.
 */
export function makeToken(
  { secret }: Pick<Context, 'secret'>,
  list: List,
  position: number | string,
): string {
  const bound = boundTo(list)
  const text = JSON.stringify(position)
  // Of what is encrypted: never the same for two texts, and the same page has the same token.
  const nonce = createHmac('sha256', secret).update(bound).update(text).digest()
  const cipher = createCipheriv(algorithm, secret, nonce.subarray(0, nonceBytes)).setAAD(bound)
  const hidden = cipher.update(text, 'utf8')
  const parts = [nonce.subarray(0, nonceBytes), hidden, cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(parts).toString('base64url')
}

/**
 * The position after which a page begins. InvalidNextTokenException for a token that was changed or
 * is of another list.
 */
export function readToken<Position extends number | string>(
  { secret }: Pick<Context, 'secret'>,
  list: List,
  token: string,
): Position {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length <= nonceBytes + tagBytes || bytes.toString('base64url') !== token)
    throw badToken(list)
  const decipher = createDecipheriv(algorithm, secret, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(boundTo(list)).setAuthTag(bytes.subarray(-tagBytes))
  const hidden = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
  try {
    decipher.final()
  } catch (cause) {
    throw Object.assign(badToken(list), { cause })
  }
  return JSON.parse(hidden.toString()) as Position
}

function boundTo({ name, caller, input }: List): Buffer {
  const { nextToken: _, maxResults: __, ...parameters } = input
  return Buffer.from(JSON.stringify([name, caller.account, caller.region, parameters]))
}

const badToken = ({ name }: List) =>
  invalidNextToken(
    `The nextToken is not valid. Give the nextToken of an earlier answer of ${name} ` +
      'with the same input.',
  )
