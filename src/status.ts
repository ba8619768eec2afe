/** The status words of every resource but the data deletion job. Spec C.3 [O]. */
export type Status =
  | 'CREATE PENDING'
  | 'CREATE IN_PROGRESS'
  | 'ACTIVE'
  | 'CREATE FAILED'
  | 'CREATE STOPPING'
  | 'CREATE STOPPED'

/** A resource whose work has not ended: it counts against the quotas and cannot be deleted. */
export const unfinished: readonly Status[] = [
  'CREATE PENDING',
  'CREATE IN_PROGRESS',
  'CREATE STOPPING',
]
