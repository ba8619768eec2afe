import {
  createHash,
  createHmac,
  createSecretKey,
  type Hash,
  type Hmac,
  type KeyObject,
} from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Checksum, SourceData } from '@smithy/types'
import type { Claim } from './claim.ts'
import { header, pathOf, queryOf, type Request } from './request.ts'

/** The signature that a request must have for its claim to be true, in hexadecimal digits. */
export async function signatureOf(
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
    claim.signedHeaders.map((name) => [name, header(request, name) ?? '']),
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

/** Node's SHA-256 as the signer asks for it; with a secret its HMAC. */
class Sha256 implements Checksum {
  readonly #hash: Hash | Hmac
  constructor(secret?: SourceData) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', keyOf(secret))
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {}
}

/** Of bytes, which the signer keeps for a day, Node makes a key each time, and that takes longer than to sign. */
function keyOf(secret: SourceData): string | KeyObject {
  if (typeof secret === 'string') return secret
  const key = keys.get(secret) ?? createSecretKey(secret as Uint8Array)
  keys.set(secret, key)
  return key
}

const keys = new WeakMap<ArrayBuffer | ArrayBufferView, KeyObject>()
