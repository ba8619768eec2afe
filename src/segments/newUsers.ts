import { join } from 'node:path'
import type { Context } from '../context.ts'
import { findNewUsers, type NewUsers } from '../data/newUsers.ts'
import { maskKey, userMask } from '../data/userMask.ts'
import type { Model } from '../engine/engine.ts'
import { slices } from '../slices.ts'
import type { Source } from './segmentAnswers.ts'
import { maskSnapshot } from './snapshotPaths.ts'
import { allowed } from './spread.ts'

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
  const paths = maskSnapshot(ctx, snapshot)
  // AWS lists users only whom the training knew. Spec D.9 [D26].
  const isNobody = ctx.config.strict || paths.interactions.length + paths.users.length === 0
  let found: NewUsers | undefined
  let listed: { key: string; users: Uint32Array } | undefined
  const find = async () => {
    const path = join(scratch, 'newUsers.parquet')
    found ??= await findNewUsers(ctx.duck, paths, modelUsers, userCount, path, signal)
    return found
  }
  const list = async (values: Record<string, string>) => {
    const { path, end } = await find()
    const mask = filter && (await userMask(ctx.duck, filter, values, paths, path, end))
    const users = new Uint32Array(end - userCount)
    let count = 0
    for await (const { from, to } of slices(users.length))
      for (let user = userCount + from; user < userCount + to; user++)
        if (allowed(mask, user)) users[count++] = user
    return users.subarray(0, count)
  }
  return {
    async first(most, filterValues) {
      if (most <= 0 || isNobody) return new Uint32Array(0)
      const key = filter ? maskKey(filter, filterValues) : ''
      if (listed?.key !== key) listed = { key, users: await list(filterValues) }
      return listed.users.subarray(0, most)
    },
    idText: (users) => found!.idText(users),
    idFiles: () => [modelUsers, ...(found ? [found.path] : [])],
  }
}
