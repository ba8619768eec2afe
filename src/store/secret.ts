import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Tables } from './database.ts'

/** The 32 bytes that only this installation knows, made when they are first asked for. */
export async function installationSecret(kysely: Kysely<Tables>): Promise<Buffer> {
  const known = () => kysely.selectFrom('secret').select('value').executeTakeFirst()
  if (!(await known()))
    await kysely
      .insertInto('secret')
      .values({ id: 1, value: randomBytes(32).toString('base64') })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  return Buffer.from((await known())!.value, 'base64')
}
