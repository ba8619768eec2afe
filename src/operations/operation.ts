import type { Personalize } from '@aws-sdk/client-personalize'
import type { NoUndefined } from '@smithy/types'
import type { Caller, Context } from '../context.ts'
import type { Extension } from './extension.ts'

/** The name of an operation that the awsJson service has, as AWS spells it, or one of our own. */
export type OperationName = AwsName | keyof Extension
type AwsName = Capitalize<Extract<keyof Personalize, `${Verb}${string}`>>
type Verb = 'create' | 'describe' | 'list' | 'delete' | 'update' | 'get' | 'stop' | 'tag' | 'untag'
type Signature<Name extends OperationName> = Name extends keyof Extension
  ? Extension[Name]
  : AwsSignature<Extract<Name, AwsName>>
type AwsSignature<Name extends AwsName> = Personalize[Uncapitalize<Name>] extends {
  (args: infer In, options?: infer _Options): Promise<infer Out>
  (args: infer _In1, cb: infer _Cb1): void
  (args: infer _In2, options: infer _Options2, cb: infer _Cb2): void
}
  ? { input: In; output: Out }
  : never

/**
 * Decoded request members, by AWS's names; required members are there,
 * because the contract was checked.
 */
export type Input<Name extends OperationName> = NoUndefined<Signature<Name>['input']>
/** Response members, by AWS's names. Dates are Date. */
export type Output<Name extends OperationName> = NoUndefined<
  Omit<Signature<Name>['output'], '$metadata'>
>

/**
 * What one request does: short, one transaction, never heavy. Throws
 * ServiceError for what the caller did wrong.
 */
export type Operation<Name extends OperationName> = (
  ctx: Context,
  caller: Caller,
  input: Input<Name>,
) => Promise<Output<Name>>

/** An operation as the wire sees it: members checked by the contract, types forgotten. */
export type AnyOperation = (
  ctx: Context,
  caller: Caller,
  input: Record<string, unknown>,
) => Promise<object>
