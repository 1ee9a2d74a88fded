import { setTimeout as sleep } from 'node:timers/promises'
import { ChildError } from './child.ts'
import type { Processes } from './processes.ts'
import type { Frozen, Storm, StormOptions } from './storm.ts'
import type { Waits } from './waits.ts'

export type SplitStormOptions = Omit<StormOptions, 'provider' | 'onEvent'> & {
  readonly processes: Processes
  readonly waits: Waits
  /** Stops each service once for a while (SIGSTOP), rather than killing. */
  readonly freeze: boolean
  readonly onEvent: (event: SplitEvent) => void
}

export type SplitEvent =
  | { readonly kind: 'killed'; readonly kills: number; readonly name: string }
  | { readonly kind: 'back'; readonly name: string; readonly ms: number }
  | ({ readonly kind: 'thawed' } & Frozen)

const SUPERVISOR = 'supervisor'
/** Milliseconds a frozen process stands still: longer than the deadline of a call. */
const FREEZE = 7_000
/** Milliseconds a killed process may take to come back. */
const PATIENCE = 60_000
/** As many transactions as show that all is at work. */
const UNDER_LOAD = 10

/** Kills each process of a split marketplace in turn, its supervisor included, or freezes each service in turn. */
export function createSplitStorm(options: SplitStormOptions): Storm {
  const { marketplace, processes, waits, kills, seconds, freeze, random, finished, signal, onEvent } = options
  let up = true
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {})
  const underLoad = async (): Promise<void> => {
    const before = finished()
    for (let waited = 0; waited < 30_000 && finished() < before + UNDER_LOAD && !signal.aborted; waited += 10) await pause(10)
  }

  const killSupervisor = async (): Promise<number> => {
    up = false
    await marketplace.kill()
    const ms = await marketplace.start()
    up = true
    return ms
  }

  const killProcess = async (name: string): Promise<number> => {
    const pid = await runningPid(name)
    const begun = performance.now()
    process.kill(pid, 'SIGKILL')
    for (;;) {
      const now = processes.pidOf(name)
      if (now !== undefined && now !== pid && (await processes.isBack(name, now))) return performance.now() - begun
      if (performance.now() - begun > PATIENCE) throw fallen(`process "${name}" did not come back`)
      await sleep(5)
    }
  }

  const runningPid = async (name: string): Promise<number> => {
    for (let waited = 0; waited < PATIENCE; waited += 10) {
      const pid = processes.pidOf(name)
      if (pid !== undefined && (await processes.isBack(name, pid))) return pid
      await sleep(10)
    }
    throw fallen(`process "${name}" does not run`)
  }

  const fallen = (what: string): ChildError =>
    new ChildError(`The marketplace is not what it should be: ${what}; the last it said: ${marketplace.lastWords() || 'nothing'}`)

  const killAll = async (): Promise<number[]> => {
    const restarts: number[] = []
    const victims = [...processes.names(), SUPERVISOR]
    const slot = (seconds * 1000) / kills
    for (let kill = 0; kill < kills && !signal.aborted; kill++) {
      await underLoad()
      await pause(random.number() * 2 * Math.max(50, slot - (restarts.at(-1) ?? 0)))
      if (signal.aborted) break
      if (!marketplace.running()) throw fallen('its supervisor ended by itself')
      const name = victims[kill % victims.length]!
      onEvent({ kind: 'killed', kills: kill + 1, name })
      const ms = name === SUPERVISOR ? await killSupervisor() : await killProcess(name)
      restarts.push(ms)
      onEvent({ kind: 'back', name, ms })
    }
    return restarts
  }

  const freezeAll = async (): Promise<Frozen[]> => {
    const frozen: Frozen[] = []
    for (const name of processes.names().filter((one) => one !== 'doors')) {
      await underLoad()
      if (signal.aborted) break
      const pid = await runningPid(name)
      waits.begin()
      process.kill(pid, 'SIGSTOP')
      try {
        await pause(FREEZE)
      } finally {
        process.kill(pid, 'SIGCONT')
      }
      // Who was sent something while it stood still may be waiting yet.
      await pause(1_000)
      const seen = { name, ...waits.end() }
      frozen.push(seen)
      onEvent({ kind: 'thawed', ...seen })
    }
    return frozen
  }

  return {
    up: () => up,
    run: async () => {
      if (freeze) return { kills: 0, providerKills: 0, restarts: [], frozen: await freezeAll() }
      const restarts = await killAll()
      return { kills: restarts.length, providerKills: 0, restarts, frozen: [] }
    },
  }
}
