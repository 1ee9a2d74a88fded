import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'dure/call'
import { CallError } from 'dure/contract'
import { refusedBy } from 'dure/resilience'
import type { Random } from 'dure/runtime'
import type { Cart } from '../../services/cart/contract.ts'

export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

/** What became of the calls of one priority: what is not answered is shed (not made, or turned away) or has failed. */
export type Outcomes = { readonly calls: number; readonly answered: number; readonly shed: number; readonly failed: number }

export type Seen = {
  readonly of: Readonly<Record<Priority, Outcomes>>
  readonly all: Outcomes
  /** Milliseconds from the first call to the end of the last. */
  readonly ms: number
  /** Milliseconds by which the latest call outlasted its deadline; 0: none did. */
  readonly late: number
  /** Milliseconds of the longest call. */
  readonly longest: number
  /** Of those that failed: how often, by their code. */
  readonly why: Readonly<Record<string, number>>
}

/** Of a hundred calls: who buys, who looks into a cart, and who counts. All of them may be made twice. */
const MIX: Readonly<Record<Priority, number>> = { high: 20, normal: 30, low: 50 }
const CUSTOMERS = 50
/** Milliseconds of calls that may be due together. */
const LONGEST_GAP = 20
const ITEM = { sellerId: 1, productId: 1, productName: 'Lamp', unitPrice: 10, freightValue: 1, quantity: 1, version: '0' }

export type Load = {
  /** Each of them calls again as soon as it is answered, until `until` aborts. */
  readonly callers: (count: number, until: AbortSignal) => Promise<Seen>
  /** So many calls in a second, however they go. */
  readonly stream: (perSecond: number, until: AbortSignal) => Promise<Seen>
}

type Tally = { calls: number; answered: number; shed: number; failed: number }
const none = (): Tally => ({ calls: 0, answered: 0, shed: 0, failed: 0 })

export function createLoad(options: {
  readonly cart: Client<typeof Cart>
  /** Milliseconds each call has. */
  readonly deadline: number
  readonly random: Random
}): Load {
  const { cart, deadline: timeout, random } = options
  const asks: Readonly<Record<Priority, () => Promise<unknown>>> = {
    high: () => cart.add({ ...ITEM, customerId: 1 + random.integer(CUSTOMERS) }, { timeout }),
    normal: () => cart.get({ customerId: 1 + random.integer(CUSTOMERS) }, { timeout }),
    low: () => cart.replicas({ limit: 10 }, { timeout }),
  }
  const draw = (): Priority => {
    const drawn = random.integer(100)
    return drawn < MIX.high ? 'high' : drawn < MIX.high + MIX.normal ? 'normal' : 'low'
  }

  const watch = () => {
    const of = { high: none(), normal: none(), low: none() }
    const why: Record<string, number> = {}
    const began = performance.now()
    let [late, longest] = [0, 0]
    const one = async (): Promise<boolean> => {
      const priority = draw()
      const tally = of[priority]
      tally.calls++
      const sent = performance.now()
      let answered = false
      try {
        await asks[priority]()
        answered = true
      } catch (error) {
        const code = error instanceof CallError ? error.code : ((error as { code?: string }).code ?? String(error))
        // Without a cart there is none to be seen: that is an answer.
        if (code === 'CART_NOT_FOUND') answered = true
        else if (refusedBy(error) !== undefined || code === 'RESOURCE_EXHAUSTED') tally.shed++
        else {
          tally.failed++
          why[code] = (why[code] ?? 0) + 1
        }
      }
      if (answered) tally.answered++
      const took = performance.now() - sent
      longest = Math.max(longest, took)
      late = Math.max(late, took - timeout)
      return answered
    }
    const seen = (): Seen => {
      const all = Object.values(of).reduce(
        (sum, each) => ({
          calls: sum.calls + each.calls,
          answered: sum.answered + each.answered,
          shed: sum.shed + each.shed,
          failed: sum.failed + each.failed,
        }),
        none(),
      )
      return { of, all, ms: performance.now() - began, late: Math.round(late), longest: Math.round(longest), why }
    }
    return { one, seen }
  }

  return {
    callers: async (count, until) => {
      const { one, seen } = watch()
      const each = async (): Promise<void> => {
        // Whoever was turned away at once does not come again at once.
        while (!until.aborted) if (!(await one())) await sleep(5)
      }
      await Promise.all(Array.from({ length: count }, each))
      return seen()
    },
    stream: async (perSecond, until) => {
      const { one, seen } = watch()
      const underWay = new Set<Promise<unknown>>()
      for (let [due, last] = [0, performance.now()]; !until.aborted;) {
        const now = performance.now()
        // Callers do not come all at once because this process was held up; they are not made up for either.
        due += (Math.min(now - last, LONGEST_GAP) * perSecond) / 1000
        for (last = now; due >= 1; due--) {
          const call: Promise<unknown> = one().finally(() => underWay.delete(call))
          underWay.add(call)
        }
        await sleep(2)
      }
      await Promise.all(underWay)
      return seen()
    },
  }
}
