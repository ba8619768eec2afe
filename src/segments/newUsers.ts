import { join } from 'node:path'
import type { Context } from '../context.ts'
import { findNewUsers, type NewUsers } from '../data/newUsers.ts'
import { maskKey, userMask } from '../data/userMask.ts'
import type { Model } from '../engine/engine.ts'
import type { Source } from './segmentAnswers.ts'
import { snapshotPaths } from './snapshotPaths.ts'

/** Users for the ends of lists: those of whom the model knows nothing, in the order of their ids. */
export type NewUsersOfJob = {
  /** At most so many, of those whom the filter lets through with these values. */
  first(most: number, filterValues: Record<string, string>): Promise<Uint32Array>
  idText(users: Uint32Array): AsyncGenerator<string>
  /** Parquet files with `index` and `id` of all users that lists may hold. */
  idFiles(): string[]
}

/** They are looked for, which reads all interactions, once a list is longer than the model can fill it. */
export function newUsersOf(
  ctx: Context,
  model: Model,
  { filter, snapshot }: Source,
  scratch: string,
  signal: AbortSignal,
): NewUsersOfJob {
  const modelUsers = join(model.folder, 'users.parquet')
  const { userCount } = model.document
  const paths = snapshotPaths(ctx, snapshot)
  let found: NewUsers | undefined
  let masked: { key: string; mask: Uint8Array } | undefined
  const find = async () => {
    const path = join(scratch, 'newUsers.parquet')
    found ??= await findNewUsers(ctx.duck, paths, modelUsers, userCount, path, signal)
    return found
  }
  const maskOf = async ({ path, end }: NewUsers, values: Record<string, string>) => {
    if (!filter) return undefined
    const key = maskKey(filter, values)
    if (masked?.key !== key)
      masked = { key, mask: await userMask(ctx.duck, filter, values, paths, path, end) }
    return masked.mask
  }
  return {
    async first(most, filterValues) {
      if (most <= 0) return new Uint32Array(0)
      const all = await find()
      const mask = await maskOf(all, filterValues)
      const users: number[] = []
      for (let user = userCount; user < all.end && users.length < most; user++)
        if (mask === undefined || (mask[user >>> 3]! >>> (user & 7)) & 1) users.push(user)
      return Uint32Array.from(users)
    },
    idText: (users) => found!.idText(users),
    idFiles: () => [modelUsers, ...(found ? [found.path] : [])],
  }
}
