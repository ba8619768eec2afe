import { makeArn } from '../arn.ts'
import { invalidInput, resourceNotFound } from '../errors.ts'
import { get, list, remove } from '../store/resource.ts'
import { describe, listOf } from './answers.ts'
import { insertNew, requireAtRest, requireNoChildren, requireRoom } from './lookup.ts'
import type { Operation } from './operation.ts'

/** Records a dataset group; nothing has to be prepared, so it is ACTIVE at once. */
export const createDatasetGroup: Operation<'CreateDatasetGroup'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    // As the model's documentation says [M].
    if (input.roleArn !== undefined && input.kmsKeyArn === undefined)
      throw invalidInput('A roleArn is only valid with a kmsKeyArn; give both or leave it out.')
    const { tags = [], ...doc } = input
    const datasetGroupArn = makeArn(caller, 'datasetGroup', input.name)
    await insertNew(ctx, tx, caller, {
      kind: 'datasetGroup',
      arn: datasetGroupArn,
      status: 'ACTIVE',
      doc,
      internal: {},
      tags,
    })
    await requireRoom(ctx, tx, caller, 'datasetGroup', 'datasetGroups')
    return { datasetGroupArn, ...(input.domain && { domain: input.domain }) }
  })

export const describeDatasetGroup = describe<'DescribeDatasetGroup'>('datasetGroup')
export const listDatasetGroups = listOf('ListDatasetGroups', 'datasetGroup')

/** Refused while datasets or solutions are left; its filters go with it. Spec C.6. */
export const deleteDatasetGroup: Operation<'DeleteDatasetGroup'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const group = await get(tx, caller, 'datasetGroup', input.datasetGroupArn)
    if (!group)
      throw resourceNotFound(`The given dataset group does not exist: ${input.datasetGroupArn}`)
    requireAtRest(group)
    await requireNoChildren(tx, caller, group, 'solution')
    await requireNoChildren(tx, caller, group, 'dataset')
    const filters = await list(tx, caller, 'filter', { parent: group.arn })
    await remove(tx, [...filters.map((filter) => filter.arn), group.arn])
    return {}
  })
