import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const root = here('../..')

/** The programs of a Python virtual environment with boto3 and the AWS CLI, made on first use and kept in `.venv`. */
export async function pythonClients(): Promise<{ python: string; aws: string }> {
  await promisify(execFile)('python3', [
    here('makeEnvironment.py'),
    `${root}.venv`,
    here('requirements.txt'),
  ])
  return { python: `${root}.venv/bin/python`, aws: `${root}.venv/bin/aws` }
}

/** What a client's process needs to find `endpoint` and nothing of this machine's own AWS configuration. */
export const clientVariables = (endpoint: string) => ({
  PATH: process.env.PATH,
  HOME: here('.'),
  AWS_ENDPOINT_URL_PERSONALIZE: endpoint,
  AWS_ENDPOINT_URL_OPENPERSONALIZE: endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_PAGER: '',
  PYTHONDONTWRITEBYTECODE: '1',
})
