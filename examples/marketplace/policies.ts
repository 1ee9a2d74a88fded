import type { CallPolicies } from 'dure/call'

/**
 * How calls of the marketplace are guarded, wherever its services run; what single operations need, their contracts say. A breaker
 * keeps callers from waiting for who cannot answer, and a limit has room for those who buy while others only look.
 */
export const POLICIES: CallPolicies = {
  '*': {
    breaker: { window: { time: 10_000 }, minimumCalls: 20, failureRate: 0.5, open: { first: 1_000, max: 10_000 } },
    limit: { limit: 1_000 },
  },
}
