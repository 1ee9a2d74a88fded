import { Cart } from '../services/cart/contract.ts'
import { countAnomalies } from './anomalies.ts'
import type { DoorClient } from './door.ts'
import { productKey, type Facts } from './facts.ts'
import { ask, gatherFacts } from './gather.ts'
import { checkInvariants, type Invariant } from './invariants.ts'
import type { Before, Ledger } from './ledger.ts'
import { waitForQuiet } from './quiet.ts'

/**
 * Waits for quiet, then holds everything against everything.
 * @throws {NotQuietError} when the marketplace does not come to rest within `seconds`
 */
export async function verify(options: {
  door: DoorClient
  /** What a run did, and what there was before it. */
  run?: { readonly ledger: Ledger; readonly before: Before }
  seconds: number
  signal?: AbortSignal
}): Promise<{ readonly invariants: readonly Invariant[]; readonly quietAfter: number; readonly facts: Facts }> {
  const { door, run, seconds, signal } = options
  const { ms } = await waitForQuiet({ get: door.get, seconds, signal })
  const facts = await gatherFacts(door.get)
  return { invariants: checkInvariants(facts, run?.ledger.observed(run.before)), quietAfter: ms, facts }
}

/** Fetches the history of every suspect cart and counts the anomalies in it. */
export async function findAnomalies(door: DoorClient, ledger: Ledger): Promise<{ anomalies: number; carts: number }> {
  let anomalies = 0
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < ledger.suspects.length) {
      const { customer, tid } = ledger.suspects[next++]!
      const lines = await ask(door.get, `/cart/${customer}/history/${tid}`, Cart.operations.history)
      anomalies += countAnomalies(
        lines.map(({ sellerId, productId, version, unitPrice }) => ({
          seller: sellerId,
          product: productKey(sellerId, productId),
          version,
          price: unitPrice,
        })),
        ledger.updates,
      )
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return { anomalies, carts: ledger.suspects.length }
}
