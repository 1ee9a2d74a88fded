import type { Address } from '../discovery/discovery.ts'
import { DOORS, type Group } from './placement.ts'
import type { Door } from './system.ts'

/**
 * What a supervisor has to hold for a process, so that its doors never turn a connection away: the sockets that they
 * listen on; and whether two of the process may run at once. Doors may, where every one of them can be handed over;
 * services may not, because a store has one owner.
 *
 * @example
 * ```ts
 * import { socketsOf } from 'dure/service'
 *
 * const services = { name: 'orders', members: ['orders'] }
 * console.log(socketsOf(services, { doors: [], directory: '.dure' })) // → { sockets: [], overlaps: false }
 * ```
 */
export function socketsOf(
  { members }: Group,
  options: { readonly doors: readonly Door[]; readonly directory: string },
): { readonly sockets: readonly { readonly name: string; readonly address: Address }[]; readonly overlaps: boolean } {
  const { doors, directory } = options
  if (!members.includes(DOORS)) return { sockets: [], overlaps: false }
  const sockets = doors.flatMap(({ name, listens }) =>
    // Of two doors with one name nobody could tell whose the socket is.
    listens === undefined || doors.filter((door) => door.name === name).length > 1 ? [] : [{ name, address: listens(directory) }],
  )
  return { sockets, overlaps: members.length === 1 && sockets.length === doors.length }
}
