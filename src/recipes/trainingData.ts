import { invalidInput } from '../errors.ts'
import type { SolutionInput } from './userSegmentation.ts'

const types = ['INTERACTIONS', 'ITEMS', 'USERS']
const neededColumns = ['USER_ID', 'ITEM_ID', 'TIMESTAMP', 'EVENT_TYPE']

/**
 * Refuses a trainingDataConfig whose columns the group does not have or training cannot do without; `columns` has
 * those of the datasets that are there, by lower-case type. Spec E.8.
 */
export function checkTrainingData(
  { solutionConfig = {} }: SolutionInput,
  columns: Record<string, string[]>,
): void {
  const { trainingDataConfig = {} } = solutionConfig
  for (const [member, map] of Object.entries(trainingDataConfig))
    for (const [type, names] of Object.entries(map)) {
      const path = `solutionConfig.trainingDataConfig.${member}`
      if (!types.includes(type.toUpperCase()))
        throw invalidInput(`${path} has the key ${type}; it must be one of ${types.join(', ')}.`)
      const known = columns[type.toLowerCase()]
      const unknown = known && names.find((name) => !upperCase(known).includes(name.toUpperCase()))
      if (unknown)
        throw invalidInput(
          `${path} names ${unknown}, which the ${type} dataset does not have; ` +
            `it has ${known.join(', ')}.`,
        )
    }
  for (const type of types) {
    const excluded = columnsNamed(trainingDataConfig.excludedDatasetColumns, type) ?? []
    const included = columnsNamed(trainingDataConfig.includedDatasetColumns, type)
    const needed = excluded.find((name) => neededColumns.includes(name))
    if (needed)
      throw invalidInput(
        `The column ${needed} of ${type} cannot be excluded from training; leave it out of ` +
          'excludedDatasetColumns.',
      )
    const both = excluded.find((name) => included?.includes(name))
    if (both)
      throw invalidInput(
        `The column ${both} of ${type} is both excluded and included; leave it out of one.`,
      )
  }
}

/** The columns that a map names for a dataset type, in upper case; undefined where it does not name the type. */
export function columnsNamed(
  map: Record<string, string[]> | undefined,
  type: string,
): string[] | undefined {
  const lists = Object.entries(map ?? {}).filter(([key]) => key.toUpperCase() === type)
  return lists.length === 0 ? undefined : upperCase(lists.flatMap(([, names]) => names))
}

export const upperCase = (names: readonly string[]) => names.map((name) => name.toUpperCase())
