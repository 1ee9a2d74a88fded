import { keyedMembers } from './keyed.ts'
import { streamMembers } from './records.ts'
import { tableMembers } from './table.ts'
import type { Keyed, Make, Stream, Table } from './values.ts'

/** Streams and tables of nodes. Their types were checked where the operators were called. */
export const make: Make = {
  stream: (node) => synchronous(streamMembers(node, make)) as Stream<unknown>,
  keyed: (node) => synchronous(keyedMembers(node, make)) as Keyed<unknown>,
  table: (node) => synchronous(tableMembers(node, make)) as Table<unknown>,
}

/** The same members, which take no function that would have to be waited for: a promise is true, and no value. */
function synchronous(members: object): object {
  const checked = Object.entries(members).map(([name, member]) => {
    if (typeof member !== 'function') return [name, member]
    return [
      name,
      (...given: readonly unknown[]): unknown => {
        for (const one of given) refuseAsync(name, one)
        const made = (member as (...all: readonly unknown[]) => unknown)(...given)
        // What windows and groups offer is no stream yet.
        return typeof made === 'object' && made !== null && !('node' in made) ? synchronous(made) : made
      },
    ]
  })
  return Object.fromEntries(checked) as object
}

/** @throws {TypeError} when it is such a function, or has one among its options */
function refuseAsync(operator: string, given: unknown): void {
  const among = typeof given === 'object' && given !== null && !('node' in given) ? Object.entries(given) : [['', given]]
  for (const [name, one] of among)
    if (typeof one === 'function' && Object.prototype.toString.call(one).startsWith('[object Async'))
      throw new TypeError(
        `Cannot declare "${operator}": ${name === '' ? 'its function' : `its "${String(name)}"`} is asynchronous, and operators do not wait; publish an event, and have a reaction to it do what waits`,
      )
}
