import type { OutboxMessage } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { OutboxRow } from './rows.ts'
import { LANES } from './tables.ts'

export type Delivery = {
  /** Tries until the broker has them; answers which of them it has. Rows whose lane is lost meanwhile are let go. */
  readonly deliver: (rows: readonly OutboxRow[], signal: AbortSignal) => Promise<readonly OutboxRow[]>
}

export function createDelivery(options: {
  readonly name: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly backoff: readonly [first: number, last: number]
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  /** The lanes that are ours at this moment. */
  readonly lanes: () => { readonly has: (lane: number) => boolean }
}): Delivery {
  const { name, runtime, log, backoff, lanes } = options
  const { timers, random } = runtime
  const ours = (rows: readonly OutboxRow[]): readonly OutboxRow[] => {
    const held = lanes()
    return rows.every(({ bucket }) => held.has(laneOf(bucket))) ? rows : rows.filter(({ bucket }) => held.has(laneOf(bucket)))
  }

  return {
    deliver: async (wanted, signal) => {
      let rows = ours(wanted)
      for (let attempt = 1; rows.length > 0 && !signal.aborted; attempt++, rows = ours(rows)) {
        try {
          await options.deliver(rows.map(({ message }) => message))
          if (attempt > 1) log.info('The outbox delivers again', { relay: name, attempts: attempt })
          return rows
        } catch (error) {
          if (attempt === 1)
            log.warn('The outbox could not deliver; it keeps trying', { relay: name, messages: rows.length, error })
          const [first, last] = backoff
          await timers.sleep(Math.min(last, first * 2 ** Math.min(attempt - 1, 30)) * (0.5 + random.number() / 2), signal)
        }
      }
      return []
    },
  }
}

export function laneOf(bucket: number): number {
  return bucket & (LANES - 1)
}
