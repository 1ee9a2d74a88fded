import type { Address } from '../discovery/discovery.ts'
import { DOORS, type Group } from './placement.ts'
import type { Door } from './system.ts'

/**
 * What a supervisor has to hold for a process, so that its doors never turn a connection away: the sockets that they
 * listen on; whether two of the process may run at once, and how many do. Doors may, where every one of them can be handed
 * over; services may where nothing of them has one owner. And whether it is a thread.
 *
 * @example
 * ```ts
 * import { socketsOf } from 'dure/service'
 *
 * const group = { name: 'orders', members: ['orders'], runsIn: 'process', copies: 2, onlyOne: undefined } as const
 * console.log(socketsOf(group, { doors: [], directory: '.dure' }).overlaps) // → true
 * ```
 */
export function socketsOf(
  { members, runsIn, copies, onlyOne }: Group,
  options: { readonly doors: readonly Door[]; readonly directory: string },
): Pick<Group, 'copies' | 'onlyOne'> & {
  readonly sockets: readonly { readonly name: string; readonly address: Address }[]
  readonly overlaps: boolean
  readonly thread: boolean
} {
  const { doors, directory } = options
  const how = { copies, onlyOne, thread: runsIn === 'thread' }
  if (!members.includes(DOORS)) return { sockets: [], overlaps: onlyOne === undefined, ...how }
  const shared = doors.map(({ name, listens }) =>
    // Of two doors with one name nobody could tell whose the socket is.
    listens === undefined || doors.filter((door) => door.name === name).length > 1
      ? []
      : [listens(directory)].flat().map((address, at) => ({ name: socketName(name, at), address })),
  )
  const sockets = shared.flat()
  const handedOver = shared.every((own) => own.length > 0) && sockets.every(({ address }) => address.kind !== 'udp')
  return { sockets, overlaps: members.length === 1 && handedOver, ...how }
}

/** What the socket for one of a door's addresses is called, among those that a process is handed: `game`, `game#2`, `game#3`. */
export const socketName = (door: string, at: number): string => (at === 0 ? door : `${door}#${at + 1}`)
