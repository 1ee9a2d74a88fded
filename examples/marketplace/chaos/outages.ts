import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from 'dure/runtime'
import { ChildError, type Child } from './child.ts'
import type { Outage, Storm } from './storm.ts'

export type OutagesOptions = {
  readonly server: {
    readonly start: () => Promise<void>
    readonly stop: () => Promise<void>
    readonly crash: () => Promise<void>
    /** Where it can stand still, with its connections open, … */
    readonly freeze?: () => void
    readonly thaw?: () => void
    /** … and where its connections can be cut in the midst of something. */
    readonly cut?: () => Promise<void>
  }
  readonly marketplace: Pick<Child, 'running' | 'lastWords'>
  /** How long it goes down and comes up again. */
  readonly seconds: number
  /** Milliseconds that it is up at least and at most between two outages. Default 1,000 and 5,000. */
  readonly up?: readonly [least: number, most: number]
  readonly random: Random
  /** Transactions finished so far: an outage waits until some were since the last one, so that it hits under load. */
  readonly finished: () => number
  readonly signal: AbortSignal
  readonly onEvent: (outage: Outage) => void
}

/** Milliseconds that it is down at most, and that it stands still. */
const [MOST_DOWN, FROZEN] = [2_000, 20_000]
/** As many transactions as show that the marketplace is at work again. */
const UNDER_LOAD = 10
/** Milliseconds the marketplace may take to be at work again. */
const PATIENCE = 60_000

/** Takes a server away under the marketplace and gives it back, over and over: in good order, with SIGKILL, and however else it can be. */
export function createOutages(options: OutagesOptions): Storm {
  const { server, marketplace, seconds, up: [least, most] = [1_000, 5_000], random, finished, signal, onEvent } = options
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {})

  const atWork = async (): Promise<void> => {
    const before = finished()
    for (const since = performance.now(); finished() < before + UNDER_LOAD && !signal.aborted; await pause(5)) {
      if (!marketplace.running()) throw fallen('ended by itself')
      if (performance.now() - since > PATIENCE) throw fallen(`did nothing for ${PATIENCE / 1000} s with its server there`)
    }
  }
  const fallen = (how: string): ChildError =>
    new ChildError(`The marketplace ${how}; the last it said: ${marketplace.lastWords() || 'nothing'}`)

  const ways = [
    ...(['killed', 'stopped'] as const),
    ...(server.freeze ? (['frozen'] as const) : []),
    ...(server.cut ? (['cut'] as const) : []),
  ]
  let turn = 0
  const outage = async (): Promise<Outage> => {
    const how = ways[turn++ % ways.length]!
    const begun = performance.now()
    if (how === 'cut') await server.cut!()
    else if (how === 'frozen') {
      server.freeze!()
      await pause(FROZEN)
      server.thaw!()
    } else {
      await (how === 'stopped' ? server.stop() : server.crash())
      await pause(random.number() * MOST_DOWN)
      await server.start()
    }
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
