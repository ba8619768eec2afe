import type { Caller, Context } from '../context.ts'
import { doesNotExist, invalidInput, tooManyTags } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Tx } from '../store/database.ts'
import { getByArn } from '../store/resource.ts'
import { listTags, putTags, removeTags } from '../store/tag.ts'
import type { Operation } from './operation.ts'
import { requireOwnTag } from './ownTags.ts'

type Tags = { tagKey: string; tagValue: string }[]

/** Adds tags or gives existing keys a new value. Spec C.13. */
export const tagResource: Operation<'TagResource'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    await requireTaggable(tx, caller, input.resourceArn)
    const kept = await listTags(tx, input.resourceArn)
    requireTags(ctx, input.tags, kept)
    await putTags(tx, input.resourceArn, input.tags)
    return {}
  })

export const untagResource: Operation<'UntagResource'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    await requireTaggable(tx, caller, input.resourceArn)
    await removeTags(tx, input.resourceArn, input.tagKeys)
    return {}
  })

export const listTagsForResource: Operation<'ListTagsForResource'> = (ctx, caller, input) =>
  ctx.db.kysely
    .transaction()
    .setAccessMode('read only')
    .execute(async (tx) => {
      await requireTaggable(tx, caller, input.resourceArn)
      return { tags: await listTags(tx, input.resourceArn) }
    })

/**
 * Checks the tags of a request beside those that the resource keeps: AWS
 * allows 50, keys once, none of its own; of ours, only those that mean something.
 */
export function requireTags({ config }: Context, tags: Tags, kept: Tags = []): void {
  const keys = tags.map((tag) => tag.tagKey)
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  if (twice !== undefined) throw invalidInput(`The tag key ${twice} is given twice; give it once.`)
  const reserved = keys.find((key) => key.toLowerCase().startsWith('aws:'))
  if (reserved !== undefined)
    throw invalidInput(`The tag key ${reserved} begins with aws:, which is reserved for AWS.`)
  if (!config.strict) tags.forEach(requireOwnTag)
  const total = new Set([...kept.map((tag) => tag.tagKey), ...keys]).size
  if (total > limits.tagsPerResource)
    throw tooManyTags(
      `The resource would have ${total} tags; at most ${limits.tagsPerResource} are allowed.`,
    )
}

async function requireTaggable(tx: Tx, caller: Caller, arn: string): Promise<void> {
  const resource = await getByArn(tx, caller, arn)
  if (!resource) throw doesNotExist(arn)
  if (resource.kind === 'schema')
    throw invalidInput(`${arn} is a schema, and schemas take no tags.`)
}
