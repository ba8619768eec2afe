import type { Context } from '../context.ts'
import {
  encode,
  errorStatus,
  type OperationContract,
  operation,
  operationNames,
} from '../contract.ts'
import { ServiceError, unsupportedOperation } from '../errors.ts'
import { authorize, userArn } from '../operations/authorize.ts'
import { operations } from '../operations/index.ts'
import { authenticate, type Claimed, identify } from './authenticate.ts'
import { decode } from './decode.ts'
import { parse } from './parse.ts'
import { type Answer, header, pathOf, type Request } from './request.ts'
import { arnIn } from './tell.ts'

/**
 * Answers one request: route, authenticate, count, decode, validate, authorize, call,
 * encode. Never throws. Spec A, J.1.
 */
export async function handle(ctx: Context, request: Request): Promise<Answer> {
  const { told } = request
  try {
    const { name, claimed } = admit(ctx, request)
    const caller = await authenticate(ctx, request, claimed)
    told.caller = userArn(caller)
    await ctx.rateLimit(caller.accessKeyId)
    const input = decode(name, parse(request.body))
    told.arn = arnIn(input)
    await authorize(ctx, caller, name, input, circumstancesOf(request))
    const run = operations[name]
    if (!run) throw unsupportedOperation(`The operation ${name} is not built yet.`)
    const output = await run(ctx, caller, input)
    told.arn = arnIn(output) ?? told.arn
    return success(request, name, output)
  } catch (error) {
    return failure(ctx, request, error)
  }
}

/** The first steps, for which the headers are enough. Throws the ServiceError of a request that fails them. */
export function admit(ctx: Context, request: Request): { name: string; claimed: Claimed } {
  const { name } = route(request)
  request.told.operation = name
  return { name, claimed: identify(ctx, request) }
}

const circumstancesOf = (request: Request) => ({
  sourceIp: request.sourceIp,
  isSecure: request.isSecure,
  userAgent: header(request, 'user-agent'),
})

/**
 * The answer to a request that failed: AWS's error for a ServiceError, a 500
 * and a log line for anything else.
 */
export function failure(ctx: Context, request: Request, error: unknown): Answer {
  if (!(error instanceof ServiceError))
    ctx.log.error({ err: error, requestId: request.id, operation: find(request)?.name })
  const { code, message, status } = error instanceof ServiceError ? error : internalFailure
  return {
    status: statusOf(request, code, status),
    headers: { ...headersOf(request), 'x-amzn-errortype': code },
    body: JSON.stringify({ __type: code, message }),
  }
}

const internalFailure = new ServiceError(
  'InternalFailure',
  'The request processing has failed because of an unknown error, exception or failure.',
  500,
)

const byTarget = new Map<string, OperationContract>()
const byPath = new Map<string, OperationContract>()
for (const each of operationNames.map(operation))
  if (each.target) byTarget.set(each.target, each)
  else byPath.set(`${each.method} ${each.path}`, each)

function route(request: Request): OperationContract {
  const found = find(request)
  if (found) return found
  if (isAwsJson(request)) {
    const target = header(request, 'x-amz-target')
    throw unknownOperation(target ? `There is no operation ${target}.` : 'X-Amz-Target is missing.')
  }
  throw unknownOperation(`There is no operation ${request.method} ${pathOf(request)}.`)
}

const unknownOperation = (message: string) =>
  new ServiceError('UnknownOperationException', message, 404)

const find = (request: Request) =>
  isAwsJson(request)
    ? byTarget.get(header(request, 'x-amz-target') ?? '')
    : byPath.get(`${request.method} ${pathOf(request)}`)

/** awsJson posts everything to `/`; no REST operation has that path. Spec A.1. */
const isAwsJson = (request: Request) => request.method === 'POST' && pathOf(request) === '/'

function success(request: Request, name: string, output: object): Answer {
  const { protocol, output: outputShape } = operation(name)
  // Clients take an empty body or `{}` for an empty output; REST answers
  // have been seen empty. Spec A.2 [O].
  const isEmpty = protocol === 'restJson' && !outputShape
  return {
    status: 200,
    headers: headersOf(request),
    body: isEmpty ? '' : JSON.stringify(encode(name, output)),
  }
}

const headersOf = (request: Request) => ({
  'content-type': isAwsJson(request) ? 'application/x-amz-json-1.1' : 'application/json',
  'x-amzn-requestid': request.id,
})

/**
 * REST: as the contract says for a modeled error. awsJson: 400 for
 * everything the caller did. Spec A.6, J.4.
 */
function statusOf(request: Request, code: string, status: number): number {
  if (isAwsJson(request)) return status === 413 || status >= 500 ? status : 400
  const service = find(request)?.service
  return (service && errorStatus(service, code)) ?? status
}
