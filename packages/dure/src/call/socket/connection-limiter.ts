/** Who may be connected to one listener, and what they may make it hold: one who has much gives way to one who has little. */
import type { SocketLimits } from './limits.ts'

/** All connections from one address. */
export type Origin = { readonly address: string; connections: number; held: number }

/** One connection, as its listener sees it. */
export type LimitedConnection = {
  readonly origin: Origin
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
  readonly evict: () => void
  readonly close: (reason: string) => void
}

export type ConnectionLimiter = {
  readonly originOf: (address: string | undefined) => Origin
  /**
   * Somebody has connected who has not said who it is.
   * @returns whether there are too many of those
   */
  readonly add: (connection: LimitedConnection) => boolean
  /** Closes the oldest of too many strangers. Not at once: what they say may wait to be read. */
  readonly shed: () => void
  /**
   * It has said who it is, and takes a place.
   * @returns why there is none for it
   */
  readonly accept: (connection: LimitedConnection) => string | undefined
  readonly remove: (connection: LimitedConnection) => void
  /** Counts what is held for it; who holds most may be closed by that, this one as well. */
  readonly hold: (connection: LimitedConnection, bytes: number) => void
  /** Bytes that are held for all of them. */
  readonly held: () => number
}

export function createConnectionLimiter(limits: Pick<SocketLimits, 'connections' | 'strangers' | 'memory'>): ConnectionLimiter {
  const origins = new Map<string, Origin>()
  const strangers = new Set<LimitedConnection>()
  const accepted = new Set<LimitedConnection>()
  /** Asked to go; no more of them than of strangers. */
  const leaving = new Set<LimitedConnection>()
  let held = 0

  const closeOldest = (set: Set<LimitedConnection>, reason: string): void => {
    for (const connection of set) {
      if (set.size <= limits.strangers) return
      connection.close(reason)
    }
  }

  /** Idle ones only, of those who have no fewer places than the newcomer: of whoever has most, the longest unused. */
  const chooseEvicted = (newcomer: Origin): LimitedConnection | undefined => {
    let found: LimitedConnection | undefined
    let last: LimitedConnection | undefined
    for (const connection of accepted) {
      const { connections } = connection.origin
      // The newcomer itself is counted in its origin.
      if (connection.origin !== newcomer && connections < newcomer.connections) continue
      if (last === undefined || connections >= last.origin.connections) last = connection
      if (connection.size === 0 && (found === undefined || isLess(connection, found))) found = connection
    }
    if (found !== undefined || last === undefined) return found
    // None is idle. Who has more than half of all places gives one up all the same.
    return last.origin !== newcomer && last.origin.connections > limits.connections / 2 ? last : undefined
  }

  const greediest = (): LimitedConnection | undefined => {
    let origin: Origin | undefined
    for (const one of origins.values()) if (origin === undefined || one.held > origin.held) origin = one
    let found: LimitedConnection | undefined
    for (const set of [strangers, accepted, leaving])
      for (const connection of set)
        if (connection.origin === origin && (found === undefined || connection.held > found.held)) found = connection
    return found
  }

  return {
    originOf: (address = '') => {
      const key = networkOf(address)
      let origin = origins.get(key)
      if (origin === undefined) {
        origin = { address: key, connections: 0, held: 0 }
        origins.set(key, origin)
      }
      return origin
    },
    add: (connection) => {
      connection.here = true
      connection.origin.connections++
      strangers.add(connection)
      return strangers.size > limits.strangers
    },
    shed: () => closeOldest(strangers, 'it had not said who it is when others wanted to'),
    accept: (connection) => {
      strangers.delete(connection)
      if (accepted.size >= limits.connections) {
        const away = chooseEvicted(connection.origin)
        if (away === undefined) {
          strangers.add(connection)
          return `${limits.connections} connections are in use; try again later`
        }
        accepted.delete(away)
        leaving.add(away)
        away.evict()
        closeOldest(leaving, 'its place was needed')
      }
      accepted.add(connection)
      return undefined
    },
    remove: (connection) => {
      if (!connection.here) return
      connection.here = false
      for (const set of [strangers, accepted, leaving]) set.delete(connection)
      const { origin } = connection
      held -= connection.held
      origin.held -= connection.held
      connection.held = 0
      if (--origin.connections === 0) origins.delete(origin.address)
    },
    hold: (connection, bytes) => {
      if (!connection.here) return
      connection.held += bytes
      connection.origin.held += bytes
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
function isLess(a: LimitedConnection, b: LimitedConnection): boolean {
  if (a.origin.connections !== b.origin.connections) return a.origin.connections > b.origin.connections
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
