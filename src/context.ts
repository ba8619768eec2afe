import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Credentials } from './credentials.ts'
import type { Duck } from './data/duck.ts'
import type { Files } from './data/files.ts'
import type { Engine } from './engine/engine.ts'
import type { Database } from './store/database.ts'
import type { Queue } from './store/queue.ts'

/** Who calls, proven by the signature. */
export type Caller = { account: string; region: string; accessKeyId: string }

/** Everything a request or a job may touch, opened once by `open()` and closed in reverse. */
export type Context = {
  config: Config
  db: Database
  queue: Queue
  files: Files
  duck: Duck
  engine: Engine
  credentials: Credentials
  log: Logger
  clock: () => Date
}
