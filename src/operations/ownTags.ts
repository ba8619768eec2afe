import { invalidInput } from '../errors.ts'
import { limits } from '../limits.ts'

type Tag = { tagKey: string; tagValue: string }

const words = (...all: string[]) => ({
  fits: (value: string) => all.includes(value),
  right: all.map((word) => `'${word}'`).join(' or '),
})

/** The tags that mean something here, and what each may be. */
const ownTags = {
  'openpersonalize:horizon-days': {
    fits: (value: string) =>
      /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= limits.horizonDaysMax,
    right: `a whole number from 1 to ${limits.horizonDaysMax}`,
  },
  'openpersonalize:fold-in': words('true', 'false'),
  'openpersonalize:scores': words('parquet'),
}
type OwnTag = keyof typeof ownTags

/** Refuses a tag that begins as ours do and means nothing: most likely a slip of the pen. */
export function requireOwnTag({ tagKey, tagValue }: Tag): void {
  if (!tagKey.toLowerCase().startsWith('openpersonalize:')) return
  if (!Object.hasOwn(ownTags, tagKey))
    throw invalidInput(
      `The tag ${tagKey} is none of OpenPersonalize's: ${Object.keys(ownTags).join(', ')}.`,
    )
  const { fits, right } = ownTags[tagKey as OwnTag]
  if (!fits(tagValue))
    throw invalidInput(`The tag ${tagKey} is '${tagValue}'; it must be ${right}.`)
}

/** The value of a tag of ours. Those that a server in strict mode has taken are checked here at last. */
export function ownTag(tags: readonly Tag[], key: OwnTag): string | undefined {
  const tag = tags.find(({ tagKey }) => tagKey === key)
  if (tag) requireOwnTag(tag)
  return tag?.tagValue
}
