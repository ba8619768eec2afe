import { createHash } from 'node:crypto'
import type { CreateSolutionRequest } from '@aws-sdk/client-personalize'
import type { NoUndefined } from '@smithy/types'
import type { AttributeColumn, EventRule, TrainingPlan } from '../engine/engine.ts'
import { invalidInput, JobFailure } from '../errors.ts'
import { columnsNamed, upperCase } from './trainingData.ts'

/** What one line of a batch segment job's input asks with. */
export type QueryMember = 'itemId' | 'itemAttributes'

/** AWS's one hyperparameter of the segmentation recipes. Spec G.3. */
export const hiddenDimension = { name: 'hidden_dimension', default: 149, min: 32, max: 256 }

/** Days ahead that scores speak of where the solution has no tag that says so. */
export const defaultHorizonDays = 30

/** Refuses hyperparameters that the recipe does not have or that are out of AWS's range. */
export function checkHyperParameters(recipe: string, parameters: Record<string, string>): void {
  const { name, min, max } = hiddenDimension
  for (const [key, value] of Object.entries(parameters)) {
    if (key !== name)
      throw invalidInput(
        `${recipe} has no hyperparameter ${key}; it has ${name} (${min} to ${max}).`,
      )
    if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max)
      throw invalidInput(
        `The hyperparameter ${name} is '${value}'; ` +
          `it must be a whole number from ${min} to ${max}.`,
      )
  }
}

type Field = { name: string; type: string; categorical: boolean; textual: boolean }

/** What a solution says of its training, by AWS's names. */
export type SolutionInput = Pick<
  NoUndefined<CreateSolutionRequest>,
  'performHPO' | 'performIncrementalUpdate' | 'eventType' | 'solutionConfig'
>

/**
 * The plan of a training from a solution's configuration, the fields of its datasets and the item columns that it knew
 * when it was created; `version` seeds it, scores speak of `horizonDays` ahead. Throws JobFailure where the datasets lack what the plan needs. Spec E.8, G.3.
 */
export function trainingPlan(
  query: QueryMember,
  config: SolutionInput,
  fields: { interactions?: readonly Field[]; items?: readonly Field[] },
  itemColumns: readonly string[] | undefined,
  version: string,
  horizonDays: number,
): TrainingPlan {
  if (!fields.interactions)
    throw new JobFailure('The dataset group has no Interactions dataset, which the recipe needs.')
  const events = eventRules(config)
  const columns = new Set(fields.interactions.map((field) => field.name))
  const needed = [
    ...(events.some((rule) => rule.eventType !== undefined) ? ['EVENT_TYPE'] : []),
    ...(events.some((rule) => rule.valueAtLeast !== undefined) ? ['EVENT_VALUE'] : []),
  ]
  for (const column of needed)
    if (!columns.has(column))
      throw new JobFailure(
        `The solution selects events by ${column}, ` +
          'but the Interactions dataset has no such column.',
      )
  const { algorithmHyperParameters = {} } = config.solutionConfig ?? {}
  return {
    model: query === 'itemId' ? 'itemAffinity' : 'itemAttributeAffinity',
    factorCount: Number(algorithmHyperParameters[hiddenDimension.name] ?? hiddenDimension.default),
    seed: createHash('sha256').update(version).digest().readUInt32LE(0),
    events,
    attributes: attributeColumns(query, config, fields.items, itemColumns),
    horizonDays,
    foresees: 'horizon',
  }
}

function eventRules({ eventType, solutionConfig = {} }: SolutionInput): EventRule[] {
  const list = solutionConfig.eventsConfig?.eventParametersList
  if (list?.length)
    return list.map((event) => ({
      ...(event.eventType !== undefined && { eventType: event.eventType }),
      ...(event.eventValueThreshold !== undefined && { valueAtLeast: event.eventValueThreshold }),
      weight: event.weight ?? 1,
    }))
  const threshold = solutionConfig.eventValueThreshold
  if (eventType === undefined && threshold === undefined) return []
  return [
    {
      ...(eventType !== undefined && { eventType }),
      ...(threshold !== undefined && { valueAtLeast: Number(threshold) }),
      weight: 1,
    },
  ]
}

/**
 * Categories and numbers, neither reserved nor excluded by the solution nor newer than it (spec E.2). Booleans,
 * plain and long texts never train.
 */
function attributeColumns(
  query: QueryMember,
  { solutionConfig = {} }: SolutionInput,
  items: readonly Field[] | undefined,
  itemColumns: readonly string[] | undefined,
): AttributeColumn[] {
  const { excludedDatasetColumns, includedDatasetColumns } = solutionConfig.trainingDataConfig ?? {}
  const excluded = columnsNamed(excludedDatasetColumns, 'ITEMS')
  const included =
    columnsNamed(includedDatasetColumns, 'ITEMS') ?? (itemColumns && upperCase(itemColumns))
  const isWanted = (name: string) =>
    !excluded?.includes(name.toUpperCase()) && (included?.includes(name.toUpperCase()) ?? true)
  const columns = (items ?? [])
    .filter((field) => field.name !== 'ITEM_ID' && field.name !== 'CREATION_TIMESTAMP')
    .filter((field) => isWanted(field.name))
    .filter(
      (field) => !field.textual && (field.categorical || /int|long|float|double/.test(field.type)),
    )
  if (columns.length === 0 && query === 'itemAttributes')
    throw new JobFailure(
      'aws-item-attribute-affinity needs an Items dataset with at least one categorical or ' +
        'numerical column that is not reserved, excluded or newer than the solution.',
    )
  return columns.map(({ name, categorical }) => ({
    name,
    kind: categorical ? 'category' : 'number',
  }))
}
