import { ServiceError } from '../errors.ts'
import { header, queryOf, type Request } from './request.ts'

/** What the Authorization header of a request says of its signature. */
export type Claim = {
  accessKeyId: string
  date: string
  region: string
  service: string
  terminator: string
  signedHeaders: string[]
  signature: string
  timestamp: string
  signedAt: Date
}

/** REST services answer these with 403, awsJson with 400. Spec J.4. */
export const refused = (code: string) => (message: string) => new ServiceError(code, message, 403)
const missing = refused('MissingAuthenticationTokenException')
const incomplete = refused('IncompleteSignatureException')

const algorithm = 'AWS4-HMAC-SHA256'

/** Throws the ServiceErrors of spec J.4 for a header that is missing or not whole. */
export function readClaim(request: Request): Claim {
  const authorization = header(request, 'authorization')?.trim()
  if (!authorization && queryOf(request)['X-Amz-Signature'])
    throw missing('Missing Authentication Token: sign the Authorization header, not the query.')
  if (!authorization?.startsWith('AWS4-')) throw missing('Missing Authentication Token')
  if (request.headers.authorization!.length > 1)
    throw incomplete('There is more than one Authorization header; send one.')
  if (authorization.split(/\s/, 1)[0] !== algorithm)
    throw incomplete(`Unsupported signing algorithm; it must be ${algorithm}.`)
  const parameters = readParameters(authorization.slice(algorithm.length))
  const timestamp = header(request, 'x-amz-date') ?? ''
  const absent = ['Credential', 'Signature', 'SignedHeaders']
    .filter((name) => !parameters.get(name))
    .map((name) => `Authorization header requires '${name}' parameter.`)
  if (!timestamp) absent.push("Authorization header requires existence of a 'X-Amz-Date' header.")
  if (absent.length > 0) throw incomplete(absent.join(' '))
  return {
    ...readScope(parameters.get('Credential')!),
    signedHeaders: parameters.get('SignedHeaders')!.toLowerCase().split(';'),
    signature: parameters.get('Signature')!,
    timestamp,
    signedAt: readTimestamp(timestamp),
  }
}

function readParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue
    const equals = part.indexOf('=')
    if (equals < 1)
      throw incomplete(
        `'${part}' not a valid key=value pair (missing equal-sign) in Authorization header.`,
      )
    parameters.set(part.slice(0, equals), part.slice(equals + 1))
  }
  return parameters
}

function readScope(credential: string) {
  const [accessKeyId, date, region, service, terminator, ...rest] = credential.split('/')
  if (!accessKeyId || !date || !region || !service || !terminator || rest.length > 0)
    throw incomplete(
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" +
        `${credential}'.`,
    )
  return { accessKeyId, date, region, service, terminator }
}

function readTimestamp(timestamp: string): Date {
  const iso = timestamp.replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    '$1-$2-$3T$4:$5:$6.000Z',
  )
  const found = new Date(iso)
  // A day or an hour too many, as February 30, counts on into what follows.
  if (iso === timestamp || Number.isNaN(found.getTime()) || found.toISOString() !== iso)
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  return found
}
