import { makeArn } from '../arn.ts'
import { checkFilter, filterFields, parseFilter } from '../data/filterExpression.ts'
import { limitExceeded } from '../errors.ts'
import { list, listByMember, remove } from '../store/resource.ts'
import { describe, listOf } from './answers.ts'
import { schemaOf } from './dataset.ts'
import {
  existing,
  insertNew,
  referenced,
  requireActive,
  requireRoom,
  requireUnused,
} from './lookup.ts'
import type { Operation } from './operation.ts'

/** Records a filter, checked against the schemas of its dataset group. Spec F. */
export const createFilter: Operation<'CreateFilter'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const filter = parseFilter(input.filterExpression)
    const group = await referenced(tx, caller, 'datasetGroup', input.datasetGroupArn)
    requireActive(group)
    const schemas = new Map()
    for (const dataset of await list(tx, caller, 'dataset', { parent: group.arn }))
      schemas.set(
        dataset.doc.datasetType,
        schemaOf(await referenced(tx, caller, 'schema', dataset.doc.schemaArn)),
      )
    const { fieldsPerFilter, fieldsPerGroup } = ctx.config.quotas
    checkFilter(filter, schemas, { fieldsPerFilter })
    const fields = filterFields(filter)
    const others = await list(tx, caller, 'filter', { parent: group.arn })
    const all = new Set([...fields, ...others.flatMap((other) => other.internal.fields)])
    if (all.size > fieldsPerGroup)
      throw limitExceeded(
        `The filters of a dataset group may use ${fieldsPerGroup} distinct fields in all; ` +
          `with this one it would be ${all.size}.`,
      )

    const { tags = [], ...doc } = input
    const filterArn = makeArn(caller, 'filter', input.name)
    await insertNew(ctx, tx, caller, {
      kind: 'filter',
      arn: filterArn,
      parent: group.arn,
      status: 'ACTIVE',
      doc,
      internal: { fields },
      tags,
    })
    await requireRoom(ctx, tx, caller, 'filter', 'filtersPerGroup', group.arn)
    return { filterArn }
  })

export const describeFilter = describe<'DescribeFilter'>('filter')
export const listFilters = listOf('ListFilters', 'filter', (input) => input.datasetGroupArn)

/** Refused while a batch job that uses the filter is in progress. Spec C.6. */
export const deleteFilter: Operation<'DeleteFilter'> = (ctx, caller, { filterArn }) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const filter = await existing(tx, caller, 'filter', filterArn)
    requireUnused(filter, await listByMember(tx, caller, 'batchSegmentJob', 'filterArn', filterArn))
    await remove(tx, [filterArn])
    return {}
  })
