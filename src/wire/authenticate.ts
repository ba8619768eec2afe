import { createHash, timingSafeEqual } from 'node:crypto'
import type { Caller, Context } from '../context.ts'
import type { Credential } from '../credentials.ts'
import { wireLimits } from '../limits.ts'
import { type Claim, readClaim, refused } from './claim.ts'
import { header, queryOf, type Request } from './request.ts'
import { signatureOf } from './signature.ts'

/** All three services sign with this name. Spec A.1. */
const serviceName = 'personalize'

const unrecognized = refused('UnrecognizedClientException')
const invalidSignature = refused('InvalidSignatureException')
const mismatch = () =>
  invalidSignature(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access ' +
      'Key and signing method. Consult the service documentation for details.',
  )

/** Who says to have signed a request. */
export type Claimed = { claim: Claim; credential: Credential }

/**
 * Reads who signed a request with AWS Signature Version 4 in the Authorization header, which proves nothing yet: for
 * this the headers are enough. Spec A.8. Throws the ServiceErrors of spec J.4, in its order: missing, incomplete,
 * unknown key or token, expired token, scope, clock.
 */
export function identify(ctx: Context, request: Request): Claimed {
  const claim = readClaim(request)
  const credential = ctx.credentials(claim.accessKeyId)
  if (!credential || !hasToken(credential, claim, request))
    throw unrecognized('The security token included in the request is invalid.')
  if (credential.expiration && credential.expiration <= ctx.clock())
    throw refused('ExpiredTokenException')('The security token included in the request is expired')
  requireScope(claim, ctx.config.region)
  requireFresh(claim, ctx.clock())
  requireSigned(claim, request)
  return { claim, credential }
}

/** Proves that who says so has signed the request, body and all. Throws the ServiceErrors of a signature that is wrong. */
export async function authenticate(
  ctx: Context,
  request: Request,
  { claim, credential }: Claimed,
): Promise<Caller> {
  requireBodyHash(request)
  const expected = await signatureOf(claim, credential.secretAccessKey, request)
  if (!sameText(expected, claim.signature)) throw mismatch()
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

function requireScope(claim: Claim, region: string): void {
  if (claim.terminator !== 'aws4_request')
    throw invalidSignature(
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${claim.terminator}'. `,
    )
  if (claim.region !== region)
    throw invalidSignature(`Credential should be scoped to a valid Region, not '${claim.region}'. `)
  if (claim.service !== serviceName)
    throw invalidSignature(`Credential should be scoped to correct service: '${serviceName}'. `)
  if (claim.date !== claim.timestamp.slice(0, 8))
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
  const absent = signedHeaders.find((name) => request.headers[name] === undefined)
  if (absent !== undefined)
    throw invalidSignature(`The 'SignedHeader' '${absent}' is not among the headers.`)
  // The library leaves it out of what it signs, as is right for a signature in the query.
  if (Object.keys(queryOf(request)).some((name) => name.toLowerCase() === 'x-amz-signature'))
    throw mismatch()
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

function sameText(expected: string | undefined, given: string): boolean {
  const [left, right] = [Buffer.from(expected ?? ''), Buffer.from(given)]
  return left.length === right.length && timingSafeEqual(left, right)
}
