/** Who may be connected to one listener, and what they may make it hold: one who has much gives way to one who has little. */
import type { SocketLimits } from './limits.ts'

/** All connections from one address. */
export type Group = { readonly address: string; guests: number; held: number }

/** One connection, as its listener sees it. */
export type Guest = {
  readonly group: Group
  /** Between its arrival and its leave. */
  here: boolean
  /** Bytes that are held for it. */
  held: number
  readonly since: number
  /** When its last call came; 0 before the first. */
  readonly usedAt: number
  /** Calls under way. */
  readonly size: number
  /** Asks it to go, and to come back when it has a call. */
  readonly displace: () => void
  readonly close: (reason: string) => void
}

export type Guests = {
  readonly groupOf: (address: string | undefined) => Group
  /**
   * Somebody has connected who has not said who it is.
   * @returns whether there are too many of those
   */
  readonly arrive: (guest: Guest) => boolean
  /** Closes the oldest of too many strangers. Not at once: what they say may wait to be read. */
  readonly thin: () => void
  /**
   * It has said who it is, and takes a place.
   * @returns why there is none for it
   */
  readonly seat: (guest: Guest) => string | undefined
  readonly leave: (guest: Guest) => void
  /** Counts what is held for it; who holds most may be closed by that, this one as well. */
  readonly hold: (guest: Guest, bytes: number) => void
  /** Bytes that are held for all of them. */
  readonly held: () => number
}

export function createGuests(limits: Pick<SocketLimits, 'connections' | 'strangers' | 'memory'>): Guests {
  const groups = new Map<string, Group>()
  const strangers = new Set<Guest>()
  const seated = new Set<Guest>()
  /** Asked to go; no more of them than of strangers. */
  const leaving = new Set<Guest>()
  let held = 0

  const oldestGo = (set: Set<Guest>, reason: string): void => {
    for (const guest of set) {
      if (set.size <= limits.strangers) return
      guest.close(reason)
    }
  }

  /** Idle ones only, of those who have no fewer places than the newcomer: of whoever has most, the longest unused. */
  const whoGivesWay = (newcomer: Group): Guest | undefined => {
    let found: Guest | undefined
    let last: Guest | undefined
    for (const guest of seated) {
      const { guests } = guest.group
      // The newcomer itself is counted in its group.
      if (guest.group !== newcomer && guests < newcomer.guests) continue
      if (last === undefined || guests >= last.group.guests) last = guest
      if (guest.size === 0 && (found === undefined || isLess(guest, found))) found = guest
    }
    if (found !== undefined || last === undefined) return found
    // None is idle. Who has more than half of all places gives one up all the same.
    return last.group !== newcomer && last.group.guests > limits.connections / 2 ? last : undefined
  }

  const greediest = (): Guest | undefined => {
    let group: Group | undefined
    for (const one of groups.values()) if (group === undefined || one.held > group.held) group = one
    let found: Guest | undefined
    for (const set of [strangers, seated, leaving])
      for (const guest of set) if (guest.group === group && (found === undefined || guest.held > found.held)) found = guest
    return found
  }

  return {
    groupOf: (address = '') => {
      const key = networkOf(address)
      let group = groups.get(key)
      if (group === undefined) {
        group = { address: key, guests: 0, held: 0 }
        groups.set(key, group)
      }
      return group
    },
    arrive: (guest) => {
      guest.here = true
      guest.group.guests++
      strangers.add(guest)
      return strangers.size > limits.strangers
    },
    thin: () => oldestGo(strangers, 'it had not said who it is when others wanted to'),
    seat: (guest) => {
      strangers.delete(guest)
      if (seated.size >= limits.connections) {
        const away = whoGivesWay(guest.group)
        if (away === undefined) {
          strangers.add(guest)
          return `${limits.connections} connections are in use; try again later`
        }
        seated.delete(away)
        leaving.add(away)
        away.displace()
        oldestGo(leaving, 'its place was needed')
      }
      seated.add(guest)
      return undefined
    },
    leave: (guest) => {
      if (!guest.here) return
      guest.here = false
      for (const set of [strangers, seated, leaving]) set.delete(guest)
      const { group } = guest
      held -= guest.held
      group.held -= guest.held
      guest.held = 0
      if (--group.guests === 0) groups.delete(group.address)
    },
    hold: (guest, bytes) => {
      if (!guest.here) return
      guest.held += bytes
      guest.group.held += bytes
      held += bytes
      while (held > limits.memory) {
        const one = greediest()
        if (one === undefined) return
        one.close(`all connections together held ${held} bytes, and it most of them`)
      }
    },
    held: () => held,
  }
}

/** Whether `a` gives way before `b`. */
function isLess(a: Guest, b: Guest): boolean {
  if (a.group.guests !== b.group.guests) return a.group.guests > b.group.guests
  if (a.usedAt !== b.usedAt) return a.usedAt < b.usedAt
  return a.since < b.since
}

/** Whoever has one IPv6 address has a network of them. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const parts = head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':')
    while (parts.length + rest.length < 8) parts.push('0')
    parts.push(...rest)
  }
  return parts.slice(0, 4).join(':')
}
