import type { DuckDBConnection } from '@duckdb/node-api'
import type { ModelDocument, Run, Snapshot, TrainingPlan } from '../engine.ts'
import { type Activity, foresee, learnActivity } from './activity.ts'
import { withMemory } from './arrays.ts'
import { askForItems, askForNewItems } from './asked.ts'
import { attributeSets, pairSets, prepareItems } from './attributes.ts'
import { type Candidates, candidatesOf, coldCandidates, setCandidates } from './candidates.ts'
import { chooseSettings, type QueriesOf } from './choose.ts'
import { learnDemand } from './demand.ts'
import { attributeQueries, itemQueries, randomSets } from './evaluate.ts'
import { type Ask, type HeldOut, ofKnownUsers } from './examples.ts'
import { type AlsSettings, factorise } from './factorise.ts'
import { type Fitted, fit, type Past } from './fitted.ts'
import { daySeconds } from './history.ts'
import type { BothPairs, Kernel } from './kernel.ts'
import { evaluate, learn } from './learn.ts'
import { isIn } from './masks.ts'
import { namedMetrics } from './metrics.ts'
import { formatVersion } from './modelFiles.ts'
import { type Events, prepareEvents } from './prepare.ts'
import { cutAt, newestFifth, pairsOf, type Ranges, validationUsers, wholeRanges } from './split.ts'
import { type ItemTraits, itemTraits } from './traits.ts'

/** A trained model in memory; ids are in the connection's tables `modelUser` and `modelItemRow`. */
export type Trained = { document: ModelDocument; fitted: Fitted }

/**
 * Four rounds over the events. The first two measure as AWS does: what foresees the newest fifth of the older 80 % of
 * each user's events is learned from the rest of these, and then measured on the newest 20 %. The third learns what
 * foresees the last horizon from all before it (the newest fifth again, where times say nothing), and the last is the
 * model: it knows all events and ranks as the third has learned.
 */
export async function train(
  kernel: Kernel,
  connection: DuckDBConnection,
  asked: TrainingPlan,
  snapshot: Snapshot,
  run: Run,
): Promise<Trained> {
  const plan = snapshot.items.length > 0 ? asked : { ...asked, attributes: [] }
  run.progress('prepare', 0, 1)
  const events = await prepareEvents(connection, plan, snapshot)
  const coldItemCount = await prepareItems(connection, asked, snapshot)
  const traits = await itemTraits(connection, plan.attributes, events.itemCount + coldItemCount)
  const queries = await queriesFor(connection, plan, events.itemCount)
  run.progress('prepare', 1, 1)

  const all = wholeRanges(events)
  const { older, newer } = newestFifth(all)
  const als = await chooseSettings(kernel, events, older, queries.judged, plan, run)
  const rounds = { kernel, events, traits, plan, als, queries, run }
  const metrics = await measure(rounds, older, newer)
  const { foresees, past, newer: window } = lastHorizon(rounds, all)
  const learned = await withMemory(async () => {
    const { fitted, heldOut, ...learned } = await learnFrom(rounds, past, window, foresees, 'learn')
    const hasTraits = traits.weights.length > 0
    const more = async (of: HeldOut, ask: Ask, candidates: Candidates) => {
      const method = { ask, candidates, queriesMax: moreQueries, calibrates: true }
      return (await learn(kernel, fitted, of, method, plan.seed, run.signal)).score
    }
    const sets = plan.model === 'itemAffinity' && (await heldOutSets(rounds, fitted, window))
    return {
      ...{ ...learned, demand: heldOut.demand },
      ...(hasTraits && { coldScore: await more(heldOut, askForNewItems, coldCandidates) }),
      ...(sets && {
        setScore: await more({ ...heldOut, ...sets }, askForItems, setCandidates(hasTraits)),
      }),
    }
  })
  const { fitted, userHistory } = await fitPast(rounds, { ...now(rounds), ranges: all }, 'train')
  if (learned.activity) foresee(learned.activity, userHistory, fitted.features.activity)

  const document: ModelDocument = {
    formatVersion,
    plan,
    userCount: events.userCount,
    itemCount: events.itemCount,
    coldItemCount,
    eventCount: events.eventCount,
    als,
    score: learned.score,
    ...(learned.coldScore && { coldScore: learned.coldScore }),
    ...(learned.setScore && { setScore: learned.setScore }),
    demand: learned.demand,
    candidates: learned.candidates,
    ...(learned.activity && { activity: learned.activity }),
    foresees,
    metrics,
  }
  return { document, fitted }
}

/** What all rounds share. */
type Rounds = {
  kernel: Kernel
  events: Events
  traits: ItemTraits
  plan: TrainingPlan
  als: AlsSettings
  queries: Queries
  run: Run
}

/** By what models are judged, and what they learn from. */
type Queries = { judged: QueriesOf; learned: QueriesOf }

type Foresees = ModelDocument['foresees']

async function queriesFor(
  connection: DuckDBConnection,
  plan: TrainingPlan,
  itemCount: number,
): Promise<Queries> {
  if (plan.model === 'itemAffinity') {
    const ofItems: QueriesOf = (train, test) => itemQueries(train, test, plan.seed)
    return { judged: ofItems, learned: ofItems }
  }
  const values = await attributeSets(connection, plan.attributes, itemCount)
  const pairs = pairSets(values, itemCount, plan.seed)
  return { judged: ofSets(values, plan), learned: ofSets([...values, ...pairs], plan) }
}

