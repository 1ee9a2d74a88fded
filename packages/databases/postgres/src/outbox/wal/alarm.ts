import type { Clock } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { WalLimits } from './limits.ts'
import type { Slot } from './slots.ts'

/** What is wrong with the slot, for people and for whoever watches. */
export type Alarm = {
  /**
   * `lag`: much of the log waits to be delivered, and the server keeps it on its disk. `soon-lost`: the server is about to
   * drop what the slot holds. `lost`: it has, or somebody else. `orphan`: polling is wanted, and the slot that still takes
   * the messages cannot be read from here.
   */
  readonly kind: 'lag' | 'soon-lost' | 'lost' | 'orphan'
  /** Milliseconds since the epoch. */
  readonly since: number
  /** The state found and what to do. */
  readonly text: string
}

export type Bell = {
  /** Looks at what the server says of the slot; rings, or stops ringing. */
  readonly look: (name: string, slot: Slot) => void
  readonly ring: (kind: Alarm['kind'], text: string) => void
  readonly quiet: () => void
  readonly ringing: () => Alarm | undefined
  /** How often each alarm has rung. */
  readonly rung: () => Readonly<Record<Alarm['kind'], number>>
}

/** A part of what `max_slot_wal_keep_size` leaves, below which the slot is said to be lost soon. */
const LEFT = 4

export function createBell(options: {
  readonly relay: string
  readonly limits: Pick<WalLimits, 'lag'>
  readonly clock: Clock
  readonly log: Logger
}): Bell {
  const { relay, limits, clock, log } = options
  const rung = { lag: 0, 'soon-lost': 0, lost: 0, orphan: 0 }
  let alarm: Alarm | undefined

  const ring: Bell['ring'] = (kind, text) => {
    if (alarm?.kind !== kind) {
      rung[kind]++
      // What has not happened yet can be kept from happening.
      if (kind === 'lag' || kind === 'soon-lost') log.warn(text, { relay, alarm: kind })
      else log.error(text, { relay, alarm: kind })
    }
    alarm = { kind, since: alarm?.kind === kind ? alarm.since : clock.now(), text }
  }
  const quiet = (): void => {
    if (alarm === undefined) return
    log.info('The alarm about the replication slot is over', { relay, alarm: alarm.kind })
    alarm = undefined
  }

  return {
    ring,
    quiet,
    ringing: () => alarm,
    rung: () => ({ ...rung }),
    look: (name, { status, held, behind, safe }) => {
      if (status === 'unreserved' || (safe !== undefined && safe < (safe + held) / LEFT)) {
        const left = safe === undefined ? '' : `, ${bytes(safe)} before it is dropped`
        ring(
          'soon-lost',
          `The server will soon drop what the replication slot "${name}" holds: ${bytes(held)} of the log${left}. ` +
            'What it has not delivered by then is lost. To do: make room on the disk and raise max_slot_wal_keep_size now; see why nothing is delivered (is the broker reachable?)',
        )
      } else if (behind > limits.lag) {
        ring(
          'lag',
          `${bytes(behind)} of the log wait for the relay "${relay}", and the server keeps ${bytes(held)} of it on its disk for the replication slot "${name}". To do: see why it does not keep up (is the broker reachable?); mind the room in pg_wal`,
        )
      } else if (alarm !== undefined && behind < limits.lag / 2) quiet()
    },
  }
}

function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = count
  while (Math.abs(value) >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
