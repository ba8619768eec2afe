import { serviceArn } from '../arn.ts'
import { invalidInput, resourceNotFound } from '../errors.ts'
import { catalog, type RecipeEntry } from './catalog.ts'
import { checkHyperParameters, type QueryMember, type SolutionInput } from './userSegmentation.ts'

/** A recipe that can be trained here. */
export type Recipe = RecipeEntry & { query: QueryMember }

/** Which recipes are built, and what one line of a batch job's input must hold for them. */
const built: Record<string, QueryMember> = {
  'aws-item-affinity': 'itemId',
  'aws-item-attribute-affinity': 'itemAttributes',
}

/**
 * The built recipe of this ARN. Throws ResourceNotFoundException for one that AWS lacks (text: spec J.3), and
 * InvalidInputException for one that is not built yet.
 */
export function builtRecipe(recipeArn: string): Recipe {
  const entry = catalog.find((recipe) => serviceArn('recipe', recipe.name) === recipeArn)
  if (!entry) throw resourceNotFound(`The given recipe does not exist: ${recipeArn}`)
  const query = built[entry.name]
  if (!query)
    throw invalidInput(
      `The recipe ${entry.name} is not built yet. ` +
        `Recipes that can be trained: ${Object.keys(built).join(', ')}.`,
    )
  return { ...entry, query }
}

/**
 * Refuses a solution whose configuration its recipe cannot honour, or, `strict`, that AWS takes for other recipes only.
 * Spec C.9, E.8, G.3.
 */
export function checkSolutionConfig(recipe: Recipe, input: SolutionInput, strict: boolean): void {
  const { solutionConfig: config = {} } = input
  const others = ['hpoConfig', 'autoMLConfig', 'optimizationObjective'] as const
  for (const member of strict ? [...others, 'eventsConfig' as const] : others)
    if (config[member] !== undefined)
      throw invalidInput(`${recipe.name} does not support solutionConfig.${member}; leave it out.`)
  if (input.performHPO)
    throw invalidInput(`${recipe.name} has nothing to tune: performHPO must be false.`)
  if (strict && input.performIncrementalUpdate)
    throw invalidInput(
      `${recipe.name} has no incremental updates: performIncrementalUpdate must be false.`,
    )
  checkHyperParameters(recipe.name, config.algorithmHyperParameters ?? {})
  const [parameter] = Object.keys(config.featureTransformationParameters ?? {})
  if (parameter !== undefined)
    throw invalidInput(
      `${recipe.name} has no featureTransformationParameters; ${parameter} is not one.`,
    )
  const threshold = config.eventValueThreshold
  if (threshold !== undefined && (threshold.trim() === '' || !Number.isFinite(Number(threshold))))
    throw invalidInput(
      `solutionConfig.eventValueThreshold is '${threshold}'; it must be a number, such as '3.5'.`,
    )
  checkEvents(input)
  const schedule = config.autoTrainingConfig?.schedulingExpression
  const days = Number(schedule?.match(/^rate\((\d+) days?\)$/)?.[1] ?? 1)
  if (days < 1 || days > 30)
    throw invalidInput(`${schedule} is not allowed; the schedule must be from 1 to 30 days.`)
}

function checkEvents({ eventType, solutionConfig = {} }: SolutionInput): void {
  const events = solutionConfig.eventsConfig?.eventParametersList
  if (!events?.length) return
  if (eventType !== undefined || solutionConfig.eventValueThreshold !== undefined)
    throw invalidInput(
      'Give either eventType and eventValueThreshold or solutionConfig.eventsConfig, not both.',
    )
  if (events.some((event) => event.eventType === undefined))
    throw invalidInput(
      'Each of solutionConfig.eventsConfig.eventParametersList needs an eventType.',
    )
  if (new Set(events.map((event) => event.eventType)).size < events.length)
    throw invalidInput('solutionConfig.eventsConfig.eventParametersList names an eventType twice.')
  if (events.every((event) => event.weight === 0))
    throw invalidInput(
      'solutionConfig.eventsConfig.eventParametersList gives every event the weight 0; ' +
        'give one a weight above 0.',
    )
}