const ofSets =
  (sets: Uint32Array[], { seed }: TrainingPlan): QueriesOf =>
  (train, test) =>
    attributeQueries(sets, train, test, seed)

/** GetSolutionMetrics: what is learned from the older part, measured on the newer part. */
async function measure(rounds: Rounds, older: Ranges, newer: Ranges) {
  const { kernel, run } = rounds
  const { older: oldest, newer: middle } = newestFifth(older)
  const past = (ranges: Ranges) => ({ ...now(rounds), ranges })
  const { score } = await withMemory(() =>
    learnFrom(rounds, past(oldest), middle, 'newestFifth', 'validate'),
  )
  return withMemory(async () => {
    const { fitted } = await fitPast(rounds, past(older), 'measure')
    const { queries } = await heldOutQueries(rounds, fitted, newer, rounds.queries.judged)
    const sets = queries.map(({ items }) => items)
    const asked = await askForItems(kernel, fitted, sets, run.signal)
    const judged = queries.map(({ actual }, n) => ({ actual, asked: asked[n]! }))
    const [metrics] = await evaluate(kernel, fitted, judged, [score], run.signal)
    return namedMetrics(metrics!)
  })
}

/** Queries that candidates are compared on. */
const comparedQueries = 800
const moreQueries = 200
/** Fewer held-out queries, or fewer users who acted in them, tell nothing. */
const queriesMin = 25
const actedMin = 200

/** The last horizon and what was before it, or the newest fifths where too little happened then or before. */
function lastHorizon(
  rounds: Rounds,
  all: Ranges,
): { past: Past; newer: Ranges; foresees: Foresees } {
  const { events, plan } = rounds
  const { now: end, horizon } = now(rounds)
  const { older, newer } = cutAt(all, events.times, end - horizon)
  const items = new Set<number>()
  let acted = 0
  for (let user = 0; user < events.userCount; user++) {
    if (older.begins[user] === older.ends[user]) continue
    for (let at = newer.begins[user]!; at < newer.ends[user]!; at++) {
      items.add(events.items[at]!)
      acted++
    }
  }
  const tells = items.size >= queriesMin && acted >= actedMin
  if (plan.foresees === 'horizon' && tells)
    return { past: { ranges: older, now: end - horizon, horizon }, newer, foresees: 'horizon' }
  const fifths = newestFifth(all)
  return {
    past: { ranges: fifths.older, now: end, horizon },
    newer: fifths.newer,
    foresees: 'newestFifth',
  }
}

const now = ({ events, plan }: Rounds) => ({
  now: events.end,
  horizon: plan.horizonDays * daySeconds,
})

/** What foresees the newer part, from the past alone. */
async function learnFrom(
  rounds: Rounds,
  past: Past,
  newer: Ranges,
  foresees: Foresees,
  phase: string,
) {
  const { kernel, events, plan, run } = rounds
  const { fitted, userHistory } = await fitPast(rounds, past, phase)
  let activity: Activity | undefined
  const mask =
    foresees === 'horizon' ? undefined : validationUsers(together(past.ranges, newer), plan.seed)
  if (mask)
    for (let user = 0; user < events.userCount; user++)
      if (!isIn(mask, user)) fitted.features.events[user] = 0
  if (foresees === 'horizon') {
    activity = await learnActivity(kernel, userHistory, newer, plan.seed, run.signal)
    foresee(activity, userHistory, fitted.features.activity)
  }
  const found = await heldOutQueries(rounds, fitted, newer, rounds.queries.learned)
  const part = { events, newer }
  const heldOut = {
    ...{ ...part, ...found, queries: ofKnownUsers(found.queries, fitted) },
    demand: await learnDemand(kernel, fitted, part, run.signal),
  }
  const hasTraits = rounds.traits.weights.length > 0
  const candidates = candidatesOf(hasTraits, plan.model === 'itemAttributeAffinity')
  // What is only measured is only ranked.
  const calibrates = phase === 'learn'
  const method = { ask: askForItems, candidates, queriesMax: comparedQueries, calibrates }
  const learned = await learn(kernel, fitted, heldOut, method, plan.seed, run.signal)
  return { ...learned, activity, fitted, heldOut }
}

const together = ({ begins }: Ranges, { ends }: Ranges): Ranges => ({ begins, ends })

async function heldOutQueries(
  { kernel, events, run }: Rounds,
  { pairs }: Fitted,
  newer: Ranges,
  queriesOf: QueriesOf,
) {
  const { byItem } = await pairsOf(kernel, events, newer, run.signal)
  return queriesOf(pairs.byItem, byItem)
}

/** Sets of items for a model of single ones. */
async function heldOutSets(rounds: Rounds, fitted: Fitted, newer: Ranges) {
  const { events, plan } = rounds
  const sets = randomSets(events.itemCount, plan.seed)
  const found = await heldOutQueries(rounds, fitted, newer, ofSets(sets, plan))
  return { ...found, queries: ofKnownUsers(found.queries, fitted) }
}

async function fitPast(
  { kernel, events, traits, plan, als, run }: Rounds,
  past: Past,
  phase: string,
) {
  const { factorCount, seed } = plan
  const tell = (done: number) => run.progress(phase, done, als.sweeps + 1)
  const settings = { ...als, factorCount, seed }
  const factors = (pairs: BothPairs) => factorise(kernel, pairs, settings, run.signal, tell)
  const made = await fit(kernel, events, past, factors, seed, traits, run.signal)
  tell(als.sweeps + 1)
  return made
}
