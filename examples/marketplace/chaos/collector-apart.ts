import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createChild } from './child.ts'
import type { Taken } from './outages.ts'

/** What became of telemetry, and of the marketplace without it. */
export type TelemetryResult = {
  /** Transactions a second while the collector was there, and while it was frozen or gone. */
  readonly rates: { readonly there: number; readonly away: number }
  /** Spans and lines that the marketplace told nobody, and counted. */
  readonly dropped: number
  /** The most bytes that segments took together, those that they may, and how many of them have gone for later ones. */
  readonly bytes: number
  readonly limit: number
  readonly gone: number
}

/** Bytes of its store: so few that all of it is soon taken. */
const LIMIT = 4 * 2 ** 20
const PROGRAM = fileURLToPath(new URL('./collector.child.ts', import.meta.url))

/** A segment more than it may have, while the newest is written to; and what a machine that does other things makes of a rate. */
const [ROOM, NOISE] = [1.5, 0.5]

/** The store is at its bound, what could not be told is counted, and the marketplace is as fast as before. */
export function isTelemetryWell({ rates, dropped, bytes, limit, gone }: TelemetryResult): boolean {
  return rates.away >= rates.there * NOISE && dropped > 0 && gone > 0 && bytes <= limit * ROOM
}

/** A collector in a process of its own, on the marketplace's data. */
export async function startApart(data: string): Promise<{
  readonly taken: (finished: () => number) => Taken
  /** @param url of the marketplace */
  readonly result: (url: string) => Promise<TelemetryResult>
  readonly close: () => Promise<void>
}> {
  const child = createChild({
    name: 'The collector',
    words: [PROGRAM, data, `${LIMIT}`],
    ready: /^collecting$/m,
  })
  const times = { there: { ms: 0, done: 0 }, away: { ms: 0, done: 0 } }
  let most = 0
  await child.start()
  return {
    taken: (finished) => {
      let since: { readonly at: number; readonly done: number } | undefined
      const turn = (was: 'there' | 'away'): void => {
        const now = { at: performance.now(), done: finished() }
        // Before the first time the workload had only begun.
        if (since !== undefined) {
          times[was].ms += now.at - since.at
          times[was].done += now.done - since.done
        }
        since = now
        most = Math.max(most, segmentsOf(data).bytes)
      }
      const start = async (): Promise<void> => {
        await child.start()
        turn('away')
      }
      const crash = async (): Promise<void> => {
        turn('there')
        await child.kill()
      }
      return {
        ...{ start, crash },
        stop: async () => {
          turn('there')
          child.signal('SIGTERM')
          while (child.running()) await sleep(20)
        },
        freeze: () => {
          turn('there')
          child.signal('SIGSTOP')
        },
        thaw: () => {
          child.signal('SIGCONT')
          turn('away')
        },
      }
    },
    result: async (url) => {
      const told = await (await fetch(`${url}/metrics`)).text()
      const [, dropped = '0'] = /^dure_telemetry_dropped_total\{[^}]*sink="collector"[^}]*\} (\d+)/m.exec(told) ?? []
      const { bytes, first } = segmentsOf(data)
      const rate = ({ ms, done }: { readonly ms: number; readonly done: number }): number => (done / Math.max(1, ms)) * 1_000
      return {
        rates: { there: rate(times.there), away: rate(times.away) },
        ...{ dropped: Number(dropped), bytes: Math.max(most, bytes), limit: LIMIT, gone: Math.max(0, first - 1) },
      }
    },
    close: () => child.kill(),
  }
}

function segmentsOf(data: string): { readonly bytes: number; readonly first: number } {
  const folder = join(data, 'collector/v1')
  const files = readdirSync(folder).filter((name) => /^\d{8}\.db/.test(name))
  const bytes = files.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0)
  return { bytes, first: Math.min(...files.map((name) => Number(name.slice(0, 8)))) }
}
