import type { Caller, Context } from '../context.ts'
import { operation, shape } from '../contract.ts'
import { limits } from '../limits.ts'
import { list, type Resource, type StoredKind } from '../store/resource.ts'
import { existing } from './lookup.ts'
import type { Input, Operation, OperationName, Output } from './operation.ts'
import { type List, makeToken, readToken } from './pageToken.ts'

/**
 * Everything that Describe and List may show of a resource; the wire keeps what the contract shows.
 */
export function document(resource: Resource): Record<string, unknown> {
  return {
    ...resource.doc,
    [`${resource.kind}Arn`]: resource.arn,
    status: resource.status,
    failureReason: resource.failureReason ?? undefined,
    creationDateTime: resource.createdAt,
    lastUpdatedDateTime: resource.updatedAt,
  }
}

type DescribeName = Extract<OperationName, `Describe${string}`>
type ListName = Extract<OperationName, `List${string}s`>

/** A Describe operation: the document, and what else has to be looked up. */
export const describe =
  <Name extends DescribeName>(
    kind: StoredKind,
    more: (ctx: Context, caller: Caller, resource: Resource) => Promise<object> = async () => ({}),
  ): Operation<Name> =>
  async (ctx, caller, input) => {
    const arn = (input as Record<string, unknown>)[`${kind}Arn`] as string
    const resource = await existing(ctx.db.kysely, caller, kind, arn)
    const shown = { ...document(resource), ...(await more(ctx, caller, resource)) }
    return { [kind]: shown } as Output<Name>
  }

/** A List operation: newest first, of one parent where the input names one, page by page. */
export const listOf = <Name extends ListName>(
  name: Name,
  kind: StoredKind,
  parentOf: (input: Input<Name>) => string | undefined = () => undefined,
): Operation<Name> => {
  const member = listMember(name)
  return async (ctx, caller, input) => {
    const asked: List = { name, caller, input }
    const { nextToken, maxResults: limit = limits.pageSize } = asked.input
    const before = nextToken === undefined ? undefined : readToken<number>(ctx, asked, nextToken)
    const where = { parent: parentOf(input), before, limit: limit + 1 }
    const rows = await list(ctx.db.kysely, caller, kind, where)
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      [member]: page.map(document),
      ...(rows.length > limit && last && { nextToken: makeToken(ctx, asked, last.seq) }),
    } as Output<Name>
  }
}

/** The output's one list: `batchSegmentJobs`, and `Filters` with its capital. */
function listMember(name: ListName): string {
  const { service, output } = operation(name)
  const members = Object.entries(shape(service, output!).members ?? {})
  return members.find(([, { shape: member }]) => shape(service, member).type === 'list')![0]
}
