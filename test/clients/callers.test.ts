// What docs/callers.md says holds for the AWS CLI: keys with policies, a session token, a certificate of one's own.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { server } from '../harness.ts'
import { clientVariables, pythonClients } from './environment.ts'

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))

test('the AWS CLI works with the keys of docs/callers.md over TLS', {
  timeout: 300_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'openpersonalize-callers-'))
  t.after(() => rm(folder, { recursive: true }))
  const credentials = join(folder, 'keys.yaml')
  const page = await readFile(path('docs/callers.md'), 'utf8')
  await writeFile(credentials, /^```yaml keys\.yaml\n(.*?)^```$/ms.exec(page)![1]!)
  const { url } = await server(t, {
    OPENPERSONALIZE_CREDENTIALS: credentials,
    OPENPERSONALIZE_TLS_CERTIFICATE: path('test/tls/first.pem'),
    OPENPERSONALIZE_TLS_KEY: path('test/tls/first.key'),
  })
  match(url, /^https:/)
  const programs = await pythonClients()
  const aws = (id: string, secret: string, words: string, more: Record<string, string> = {}) => {
    const keys = { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret }
    const bundle = { AWS_CA_BUNDLE: path('test/tls/first.pem') }
    const env = { ...clientVariables(url), ...keys, ...bundle, ...more }
    return promisify(execFile)(programs.aws, ['personalize', ...words.split(' ')], { env }).then(
      ({ stdout }) => JSON.parse(stdout || '{}'),
      ({ stderr }) => stderr as string,
    )
  }
  const admin = (words: string) => aws('ADMIN', 'change-me-1', words)
  const anna = (words: string) => aws('ANNA', 'change-me-2', words)
  const nightly = (words: string, AWS_SESSION_TOKEN: string) =>
    aws('NIGHTLY', 'change-me-3', words, { AWS_SESSION_TOKEN })

  const made = await admin('create-dataset-group --name shop --tags tagKey=team,tagValue=red')
  const arn = 'arn:aws:personalize:us-east-1:111122223333:dataset-group/shop'
  equal(made.datasetGroupArn, arn)
  equal((await anna('list-dataset-groups')).datasetGroups.length, 1)
  deepEqual(await anna(`untag-resource --resource-arn ${arn} --tag-keys none`), {})
  match(
    await anna(`delete-dataset-group --dataset-group-arn ${arn}`),
    /\(AccessDeniedException\) when calling the DeleteDatasetGroup operation: User: arn:aws:iam::111122223333:user\/anna is not authorized to perform: personalize:DeleteDatasetGroup on resource: \S+shop with an explicit deny in an identity-based policy/,
  )
  deepEqual(await nightly('list-dataset-groups', 'change-me-4'), { datasetGroups: [] })
  match(
    await nightly('list-dataset-groups', 'x'),
    /\(UnrecognizedClientException\).* The security token included in the request is invalid\./,
  )
  const untrusted = await aws('ADMIN', 'change-me-1', 'list-schemas', {
    AWS_CA_BUNDLE: path('test/tls/second.pem'),
  })
  ok(String(untrusted).includes('SSL'), String(untrusted))
})
