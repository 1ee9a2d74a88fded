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
      const sent: OutboxRow[] = []
      let left = ours(wanted)
      let size = left.length
      for (let attempt = 1; left.length > 0 && !signal.aborted; left = ours(left)) {
        const some = left.slice(0, size)
        try {
          await options.deliver(some.map(({ message }) => message))
          if (attempt > 1) log.info('The outbox delivers again', { relay: name, attempts: attempt })
          sent.push(...some)
          left = left.slice(size)
          size *= 2
          attempt = 1
        } catch (error) {
          if (attempt === 1)
            log.warn('The outbox could not deliver; it keeps trying', { relay: name, messages: left.length, error })
          const [first, last] = backoff
          await timers.sleep(Math.min(last, first * 2 ** Math.min(attempt - 1, 30)) * (0.5 + random.number() / 2), signal)
          // What is not taken together may be taken by halves: so something gets on, and less comes twice.
          size = Math.ceil(some.length / 2)
          attempt++
        }
      }
      return sent
    },
  }
}

export function laneOf(bucket: number): number {
  return bucket & (LANES - 1)
}
