import { hiddenDimension } from './userSegmentation.ts'

/** The hyperparameters of an algorithm; values are texts, and ranges there are only where AWS tells them. */
type HyperParameters = {
  defaults: Record<string, string>
  integers?: NumberRange[]
  continuous?: NumberRange[]
  categories?: { name: string; values: string[]; isTunable: boolean }[]
}
type NumberRange = { name: string; minValue: number; maxValue: number; isTunable: boolean }

const range = (name: string, minValue: number, maxValue: number, isTunable: boolean) => ({
  name,
  minValue,
  maxValue,
  isTunable,
})

const segmentation: HyperParameters = {
  defaults: { [hiddenDimension.name]: String(hiddenDimension.default) },
  integers: [range(hiddenDimension.name, hiddenDimension.min, hiddenDimension.max, false)],
}

const personalization: HyperParameters = {
  defaults: { hidden_dimension: '149', bptt: '32', recency_mask: 'True' },
  integers: [range('hidden_dimension', 32, 256, true), range('bptt', 2, 32, true)],
  categories: [{ name: 'recency_mask', values: ['True', 'False'], isTunable: true }],
}

const personalizationV2: HyperParameters = {
  defaults: { apply_recency_bias: 'true' },
  categories: [{ name: 'apply_recency_bias', values: ['true', 'false'], isTunable: false }],
}

const popularityDiscount = 'popularity_discount_factor'

/** By algorithm; one that is not here has none. Spec G.3, G.4 [D23][D26]. */
export const hyperParameters: Record<string, HyperParameters> = {
  'aws-item-affinity': segmentation,
  'aws-item-attribute-affinity': segmentation,
  'aws-next-best-action': {
    defaults: { action_optimization_period: '14' },
    integers: [range('action_optimization_period', 7, 28, false)],
  },
  'aws-personalized-ranking': personalization,
  'aws-personalized-ranking-v2': personalizationV2,
  'aws-similar-items': {
    defaults: {
      item_id_hidden_dim: '100',
      item_metadata_hidden_dim: '100',
      [popularityDiscount]: '0.0',
    },
    integers: [
      range('item_id_hidden_dim', 30, 200, true),
      range('item_metadata_hidden_dim', 30, 200, true),
    ],
  },
  'aws-sims': {
    defaults: { [popularityDiscount]: '0.5', min_cointeraction_count: '3' },
    integers: [range('min_cointeraction_count', 0, 10, true)],
    continuous: [range(popularityDiscount, 0, 1, true)],
  },
  'aws-user-personalization': personalization,
  'aws-user-personalization-v2': personalizationV2,
}
