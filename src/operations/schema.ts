import { makeArn } from '../arn.ts'
import { parseSchema } from '../data/schema.ts'
import { resourceInUse } from '../errors.ts'
import { listByMember, remove } from '../store/resource.ts'
import { describe, listOf } from './answers.ts'
import { existing, insertNew, requireRoom } from './lookup.ts'
import type { Operation } from './operation.ts'

/** Records a dataset schema, exactly as written. Spec E.2-E.5. */
export const createSchema: Operation<'CreateSchema'> = async (ctx, caller, input) => {
  parseSchema(input.schema, input.domain)
  return ctx.db.kysely.transaction().execute(async (tx) => {
    const schemaArn = makeArn(caller, 'schema', input.name)
    await insertNew(ctx, tx, caller, {
      kind: 'schema',
      arn: schemaArn,
      status: 'ACTIVE',
      doc: input,
      internal: {},
    })
    await requireRoom(ctx, tx, caller, 'schema', 'schemas')
    return { schemaArn }
  })
}

export const describeSchema = describe<'DescribeSchema'>('schema')
export const listSchemas = listOf('ListSchemas', 'schema')

/** Refused while a dataset of any group uses the schema. Spec C.5 [S]. */
export const deleteSchema: Operation<'DeleteSchema'> = (ctx, caller, { schemaArn }) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    await existing(tx, caller, 'schema', schemaArn)
    const [user] = await listByMember(tx, caller, 'dataset', 'schemaArn', schemaArn)
    if (user)
      throw resourceInUse(
        `The schema ${schemaArn} is in use by the dataset ${user.arn}. Delete that first.`,
      )
    await remove(tx, [schemaArn])
    return {}
  })
