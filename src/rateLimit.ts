import { RateLimiterMemory } from 'rate-limiter-flexible'
import { throttling } from './errors.ts'

/** Counts a request of an access key. Throws ThrottlingException where it is one too many. */
export type RateLimit = (accessKeyId: string) => Promise<void>

/** A limit for each key, within each second; without a number there is none. Text: spec J.4. */
export function limitRate(requestsPerSecond: number | undefined): RateLimit {
  if (requestsPerSecond === undefined) return async () => undefined
  const limiter = new RateLimiterMemory({ points: requestsPerSecond, duration: 1 })
  return async (accessKeyId) => {
    await limiter.consume(accessKeyId).catch(() => {
      throw throttling('Rate exceeded')
    })
  }
}
