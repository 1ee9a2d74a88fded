import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from 'dure/runtime'
import { ChildError, type Child } from './child.ts'
import type { Visited } from './visitors.ts'

export type StormOptions = {
  readonly marketplace: Child
  readonly provider: Child
  readonly kills: number
  /** Over which the kills are spread. */
  readonly seconds: number
  readonly random: Random
  /** Transactions finished so far: a kill waits until some were since the last restart, so that it hits under load. */
  readonly finished: () => number
  readonly signal: AbortSignal
  readonly onEvent: (event: StormEvent) => void
}

export type StormEvent =
  | { readonly kind: 'killed'; readonly kills: number }
  | { readonly kind: 'restarted'; readonly ms: number }
  | { readonly kind: 'provider killed' }

export type Storm = {
  /** True while the marketplace is meant to be up. */
  readonly up: () => boolean
  readonly run: () => Promise<StormResult>
}
export type StormResult = {
  readonly kills: number
  readonly providerKills: number
  readonly restarts: readonly number[]
  /** Of a storm that freezes. */
  readonly frozen?: readonly Frozen[]
  /** Of one that replaces or scales. */
  readonly unnoticed?: Unnoticed
  /** Of one that takes the database or the broker away. */
  readonly outages?: readonly Outage[]
}

/** What clients saw while one process stood still. */
export type Frozen = {
  readonly name: string
  readonly requests: number
  /** Requests that were answered with a server's error, or not at all. */
  readonly failed: number
  /** Milliseconds. */
  readonly longest: number
}

/** One time that a server was away; milliseconds from its end until it was there again, and until work was done again. */
export type Outage = {
  readonly how: 'stopped' | 'killed' | 'frozen' | 'cut' | 'unheard' | 'full'
  readonly away: number
  readonly recovered: number
}

/** What was done under load that no caller may notice, and what was noticed. */
export type Unnoticed = Visited & {
  readonly rounds: number
  /** In order. */
  readonly steps: readonly Step[]
}

/** A process replaced, or services scaled, with the milliseconds until that was done. */
export type Step = { readonly name: string; readonly ms: number }

/** As many transactions as show that a restarted marketplace is at work again. */
const UNDER_LOAD = 10
/** One kill in so many takes the payment provider as well, shortly before or after. */
const PROVIDER_ODDS = 3

/** Kills the marketplace at random moments under load and starts it again on the same data, over and over. */
export function createStorm(options: StormOptions): Storm {
  const { marketplace, provider, kills, seconds, random, finished, signal, onEvent } = options
  let up = true
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {})

  const underLoad = async (): Promise<void> => {
    const before = finished()
    // A system that does no work any more is killed all the same: the invariants will say what is wrong.
    for (let waited = 0; waited < 15_000 && finished() < before + UNDER_LOAD && !signal.aborted; waited += 10) await pause(10)
  }

  /** The provider dies, and comes back after up to a second. */
  const killProvider = async (): Promise<void> => {
    await pause(random.number() * 500)
    await provider.kill()
    onEvent({ kind: 'provider killed' })
    await pause(random.number() * 1000)
    await provider.start()
  }

  return {
    up: () => up,
    run: async () => {
      const restarts: number[] = []
      const slot = (seconds * 1000) / kills
      let providerKills = 0
      for (let kill = 1; kill <= kills && !signal.aborted; kill++) {
        await underLoad()
        const restart = restarts.at(-1) ?? 0
        const elsewhere = random.integer(PROVIDER_ODDS) === 0 ? killProvider() : undefined
        // A failure is looked at below; until then it must not end the process.
        elsewhere?.catch(() => {})
        await pause(random.number() * 2 * Math.max(50, slot - restart))
        if (signal.aborted) {
          await elsewhere
          break
        }
        // It must fall by our hand and no other, or a crash would hide among the kills.
        if (!marketplace.running()) {
          throw new ChildError(`The marketplace ended by itself; the last it said: ${marketplace.lastWords() || 'nothing'}`)
        }
        up = false
        await marketplace.kill()
        onEvent({ kind: 'killed', kills: kill })
        const ms = await marketplace.start()
        up = true
        restarts.push(ms)
        onEvent({ kind: 'restarted', ms })
        if (elsewhere) {
          await elsewhere
          providerKills++
        }
      }
      return { kills: restarts.length, providerKills, restarts }
    },
  }
}
