import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { type Config, ConfigError } from '../config.ts'

/** Certificate and key in PEM. */
export type Tls = { cert: string; key: string }

/** Reads and checks the files of the settings; undefined without. Throws ConfigError. */
export async function readTls({
  tlsCertificate,
  tlsKey,
}: Pick<Config, 'tlsCertificate' | 'tlsKey'>): Promise<Tls | undefined> {
  if (tlsCertificate === undefined && tlsKey === undefined) return undefined
  if (tlsCertificate === undefined || tlsKey === undefined)
    throw new ConfigError('--tls-certificate and --tls-key belong together: set both or neither.')
  try {
    const cert = await readFile(tlsCertificate, 'utf8')
    const tls = { cert, key: await readFile(tlsKey, 'utf8') }
    createSecureContext(tls)
    return tls
  } catch (cause) {
    throw new ConfigError(
      `--tls-certificate ${tlsCertificate} and --tls-key ${tlsKey} cannot be used: ` +
        `${(cause as Error).message}.`,
      { cause },
    )
  }
}
