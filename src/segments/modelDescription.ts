import type { ModelDocument } from '../engine/engine.ts'

/** What a model's document says to whoever asks for it. */
export function modelDescription(document: ModelDocument) {
  const { plan, userCount, itemCount, eventCount, als, score, candidates, metrics } = document
  return {
    ...{ userCount, itemCount, eventCount, als, score, metrics },
    factorCount: plan.factorCount,
    attributes: plan.attributes,
    candidates: candidates.map(({ name, recall, hits }) => ({ name, recall, hits })),
    horizonDays: plan.horizonDays,
    foresees: document.foresees,
    calibration: document.interactionsPerUser,
  }
}
