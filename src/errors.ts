/**
 * What the caller did wrong: becomes AWS's error on the wire, with this code and text. Spec A.6, J.
 */
export class ServiceError extends Error {
  readonly code: string
  readonly status: number
  constructor(code: string, message: string, status = 400) {
    super(message)
    this.name = 'ServiceError'
    this.code = code
    this.status = status
  }
}

/**
 * What made a job fail for a reason its owner should read: becomes the resource's `failureReason`.
 */
export class JobFailure extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'JobFailure'
  }
}

/** What a worker learns when another one has its job: nothing that it writes counts any more. */
export class LeaseLost extends Error {
  constructor() {
    super('Another worker has taken the job.')
    this.name = 'LeaseLost'
  }
}

/** Why the server cannot start, and what its owner can do: one line, shown without a stack. */
export class CannotStart extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'CannotStart'
  }
}

/** Makes an error of a library one line of ours: `what` comes before its message. */
export const cannotStart =
  (what: string) =>
  (cause: unknown): never => {
    if (cause instanceof CannotStart) throw cause
    // One error for each address of a host.
    const first = cause instanceof AggregateError ? cause.errors[0] : cause
    const [line = ''] = (first instanceof Error ? first.message : String(first)).split('\n')
    throw new CannotStart(`${what}: ${line}`, { cause })
  }

const error = (code: string, status?: number) => (message: string) =>
  new ServiceError(code, message, status)

export const accessDenied = error('AccessDeniedException', 403)
export const invalidInput = error('InvalidInputException')
export const invalidNextToken = error('InvalidNextTokenException')
export const limitExceeded = error('LimitExceededException')
export const tooManyTags = error('TooManyTagsException')
export const resourceInUse = error('ResourceInUseException')
export const resourceNotFound = error('ResourceNotFoundException')
/** Of the resource that a request is about. Text seen in public code, spec J.3. */
export const doesNotExist = (arn: string) => resourceNotFound(`Resource Arn ${arn} does not exist.`)
export const throttling = error('ThrottlingException', 429)
export const unavailable = error('ServiceUnavailable', 503)
export const unsupportedOperation = error('UnsupportedOperationException', 501)

/** Observed text [O], spec C.2. */
export const alreadyExists = (arn: string) =>
  new ServiceError(
    'ResourceAlreadyExistsException',
    `Another resource with Arn ${arn} already exists.`,
  )

/** A job may not reach its data. Text: AWS's, spec J.3. */
export const insufficientPrivileges = (why: string, cause?: unknown) =>
  new JobFailure(`Insufficient privileges for accessing data in Amazon S3. ${why}`, { cause })
