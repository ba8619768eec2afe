import { sql } from 'kysely'
import type { Tx } from './database.ts'

/** Adds tags or gives existing keys a new value. */
export async function putTags(
  tx: Tx,
  arn: string,
  tags: readonly { tagKey: string; tagValue: string }[],
): Promise<void> {
  const byKey = new Map(tags.map(({ tagKey, tagValue }) => [tagKey, tagValue]))
  if (byKey.size === 0) return
  await tx
    .insertInto('tag')
    .values([...byKey].map(([key, value]) => ({ arn, key, value })))
    .onConflict((conflict) =>
      conflict.columns(['arn', 'key']).doUpdateSet((row) => ({ value: row.ref('excluded.value') })),
    )
    .execute()
}

/** A resource's tags by key. */
export async function listTags(
  tx: Tx,
  arn: string,
): Promise<{ tagKey: string; tagValue: string }[]> {
  return (
    tx
      .selectFrom('tag')
      .select(['key as tagKey', 'value as tagValue'])
      .where('arn', '=', arn)
      // A server may sort by the rules of a language otherwise.
      .orderBy(sql`key collate "C"`)
      .execute()
  )
}

export async function removeTags(tx: Tx, arn: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  await tx.deleteFrom('tag').where('arn', '=', arn).where('key', 'in', keys).execute()
}
