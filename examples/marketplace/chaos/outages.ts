import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from 'dure/runtime'
import { ChildError, type Child } from './child.ts'
import type { Outage, Storm } from './storm.ts'

/** A server that can be taken away: in good order, with SIGKILL, and however else it can be. */
export type Taken = {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly crash: () => Promise<void>
  /** Where it can stand still, with its connections open, … */
  readonly freeze?: () => void
  readonly thaw?: () => void
  /** … its connections can be cut in the midst of what is published, … */
  readonly cut?: () => Promise<void>
  /** … what it answers can be lost, … */
  readonly loseAnswers?: (lost: boolean) => void
  /** … and its disk can be full. */
  readonly disk?: { readonly fill: () => void; readonly free: () => void } | undefined
}

export type OutagesOptions = {
  readonly server: Taken
  readonly marketplace: Pick<Child, 'running' | 'lastWords'>
  /** How long it goes down and comes up again. */
  readonly seconds: number
  /** Milliseconds that it stands still, that its answers are lost, and that its disk is full. Default 20,000, 500 and 5,000. */
  readonly lasting?: Readonly<Record<'frozen' | 'unheard' | 'full', number>>
  /** Milliseconds that it is up at least and at most between two outages. Default 1,000 and 5,000. */
  readonly up?: readonly [least: number, most: number]
  readonly random: Random
  /** Transactions finished so far: an outage waits until some were since the last one, so that it hits under load. */
  readonly finished: () => number
  readonly signal: AbortSignal
  readonly onEvent: (outage: Outage) => void
}

/** Milliseconds that it is down at most. */
const MOST_DOWN = 2_000
const LASTING = { frozen: 20_000, unheard: 500, full: 5_000 }
/** As many transactions as show that the marketplace is at work again. */
const UNDER_LOAD = 10
/** Milliseconds the marketplace may take to be at work again. */
const PATIENCE = 60_000

/** Takes a server away under the marketplace and gives it back, over and over: in good order, with SIGKILL, and however else it can be. */
export function createOutages(options: OutagesOptions): Storm {
  const {
    server,
    marketplace,
    seconds,
    up: [least, most] = [1_000, 5_000],
    lasting = LASTING,
    random,
    finished,
    signal,
    onEvent,
  } = options
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

  const down = async (): Promise<void> => {
    await pause(random.number() * MOST_DOWN)
    await server.start()
  }
  const { freeze, thaw, cut, loseAnswers, disk } = server
  const ways: readonly (readonly [Outage['how'], () => Promise<void>])[] = [
    ['killed', () => server.crash().then(down)],
    ['stopped', () => server.stop().then(down)],
    ...(freeze && thaw ? [['frozen', () => during(lasting.frozen, freeze, thaw)] as const] : []),
    ...(cut ? [['cut', cut] as const] : []),
    ...(loseAnswers
      ? [
          [
            'unheard',
            () =>
              during(
                lasting.unheard,
                () => loseAnswers(true),
                () => loseAnswers(false),
              ),
          ] as const,
        ]
      : []),
    // Servers end when their disk is full, or take nothing from then on until they are started again.
    ...(disk ? [['full', () => during(lasting.full, disk.fill, disk.free).then(server.stop).then(server.start)] as const] : []),
  ]
  const during = async (ms: number, begin: () => void, end: () => void): Promise<void> => {
    begin()
    await pause(ms)
    end()
  }
  let turn = 0
  const outage = async (): Promise<Outage> => {
    const [how, befall] = ways[turn++ % ways.length]!
    const begun = performance.now()
    await befall()
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
