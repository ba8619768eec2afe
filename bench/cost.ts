import { median } from './report.ts'

/** How long some work took, and how long it kept processors busy: all threads together. */
export type Cost = { seconds: number; cpuSeconds: number }

/** What some work of this process costs. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  await work()
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}

/** Medians of ours and of the peer's, measured in turn; the first of each only warms up. */
export async function inTurn(
  times: number,
  ours: () => Promise<Cost>,
  peer: (() => Promise<Cost>) | undefined,
): Promise<{ ours: Cost; peer: Cost | undefined }> {
  const own: Cost[] = []
  const others: Cost[] = []
  for (let n = 0; n <= times; n++) {
    const cost = await ours()
    const other = await peer?.()
    if (n === 0) continue
    own.push(cost)
    if (other) others.push(other)
  }
  return { ours: medianCost(own), peer: peer && medianCost(others) }
}

/** How many processors were busy: fewer than threads where these had to share. */
export const processorsOf = ({ seconds, cpuSeconds }: Cost) => (cpuSeconds / seconds).toPrecision(2)

const medianCost = (costs: Cost[]): Cost => ({
  seconds: median(costs.map((cost) => cost.seconds)),
  cpuSeconds: median(costs.map((cost) => cost.cpuSeconds)),
})
