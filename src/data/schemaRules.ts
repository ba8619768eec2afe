import type { DatasetType, Domain, FieldType } from './schema.ts'

/** What a field that Personalize knows by name must be. Left out means free. */
export type FieldRule = {
  types: readonly FieldType[]
  notNull?: boolean
  mark?: 'categorical' | 'textual' | 'none'
}

/**
 * The fields of one dataset type that have a meaning of their own. An inner list
 * in `required` means one of these.
 */
export type TypeRules = {
  required: readonly (string | readonly string[])[]
  fields: Readonly<Record<string, FieldRule>>
}

const id: FieldRule = { types: ['string'], notNull: true, mark: 'none' }
const time: FieldRule = { types: ['long'], notNull: true }
// NOTE: spec E.3 lists some reserved fields without null; null is accepted in
// all of them, which refuses nobody.
const optionalTime: FieldRule = { types: ['long'] }
const plain: FieldRule = { types: ['string'], mark: 'none' }
const category: FieldRule = { types: ['string'], mark: 'categorical' }
const text: FieldRule = { types: ['string'], mark: 'textual' }
const float: FieldRule = { types: ['float'] }
// Documented as float; other numbers lose nothing. Spec E.3 [U].
const number: FieldRule = { types: ['float', 'double', 'int', 'long'] }

/** Spec E.3: the fields that are not metadata. Whatever else a schema has is metadata. */
export const coreRules: Readonly<Record<DatasetType, TypeRules>> = {
  INTERACTIONS: {
    required: ['USER_ID', 'ITEM_ID', 'TIMESTAMP'],
    fields: {
      USER_ID: id,
      ITEM_ID: id,
      TIMESTAMP: time,
      EVENT_TYPE: plain,
      EVENT_VALUE: number,
      IMPRESSION: plain,
      RECOMMENDATION_ID: plain,
      EVENT_ATTRIBUTION_SOURCE: plain,
    },
  },
  USERS: { required: ['USER_ID'], fields: { USER_ID: id } },
  ITEMS: {
    required: ['ITEM_ID'],
    // One page of the guide says float (spec E.5).
    fields: { ITEM_ID: id, CREATION_TIMESTAMP: { types: ['long', 'float'] } },
  },
  ACTIONS: {
    required: ['ACTION_ID'],
    fields: {
      ACTION_ID: id,
      CREATION_TIMESTAMP: optionalTime,
      VALUE: { types: ['long'] },
      TYPE: { types: ['string'] },
      // The guide has both names.
      EXPIRATION_TIMESTAMP: optionalTime,
      ACTION_EXPIRATION_TIMESTAMP: optionalTime,
      REPEAT_FREQUENCY: { types: ['long'] },
    },
  },
  ACTION_INTERACTIONS: {
    required: ['USER_ID', 'ACTION_ID', 'EVENT_TYPE', 'TIMESTAMP'],
    fields: {
      USER_ID: id,
      ACTION_ID: id,
      EVENT_TYPE: { types: ['string'], notNull: true, mark: 'none' },
      TIMESTAMP: time,
      IMPRESSION: plain,
      RECOMMENDATION_ID: plain,
    },
  },
}

const domainInteractions: TypeRules = {
  required: ['EVENT_TYPE'],
  fields: { EVENT_TYPE: { types: ['string'], notNull: true, mark: 'none' }, EVENT_VALUE: float },
}

/** Spec E.4, E.5: what a domain asks for beyond the core. Domains know no actions. */
export const domainRules: Readonly<
  Record<Domain, Readonly<Partial<Record<DatasetType, TypeRules>>>>
> = {
  VIDEO_ON_DEMAND: {
    INTERACTIONS: domainInteractions,
    USERS: { required: [], fields: { SUBSCRIPTION_MODEL: category } },
    ITEMS: {
      // The required list says GENRES, the default schema says GENRES_L1.
      required: ['CREATION_TIMESTAMP', ['GENRES', 'GENRES_L1']],
      fields: {
        CREATION_TIMESTAMP: time,
        GENRES: category,
        GENRES_L1: category,
        GENRE_L2: category,
        GENRE_L3: category,
        PRICE: float,
        DURATION: float,
        AVERAGE_RATING: float,
        PRODUCT_DESCRIPTION: text,
        CONTENT_OWNER: category,
        CONTENT_CLASSIFICATION: category,
      },
    },
  },
  ECOMMERCE: {
    INTERACTIONS: domainInteractions,
    USERS: { required: [], fields: {} },
    ITEMS: {
      required: ['PRICE', 'CATEGORY_L1'],
      fields: {
        PRICE: float,
        CATEGORY_L1: category,
        CATEGORY_L2: category,
        CATEGORY_L3: category,
        PRODUCT_DESCRIPTION: text,
        AGE_GROUP: category,
        ADULT: category,
        GENDER: category,
      },
    },
  },
}

/** Spec C.7, E.3: how many metadata fields a schema may and must have. */
export const metadataFields: Readonly<Record<DatasetType, { least: number; most: number }>> = {
  INTERACTIONS: { least: 0, most: 5 },
  USERS: { least: 1, most: 25 },
  ITEMS: { least: 1, most: 100 },
  ACTIONS: { least: 1, most: 10 },
  ACTION_INTERACTIONS: { least: 0, most: 5 },
}
