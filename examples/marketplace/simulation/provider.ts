import type { Runtime, Timers } from 'dure/runtime'
import { sometimes } from '@dure/simulation'
import { fractionOf } from '../import/hash.ts'
import { ProviderError } from '../services/payment/adapters/http-provider.ts'
import type { Charge, Outcome, PaymentProvider } from '../services/payment/domain/provider.ts'

/** The payment provider of a simulated marketplace: somebody else's, with books that no crash of ours touches. */
export type SimulatedProvider = {
  /** The provider as one process reaches it. */
  readonly from: (runtime: Runtime) => PaymentProvider
  /** Every charge that was made, by its key. */
  readonly charges: ReadonlyMap<string, Booked>
}

export type Booked = {
  readonly customerId: number
  readonly amount: number
  readonly outcome: Outcome
  /** How often it was asked for. */
  asked: number
}

/** Milliseconds after which nobody waits for its answer any more, as with the real one. */
const PATIENCE = 2_000

/**
 * How a request goes, settled by its key and by how often it was asked: so leaving a fault out of a run changes no
 * answer. @param trouble share of requests that go wrong
 */
export function simulatedProvider(options: {
  readonly seed: number
  readonly trouble: number
  readonly declines: number
  /** Its own: it goes on when those who asked it are dead. */
  readonly timers: Timers
}): SimulatedProvider {
  const { seed, trouble, declines, timers: own } = options
  const charges = new Map<string, Booked>()
  const asked = new Map<string, number>()

  const book = ({ key, customerId, amount }: Charge): Outcome => {
    const known = charges.get(key)
    if (known === undefined) {
      const declined = fractionOf(seed, key) < declines
      const outcome: Outcome = declined ? { status: 'declined', reason: 'insufficient_funds' } : { status: 'succeeded' }
      charges.set(key, { customerId, amount, outcome, asked: 1 })
      return outcome
    }
    known.asked++
    sometimes('a charge was asked for again, and not made again')
    if (known.amount !== amount || known.customerId !== customerId) {
      throw new ProviderError(`The payment provider answered 422: the key "${key}" was used for another charge`)
    }
    return known.outcome
  }

  return {
    charges,
    from: ({ timers }) => ({
      forget: async () => charges.clear(),
      charge: async (charge, { signal }) => {
        const attempt = (asked.get(charge.key) ?? 0) + 1
        asked.set(charge.key, attempt)
        const chance = (what: string): number => fractionOf(seed, `${charge.key} ${attempt} ${what}`)
        await timers.sleep(1 + chance('on its way') ** 4 * 400, signal)
        const mood = chance('mood') / trouble
        if (mood < 0.25) {
          sometimes('the provider was not reached')
          throw new ProviderError('The payment provider was not reached')
        }
        if (mood < 0.5) {
          sometimes("the provider's answer was lost")
          book(charge)
          throw new ProviderError("The payment provider's answer was lost")
        }
        if (mood < 0.75) {
          sometimes('the provider charged after everybody had given up waiting')
          own.after(PATIENCE * (1 + 4 * chance('how late')), () => void book(charge))
          await timers.sleep(PATIENCE, signal)
          throw new ProviderError(`The payment provider did not answer within ${PATIENCE} ms`)
        }
        const outcome = book(charge)
        if (mood < 1) {
          sometimes('a request reached the provider twice')
          own.after(PATIENCE * chance('how much later'), () => void book(charge))
        }
        return outcome
      },
    }),
  }
}
