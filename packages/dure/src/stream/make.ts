import { keyedMembers } from './keyed.ts'
import { streamMembers } from './records.ts'
import { tableMembers } from './table.ts'
import type { Keyed, Make, Stream, Table } from './values.ts'

/** Streams and tables of nodes. Their types were checked where the operators were called. */
export const make: Make = {
  stream: (node) => streamMembers(node, make) as Stream<unknown>,
  keyed: (node) => keyedMembers(node, make) as Keyed<unknown>,
  table: (node) => tableMembers(node, make) as Table<unknown>,
}
