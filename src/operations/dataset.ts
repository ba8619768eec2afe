import { arnPath, makeArn } from '../arn.ts'
import type { Caller } from '../context.ts'
import {
  type DatasetSchema,
  datasetTypeOf,
  parseSchema,
  requireCompatible,
} from '../data/schema.ts'
import { invalidInput } from '../errors.ts'
import type { Tx } from '../store/database.ts'
import { list, patch, type Resource, remove } from '../store/resource.ts'
import { describe, listOf } from './answers.ts'
import {
  existing,
  insertNew,
  referenced,
  requireActive,
  requireNoChildren,
  requireUnused,
} from './lookup.ts'
import type { Operation } from './operation.ts'

/**
 * Records a dataset. Its ARN ends in group and type, so a group has
 * one of each type. Spec C.1, E.1.
 */
export const createDataset: Operation<'CreateDataset'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const datasetType = datasetTypeOf(input.datasetType)
    const group = await referenced(tx, caller, 'datasetGroup', input.datasetGroupArn)
    requireActive(group)
    if (group.doc.domain && datasetType.startsWith('ACTION'))
      throw invalidInput(
        `The dataset group ${group.arn} has the domain ${group.doc.domain}, and domain dataset ` +
          `groups take no ${datasetType} dataset.`,
      )
    const schema = await referenced(tx, caller, 'schema', input.schemaArn)
    requireFitting(schema, datasetType, group)

    const { tags = [], ...doc } = input
    const datasetArn = makeArn(caller, 'dataset', `${arnPath(group.arn)}/${datasetType}`)
    await insertNew(ctx, tx, caller, {
      kind: 'dataset',
      arn: datasetArn,
      parent: group.arn,
      status: 'ACTIVE',
      doc: { ...doc, datasetType },
      internal: {},
      tags,
    })
    return { datasetArn }
  })

export const describeDataset = describe<'DescribeDataset'>('dataset')
export const listDatasets = listOf('ListDatasets', 'dataset', (input) => input.datasetGroupArn)

/** Gives a Users or Items dataset a schema with more columns. Spec E.2 [D26]. */
export const updateDataset: Operation<'UpdateDataset'> = (ctx, caller, input) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const dataset = await existing(tx, caller, 'dataset', input.datasetArn)
    requireActive(dataset)
    const { datasetType } = dataset.doc
    if (datasetType !== 'USERS' && datasetType !== 'ITEMS')
      throw invalidInput(
        `The dataset ${dataset.arn} is of type ${datasetType}; only USERS and ITEMS datasets can ` +
          'be updated.',
      )
    const group = await referenced(tx, caller, 'datasetGroup', dataset.doc.datasetGroupArn)
    const previous = await referenced(tx, caller, 'schema', dataset.doc.schemaArn)
    const next = await referenced(tx, caller, 'schema', input.schemaArn)
    requireCompatible(schemaOf(previous), requireFitting(next, datasetType, group))

    const now = ctx.clock()
    const latestDatasetUpdate = {
      schemaArn: next.arn,
      status: 'ACTIVE',
      creationDateTime: now,
      lastUpdatedDateTime: now,
    }
    const doc = { ...dataset.doc, schemaArn: next.arn, latestDatasetUpdate }
    await patch<'dataset'>(tx, dataset, { doc }, now)
    return { datasetArn: dataset.arn }
  })

/** Refused while filters of the group or unfinished work need the data. Spec C.6. */
export const deleteDataset: Operation<'DeleteDataset'> = (ctx, caller, { datasetArn }) =>
  ctx.db.kysely.transaction().execute(async (tx) => {
    const dataset = await existing(tx, caller, 'dataset', datasetArn)
    const group = await referenced(tx, caller, 'datasetGroup', dataset.doc.datasetGroupArn)
    await requireNoChildren(tx, caller, group, 'filter', dataset)
    requireUnused(dataset, await workOn(tx, caller, dataset))
    await remove(tx, [datasetArn])
    await ctx.queue.enqueue(tx, 'sweep', datasetArn)
    return {}
  })

/** The schema of a stored resource, parsed; it was checked when it came. */
export const schemaOf = (schema: Resource<'schema'>): DatasetSchema =>
  parseSchema(schema.doc.schema, schema.doc.domain)

function requireFitting(
  schema: Resource<'schema'>,
  datasetType: string,
  group: Resource<'datasetGroup'>,
): DatasetSchema {
  const parsed = schemaOf(schema)
  if (parsed.datasetType !== datasetType)
    throw invalidInput(
      `The schema ${schema.arn} describes ${parsed.datasetType}; ` +
        `a dataset of type ${datasetType} needs a schema for ${datasetType}.`,
    )
  const ours = group.doc.domain
  const theirs = schema.doc.domain
  if (theirs !== undefined && theirs !== ours)
    throw invalidInput(
      `The schema ${schema.arn} is of the domain ${theirs}, the dataset group ${group.arn} is ` +
        `${ours ? `of the domain ${ours}` : 'a custom one without a domain'}.`,
    )
  if (ours !== undefined && theirs === undefined)
    throw invalidInput(
      `The dataset group ${group.arn} is of the domain ${ours}; the schema ${schema.arn} must be ` +
        'of that domain too.',
    )
  return parsed
}

/** The jobs that read or write the dataset, or did. */
async function workOn(tx: Tx, caller: Caller, dataset: Resource<'dataset'>): Promise<Resource[]> {
  const imports = await list(tx, caller, 'datasetImportJob', { parent: dataset.arn })
  const solutions = await list(tx, caller, 'solution', { parent: dataset.doc.datasetGroupArn })
  const versions = await Promise.all(
    solutions.map((solution) => list(tx, caller, 'solutionVersion', { parent: solution.arn })),
  )
  const jobs = await Promise.all(
    versions.flat().map((version) => list(tx, caller, 'batchSegmentJob', { parent: version.arn })),
  )
  return [...imports, ...versions.flat(), ...jobs.flat()]
}
