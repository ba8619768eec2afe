import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { askedOnce } from './askedOnce.ts'
import { wireLimits } from './limits.ts'

/** The unfinished jobs of one kind and status, and for how long the oldest has been there. */
export type JobCount = { kind: string; status: string; count: number; ageSeconds: number }

/** The models that are open for requests, and how often one was found open or had to be read. */
export type ModelCounts = { open: number; found: number; read: number }

/** What is counted as it happens. Labels are words of ours or AWS's, never what a caller wrote. */
export type Metrics = {
  request(operation: string, code: string, seconds: number, bytes: Transferred): void
  refused(reason: Refusal): void
  phase(kind: string, phase: string, seconds: number): void
  job(kind: string, status: string, seconds: number): void
  /** Rows imported, or lines answered, and the bytes of the files they came from and went to. */
  work(kind: string, rows: number, bytes: Transferred): void
  /** All metrics as Prometheus reads them. */
  text(): Promise<string>
  contentType: string
}
export type Transferred = { received: number; sent: number }
/** Why Node refuses a connection, or what comes over it, before it is a request. */
export type Refusal = 'connections' | 'expectation' | 'headers' | 'malformed' | 'time'

type Sources = { jobs: () => Promise<JobCount[]>; models: () => ModelCounts }

/** Metrics of one process. What others know already is asked for when somebody reads them. */
export function openMetrics({ jobs, models }: Sources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `openpersonalize_${name}`, help, labelNames, registers })
  const seconds = (name: string, help: string, labelNames: string[], buckets: number[]) =>
    new Histogram({ name: `openpersonalize_${name}`, help, labelNames, buckets, registers })

  const requests = counter('requests_total', 'Requests answered.', ['operation', 'code'])
  const refusals = counter('refusals_total', 'Refused before it was a request.', ['reason'])
  const requestSeconds = seconds(
    'request_duration_seconds',
    'From the first byte of a request to the last of its answer.',
    ['operation'],
    requestBuckets,
  )
  const requestBytes = counter('request_bytes_total', 'Bytes of bodies.', ['direction'])
  const jobSeconds = seconds(
    'job_duration_seconds',
    'From the begin of a run of a job to its end.',
    ['kind', 'status'],
    jobBuckets,
  )
  const phaseSeconds = seconds(
    'job_phase_duration_seconds',
    'How long phases of jobs took.',
    ['kind', 'phase'],
    jobBuckets,
  )
  const rows = counter('job_rows_total', 'Rows imported, lines answered.', ['kind'])
  const jobBytes = counter('job_bytes_total', 'Bytes of files of jobs.', ['kind', 'direction'])
  gaugeJobs(registers, jobs)
  gaugeModels(registers, models)
  return {
    request(operation, code, duration, { received, sent }) {
      requests.inc({ operation, code })
      requestSeconds.observe({ operation }, duration)
      requestBytes.inc({ direction: 'received' }, received)
      requestBytes.inc({ direction: 'sent' }, sent)
    },
    refused: (reason) => refusals.inc({ reason }),
    phase: (kind, phase, duration) => phaseSeconds.observe({ kind, phase }, duration),
    job: (kind, status, duration) => jobSeconds.observe({ kind, status }, duration),
    work(kind, count, { received, sent }) {
      rows.inc({ kind }, count)
      jobBytes.inc({ kind, direction: 'received' }, received)
      jobBytes.inc({ kind, direction: 'sent' }, sent)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
const jobBuckets = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400]

/** Of a database that does not answer they are left out: its health says why. */
function gaugeJobs(registers: Registry[], jobs: Sources['jobs']): void {
  const ask = askedOnce('The database', wireLimits.readyMs, jobs)
  const counts = () => ask().catch(() => undefined)
  new Gauge({
    name: 'openpersonalize_jobs',
    help: 'Unfinished jobs in the database.',
    labelNames: ['kind', 'status'],
    registers,
    async collect() {
      const found = (await counts()) ?? []
      this.reset()
      for (const { kind, status, count } of found) this.set({ kind, status }, count)
    },
  })
  new Gauge({
    name: 'openpersonalize_queue_age_seconds',
    help: 'For how long the oldest job that no worker has begun has been waiting.',
    registers,
    async collect() {
      const found = await counts()
      if (!found) return this.remove()
      const waiting = found.filter(({ status }) => status === 'CREATE PENDING')
      this.set(Math.max(0, ...waiting.map(({ ageSeconds }) => ageSeconds)))
    },
  })
}

function gaugeModels(registers: Registry[], models: Sources['models']): void {
  new Gauge({
    name: 'openpersonalize_models_open',
    help: 'Models that are kept open between requests.',
    registers,
    collect() {
      this.set(models().open)
    },
  })
  new Counter({
    name: 'openpersonalize_model_uses_total',
    help: 'Requests that found their model open, or had to read it.',
    labelNames: ['result'],
    registers,
    collect() {
      const { found, read } = models()
      this.reset()
      this.inc({ result: 'found' }, found)
      this.inc({ result: 'read' }, read)
    },
  })
}
