import type { ModelDocument } from '../engine/engine.ts'

/** What a model's document says to whoever asks for it. */
export function modelDescription(document: ModelDocument) {
  const { plan, userCount, itemCount, eventCount, als, candidates, metrics } = document
  const { score, coldScore, setScore } = document
  return {
    ...{ userCount, itemCount, eventCount, als, metrics },
    ...{ score, ...(coldScore && { coldScore }), ...(setScore && { setScore }) },
    factorCount: plan.factorCount,
    attributes: plan.attributes,
    candidates: candidates.map(({ name, recall, hits }) => ({ name, recall, hits })),
    horizonDays: plan.horizonDays,
    foresees: document.foresees,
    calibration: score.calibration,
    demand: document.demand,
  }
}
