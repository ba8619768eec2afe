import { createHash, timingSafeEqual } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Caller, Context } from '../context.ts'
import type { Credential } from '../credentials.ts'
import { ServiceError } from '../errors.ts'
import { wireLimits } from '../limits.ts'
import { header, pathOf, queryOf, type Request } from './request.ts'

/** All three services sign with this name. Spec A.1. */
const serviceName = 'personalize'

/** REST services answer these with 403, awsJson with 400. Spec J.4. */
const refused = (code: string) => (message: string) => new ServiceError(code, message, 403)
const missing = refused('MissingAuthenticationTokenException')
const incomplete = refused('IncompleteSignatureException')
const unrecognized = refused('UnrecognizedClientException')
const invalidSignature = refused('InvalidSignatureException')

type Claim = {
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

/**
 * Proves who signed a request with AWS Signature Version 4 in the Authorization header.
 * Spec A.8. Throws the ServiceErrors of spec J.4, in its order: missing, incomplete,
 * unknown key or token, expired token, scope, clock, signature.
 */
export async function authenticate(ctx: Context, request: Request): Promise<Caller> {
  const claim = readClaim(request)
  const credential = ctx.credentials(claim.accessKeyId)
  if (!credential || !hasToken(credential, claim, request))
    throw unrecognized('The security token included in the request is invalid.')
  if (credential.expiration && credential.expiration <= ctx.clock())
    throw refused('ExpiredTokenException')('The security token included in the request is expired')
  requireScope(claim, ctx.config.region)
  requireFresh(claim, ctx.clock())
  requireSigned(claim, request)
  requireBodyHash(request)
  const expected = await sign(claim, credential.secretAccessKey, request)
  if (!sameText(expected, claim.signature))
    throw invalidSignature(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access ' +
        'Key and signing method. Consult the service documentation for details.',
    )
  const { account, name, policies } = credential
  return {
    account,
    region: ctx.config.region,
    accessKeyId: claim.accessKeyId,
    name,
    ...(policies && { policies }),
  }
}

/** A key of a session counts with its token only, which must be signed. Other keys need none. */
function hasToken({ sessionToken }: Credential, claim: Claim, request: Request): boolean {
  if (sessionToken === undefined) return true
  const given = header(request, tokenHeader)
  return (
    given !== undefined &&
    claim.signedHeaders.includes(tokenHeader) &&
    sameText(sessionToken, given)
  )
}

const tokenHeader = 'x-amz-security-token'

const algorithm = 'AWS4-HMAC-SHA256'

function readClaim(request: Request): Claim {
  const authorization = header(request, 'authorization')?.trim()
  if (!authorization && queryOf(request)['X-Amz-Signature'])
    throw missing('Missing Authentication Token: sign the Authorization header, not the query.')
  if (!authorization?.startsWith('AWS4-')) throw missing('Missing Authentication Token')
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
  if (iso === timestamp || Number.isNaN(found.getTime()))
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  return found
}

function requireScope(claim: Claim, region: string): void {
  if (claim.terminator !== 'aws4_request')
    throw invalidSignature(
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${claim.terminator}'. `,
    )
  if (claim.region !== region)
    throw invalidSignature(`Credential should be scoped to a valid Region, not '${claim.region}'. `)
  if (claim.service !== serviceName)
    throw invalidSignature(`Credential should be scoped to correct service: '${serviceName}'. `)
  if (!claim.timestamp.startsWith(claim.date))
    throw invalidSignature(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.date}' != ` +
        `'${claim.timestamp.slice(0, 8)}', from '${claim.timestamp}'.`,
    )
}

function requireFresh({ signedAt, timestamp }: Claim, now: Date): void {
  const earliest = new Date(now.getTime() - wireLimits.clockSkewMs)
  const latest = new Date(now.getTime() + wireLimits.clockSkewMs)
  if (signedAt < earliest)
    throw invalidSignature(
      `Signature expired: ${timestamp} is now earlier than ${basic(earliest)} (${basic(now)} - 15 min.)`,
    )
  if (signedAt > latest)
    throw invalidSignature(
      `Signature not yet current: ${timestamp} is still later than ${basic(latest)} (${basic(now)} + 15 min.)`,
    )
}

const basic = (date: Date) => `${date.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`

/**
 * What decides where and what a request is must be covered, or a signed request
 * could be turned into another one.
 */
function requireSigned({ signedHeaders }: Claim, request: Request): void {
  const open = ['host', 'x-amz-date', 'x-amz-target'].find(
    (name) => request.headers[name] !== undefined && !signedHeaders.includes(name),
  )
  if (open) throw invalidSignature(`'${open}' must be a 'SignedHeader' in the AWS Authorization.`)
}

/**
 * The library trusts this header as the body's hash, so it must be right
 * before the signature is recomputed.
 */
function requireBodyHash(request: Request): void {
  const sent = header(request, 'x-amz-content-sha256')
  if (sent === undefined) return
  if (!sameText(sent.toLowerCase(), createHash('sha256').update(request.body).digest('hex')))
    throw invalidSignature(
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
}

async function sign(
  claim: Claim,
  secretAccessKey: string,
  request: Request,
): Promise<string | undefined> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: claim.accessKeyId, secretAccessKey },
    region: claim.region,
    service: claim.service,
    sha256: Sha256,
    applyChecksum: false,
  })
  const headers = Object.fromEntries(
    claim.signedHeaders.flatMap((name) => {
      const value = header(request, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: '',
      path: pathOf(request),
      query: queryOf(request),
      headers,
      body: request.body,
    },
    { signingDate: claim.signedAt, signableHeaders: new Set(claim.signedHeaders) },
  )
  return signed.headers.authorization?.split('Signature=')[1]
}

function sameText(expected: string | undefined, given: string): boolean {
  const [left, right] = [Buffer.from(expected ?? ''), Buffer.from(given)]
  return left.length === right.length && timingSafeEqual(left, right)
}
