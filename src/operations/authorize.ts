import { arnPath, type Kind, makeArn, partition } from '../arn.ts'
import type { Caller, Context } from '../context.ts'
import { datasetTypeOf } from '../data/schema.ts'
import { accessDenied } from '../errors.ts'
import { type Decision, decide, type Question } from '../policy.ts'
import { getByArn } from '../store/resource.ts'
import { listTags } from '../store/tag.ts'

/** What policies may ask about a request beside its input. */
export type Circumstances = { sourceIp: string; isSecure: boolean; userAgent: string | undefined }

type Input = Record<string, unknown>
type Permission = Omit<Question, 'facts'>
type Tag = { tagKey: string; tagValue: string }

/**
 * Refuses what the caller's policies do not allow; a caller without policies may do everything in its account. A role of
 * another account is passed by nobody, but with the key that everybody knows, whose programs name roles of any account.
 * Throws AWS's AccessDeniedException. docs/callers.md tells which permissions an operation needs.
 */
export async function authorize(
  ctx: Context,
  caller: Caller,
  name: string,
  input: Input,
  circumstances: Circumstances,
): Promise<void> {
  const { policies } = caller
  if (ctx.config.credentials !== undefined)
    for (const role of rolesOf(input))
      if (!role.includes(`:iam::${caller.account}:role/`))
        throw notAuthorized(caller, passRole, role, 'implicitDeny')
  if (!policies) return
  const known = factsOf(ctx, caller, input, circumstances)
  for (const { action, resource } of permissionsOf(caller, name, input)) {
    const facts = new Map([...known, ...(await resourceFacts(ctx, caller, resource))])
    const decision = decide(policies, { action, resource, facts })
    if (decision !== 'allowed') throw notAuthorized(caller, action, resource, decision)
  }
}

function notAuthorized(caller: Caller, action: string, resource: string, decision: Decision) {
  const why =
    decision === 'explicitDeny'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`
  return accessDenied(
    `User: ${userArn(caller)} is not authorized to perform: ${action} on resource: ${resource} ${why}`,
  )
}

/**
 * The operation's action on what it creates and on everything that its input names, or on `*` where that is nothing; what
 * tags and roles need besides. Service Authorization Reference, "Amazon Personalize"; spec A.8, D.10.
 */
function permissionsOf(caller: Caller, name: string, input: Input): Permission[] {
  const named = new Set(createdArn(caller, name, input))
  // What a key may be used for is asked of the role that uses it.
  for (const [member, arn] of arnsOf(input))
    if (member !== 'roleArn' && member !== 'kmsKeyArn') named.add(arn)
  const [first = '*', ...rest] = named
  const permissions = [first, ...rest].map((resource) => ({
    action: `personalize:${name}`,
    resource,
  }))
  if (name.startsWith('Create') && tagsOf(input).length > 0)
    permissions.push({ action: 'personalize:TagResource', resource: first })
  for (const resource of rolesOf(input)) permissions.push({ action: passRole, resource })
  return permissions
}

const passRole = 'iam:PassRole'

const rolesOf = (input: Input) =>
  [...arnsOf(input)].filter(([member]) => member === 'roleArn').map(([, arn]) => arn)

/** A version has no name of its own before it is there: its solution, which the input names, counts. */
function createdArn(caller: Caller, name: string, input: Input): string[] {
  if (!name.startsWith('Create') || name === 'CreateSolutionVersion') return []
  const noun = name.slice('Create'.length)
  const kind = (noun.charAt(0).toLowerCase() + noun.slice(1)) as Kind
  if (kind !== 'dataset') return [makeArn(caller, kind, (input.name ?? input.jobName) as string)]
  const group = arnPath(input.datasetGroupArn as string)
  return [makeArn(caller, kind, `${group}/${datasetTypeOf(input.datasetType as string)}`)]
}

/** All members that hold an ARN, however deep. */
function* arnsOf(value: unknown, member = ''): Generator<[member: string, arn: string]> {
  if (typeof value === 'string') {
    if (/arn$/i.test(member)) yield [member, value]
  } else if (typeof value === 'object' && value !== null && !(value instanceof Date))
    for (const [name, each] of Object.entries(value)) yield* arnsOf(each, name)
}

const tagsOf = (input: Input) => (input.tags ?? []) as Tag[]

/** IAM User Guide, "AWS global condition context keys", and `iam:PassedToService`. */
function factsOf(
  ctx: Context,
  caller: Caller,
  input: Input,
  { sourceIp, isSecure, userAgent }: Circumstances,
): Map<string, string[]> {
  const now = ctx.clock()
  const tags = tagsOf(input)
  const tagKeys = (input.tagKeys as string[] | undefined) ?? tags.map(({ tagKey }) => tagKey)
  const facts: Record<string, string[]> = {
    'aws:currenttime': [now.toISOString()],
    'aws:epochtime': [String(Math.floor(now.getTime() / 1000))],
    'aws:principalaccount': [caller.account],
    'aws:principalarn': [userArn(caller)],
    'aws:principalisawsservice': ['false'],
    'aws:principaltype': ['User'],
    'aws:requestedregion': [caller.region],
    'aws:securetransport': [String(isSecure)],
    'aws:sourceip': [sourceIp],
    'aws:username': [caller.name],
    'aws:viaawsservice': ['false'],
    ...(userAgent !== undefined && { 'aws:useragent': [userAgent] }),
    ...(tagKeys.length > 0 && { 'aws:tagkeys': tagKeys }),
  }
  return new Map([...Object.entries(facts), ...tagFacts('aws:requesttag', tags)])
}

async function resourceFacts(
  ctx: Context,
  caller: Caller,
  resource: string,
): Promise<[string, string[]][]> {
  if (resource === '*') return []
  const [, , service, , account = ''] = resource.split(':')
  if (service === 'iam') return [['iam:passedtoservice', ['personalize.amazonaws.com']]]
  const tags = await ctx.db.kysely
    .transaction()
    .setAccessMode('read only')
    .execute(async (tx) =>
      (await getByArn(tx, caller, resource)) ? await listTags(tx, resource) : [],
    )
  return [...tagFacts('aws:resourcetag', tags), ['aws:resourceaccount', [account]]]
}

/** Keys of tags have case, keys of conditions have none. IAM User Guide, "IAM JSON policy elements: Condition". */
const tagFacts = (prefix: string, tags: readonly Tag[]): [string, string[]][] =>
  [...Map.groupBy(tags, ({ tagKey }) => `${prefix}/${tagKey}`.toLowerCase())].map(([key, each]) => [
    key,
    each.map(({ tagValue }) => tagValue),
  ])

/** How a caller is named in messages and logs. */
export const userArn = ({ region, account, name }: Caller) =>
  `arn:${partition(region)}:iam::${account}:user/${name}`
