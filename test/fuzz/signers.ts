import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import aws4 from 'aws4'
import { pythonClients } from '../clients/environment.ts'
import { signed } from '../wireServer.ts'

/** A request as it goes over the wire; `path` has the query. */
export type Plain = { method: string; path: string; headers: Record<string, string>; body: string }

/** Signs requests for `url` with the key test/test, as of now; each has more headers then. */
export type Signer = (url: string, requests: Plain[]) => Promise<Plain[]>

const hostOf = (url: string) => new URL(url).host

const smithy: Signer = async (url, requests) =>
  Promise.all(requests.map(async (each) => ({ ...each, headers: await signed(url, each) })))

const byAws4: Signer = async (url, requests) =>
  requests.map((each) => {
    const { headers } = aws4.sign(
      {
        ...{ ...each, headers: { ...each.headers } },
        ...{ service: 'personalize', region: 'us-east-1', host: hostOf(url) },
      },
      { accessKeyId: 'test', secretAccessKey: 'test' },
    )
    return { ...each, headers: headers as Record<string, string> }
  })

const botocore: Signer = async (url, requests) => {
  const { python } = await pythonClients()
  const script = fileURLToPath(new URL('./botocoreSigner.py', import.meta.url))
  const lines = requests.map((each) =>
    JSON.stringify({ ...each, url: url + each.path, host: hostOf(url) }),
  )
  const said = await new Promise<string>((resolve, reject) => {
    const options = { maxBuffer: 1e9 }
    const child = execFile(python, [script], options, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    )
    child.stdin?.end(lines.join('\n'))
  })
  const headers = said.trimEnd().split('\n')
  return requests.map((each, n) => ({ ...each, headers: JSON.parse(headers[n]!) }))
}

/** Three programs that do not share code. */
export const signers: Record<string, Signer> = { smithy, aws4: byAws4, botocore }
