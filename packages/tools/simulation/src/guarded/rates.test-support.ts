/** An exchange that asks for rates with a breaker, a fallback and a limit; who has the rates is ill for minutes at a time. */
import assert from 'node:assert/strict'
import type { Client } from 'dure/call'
import { CallError, command, contract, query } from 'dure/contract'
import { database } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation } from '../simulation.ts'

const Rates = contract('rates', {
  version: '1.0.0',
  owner: 'tests',
  operations: { of: query({ input: z.object({ currency: z.string() }), output: z.int(), deadline: 2_000 }) },
})
const Exchange = contract('exchange', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    change: command({ input: z.object({ id: z.string(), currency: z.string() }), idempotent: true, output: z.string() }),
  },
})
type Tables = { changes: { id: string; rate: number; source: string } }
const tables = database<Tables>({
  migrations: { '001': 'CREATE TABLE changes (id TEXT PRIMARY KEY, rate BIGINT NOT NULL, source TEXT NOT NULL)' },
})
/** A rate that is nobody's, so that it is known for what it is. */
const [RATE, GUESS] = [7, -1]
/** Milliseconds for which it is well, and then ill. */
const PERIOD = 8_000

export type Slip = 'fallback unmarked'

function exchange({ runtime: { clock, timers, random } }: { readonly runtime: Runtime }, slip: Slip | undefined): System {
  const began = clock.monotonic()
  const rates = service(Rates, {
    handlers: {
      of: async () => {
        await timers.sleep(random.number() * 20)
        const ill = Math.floor((clock.monotonic() - began) / PERIOD) % 2 === 1
        if (ill && random.number() < 0.3) await timers.sleep(60_000)
        if (ill) throw new CallError('INTERNAL', 'It is ill')
        return RATE
      },
    },
  })
  const own = service(Exchange, {
    needs: { rates: Rates },
    database: tables,
    policies: {
      rates: {
        breaker: { window: { calls: 10 }, minimumCalls: 4, probes: 2, probeTime: 1_000, open: { first: 500, max: 2_000 } },
        timeout: 500,
      },
    },
    fallbacks: {
      rates: {
        of: (_input, error) => {
          if ((error as Error).message.includes('its breaker is open')) sometimes('a breaker refused')
          return GUESS
        },
      },
    },
    handlers: {
      change: async ({ id, currency }, { rates, database: store }) => {
        const answered = await rates.of.attempt({ currency })
        assert.ok(answered.ok)
        const source = answered.from ?? 'callee'
        sometimes(`answered by ${source}`)
        await store.transaction((tx) =>
          tx
            .insertInto('changes')
            .values({ id, rate: answered.value, source: slip === undefined ? source : 'callee' })
            .onConflict((conflict) => conflict.doNothing())
            .execute(),
        )
        return source
      },
    },
  })
  return system('bank', { services: [rates, own], allow: { rates: ['exchange'], exchange: ['doors'] } })
}

export const MARKED = 'an answer of a fallback is known for one, and no other is'
const ANSWERED = 'users are answered, and hardly wait, while the rates are ill'

const NOT_LET_IN = 'who may not call the rates was refused'

/** Users may not: whatever befalls both, they are never answered. */
async function askFromOutside(rates: Client<typeof Rates>): Promise<void> {
  const failure = await rates.of({ currency: 'EUR' }, { timeout: 1_000 }).then(
    (rate) => assert.fail(`A user was told the rate ${rate}`),
    (error: unknown) => error,
  )
  if (!(failure instanceof CallError)) throw failure
  if (failure.code === 'PERMISSION_DENIED') sometimes(NOT_LET_IN)
}

export function changing(slip?: Slip): Simulation {
  const waits: number[] = []
  return {
    system: (process) => exchange(process, slip),
    load: {
      duration: 40_000,
      clients: 3,
      pause: 100,
      step: async ({ client, runtime: { clock }, user, number }) => {
        const before = clock.monotonic()
        await client(Exchange).change({ id: `${user}-${number}`, currency: 'EUR' }, { timeout: 5_000 })
        waits.push(clock.monotonic() - before)
        if (number % 5 === 0) await askFromOutside(client(Rates))
      },
    },
    invariants: {
      [MARKED]: ({ rows }) => {
        const found = rows('exchange', 'SELECT rate, source FROM changes')
        assert.ok(found.length > 20, `${found.length} changes`)
        for (const { rate, source } of found) assert.equal(Number(rate), source === 'callee' ? RATE : GUESS)
      },
      [ANSWERED]: () => {
        // An answer of a fallback takes no longer than what calls of the rates may take; faults of the system itself come on top.
        const slow = waits.filter((ms) => ms > 1_500).length
        assert.ok(slow <= waits.length / 4, `${slow} of ${waits.length} took over 1.5 s`)
      },
    },
    expects: [NOT_LET_IN, 'a breaker refused', 'answered by fallback', 'answered by callee'],
  }
}
