import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalServer } from '@dure/postgres/server'
import type { Random } from 'dure/runtime'
import { ChildError, type Child } from './child.ts'
import type { Outage, Storm } from './storm.ts'

export type OutagesOptions = {
  readonly server: Pick<LocalServer, 'start' | 'stop' | 'crash'>
  readonly marketplace: Pick<Child, 'running' | 'lastWords'>
  /** How long PostgreSQL goes down and comes up again. */
  readonly seconds: number
  /** Milliseconds that PostgreSQL is up at least and at most between two outages. Default 1,000 and 5,000. */
  readonly up?: readonly [least: number, most: number]
  readonly random: Random
  /** Transactions finished so far: an outage waits until some were since the last one, so that it hits under load. */
  readonly finished: () => number
  readonly signal: AbortSignal
  readonly onEvent: (outage: Outage) => void
}

/** Milliseconds that PostgreSQL is down at most. */
const MOST_DOWN = 2_000
/** As many transactions as show that the marketplace is at work again. */
const UNDER_LOAD = 10
/** Milliseconds the marketplace may take to be at work again. */
const PATIENCE = 60_000

/** Stops PostgreSQL under the marketplace and starts it again, over and over: now in good order, now with SIGKILL. */
export function createOutages(options: OutagesOptions): Storm {
  const { server, marketplace, seconds, up: [least, most] = [1_000, 5_000], random, finished, signal, onEvent } = options
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {})

  const atWork = async (): Promise<void> => {
    const before = finished()
    for (const since = performance.now(); finished() < before + UNDER_LOAD && !signal.aborted; await pause(5)) {
      if (!marketplace.running()) throw fallen('ended by itself')
      if (performance.now() - since > PATIENCE) throw fallen(`did nothing for ${PATIENCE / 1000} s with its database there`)
    }
  }
  const fallen = (how: string): ChildError =>
    new ChildError(`The marketplace ${how}; the last it said: ${marketplace.lastWords() || 'nothing'}`)

  const outage = async (): Promise<Outage> => {
    const how = random.integer(2) === 0 ? 'stopped' : 'killed'
    const begun = performance.now()
    await (how === 'stopped' ? server.stop() : server.crash())
    await pause(random.number() * MOST_DOWN)
    await server.start()
    const away = performance.now() - begun
    await atWork()
    return { how, away, recovered: performance.now() - begun }
  }

  return {
    up: () => true,
    run: async () => {
      const outages: Outage[] = []
      const end = performance.now() + seconds * 1000
      await atWork()
      for (;;) {
        await pause(least + random.number() * (most - least))
        if (signal.aborted || performance.now() > end) break
        const one = await outage()
        outages.push(one)
        onEvent(one)
      }
      return { kills: 0, providerKills: 0, restarts: [], outages }
    },
  }
}
