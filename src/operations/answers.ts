import type { Caller, Context } from '../context.ts'
import { operation, shape } from '../contract.ts'
import { invalidNextToken } from '../errors.ts'
import { limits } from '../limits.ts'
import { list, type Resource, type StoredKind } from '../store/resource.ts'
import { existing } from './lookup.ts'
import type { Input, Operation, OperationName, Output } from './operation.ts'

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
    const resource = await ctx.db.kysely
      .transaction()
      .execute((tx) => existing(tx, caller, kind, arn))
    const shown = { ...document(resource), ...(await more(ctx, caller, resource)) }
    return { [kind]: shown } as Output<Name>
  }

/** A List operation: newest first, of one parent where the input names one, page by page. */
export const listOf =
  <Name extends ListName>(
    name: Name,
    kind: StoredKind,
    parentOf: (input: Input<Name>) => string | undefined = () => undefined,
  ): Operation<Name> =>
  async (ctx, caller, input) => {
    const { nextToken, maxResults } = input as { nextToken?: string; maxResults?: number }
    const parent = parentOf(input)
    const limit = maxResults ?? limits.pageSize
    const before = nextToken === undefined ? undefined : readToken(isSeq, nextToken, name, parent)
    const rows = await ctx.db.kysely
      .transaction()
      .execute((tx) => list(tx, caller, kind, { parent, before, limit: limit + 1 }))
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      [listMember(name)]: page.map(document),
      ...(rows.length > limit && last && { nextToken: makeToken(name, parent, last.seq) }),
    } as Output<Name>
  }

/** The output's one list: `batchSegmentJobs`, and `Filters` with its capital. */
function listMember(name: ListName): string {
  const { service, output } = operation(name)
  const members = Object.entries(shape(service, output!).members ?? {})
  return members.find(([, { shape: member }]) => shape(service, member).type === 'list')![0]
}

/** Tokens hold the position by key, so that a page stays the same when resources come and go. */
export const makeToken = (name: string, parent: string | undefined, position: number | string) =>
  Buffer.from(JSON.stringify([name, parent ?? null, position])).toString('base64url')

/** The position after which a page begins. A token of another operation or list is refused. */
export function readToken<Position>(
  isPosition: (value: unknown) => value is Position,
  token: string,
  name: string,
  parent: string | undefined,
): Position {
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch (cause) {
    throw Object.assign(badToken(name), { cause })
  }
  if (!Array.isArray(parts) || parts[0] !== name || parts[1] !== (parent ?? null))
    throw badToken(name)
  const position: unknown = parts[2]
  if (!isPosition(position)) throw badToken(name)
  return position
}

const isSeq = (position: unknown): position is number => Number.isSafeInteger(position)

const badToken = (name: string) =>
  invalidNextToken(
    `The nextToken is not valid. Give the nextToken of an earlier answer of ${name} ` +
      'with the same input.',
  )
