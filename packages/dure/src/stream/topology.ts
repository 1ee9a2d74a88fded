import type { AnyEvent } from '../contract/contract.ts'
import { offeredIn } from '../service/internal.ts'
import type { Extension } from '../service/service.ts'
import { checkName, type Node, type TopologyNodes } from './graph.ts'
import { topologyKind, type OpenTopologies } from './running/kind.ts'
import { inOrder } from './task.ts'
import type { Output, Table } from './values.ts'
import { openView, type View } from './view.ts'

/**
 * What is done with events, as a value: operators, each behind those that it reads. Made by `topology`, to be listed among the
 * `extensions` of the service whose store has its state.
 */
export type Topology = Extension &
  TopologyNodes & {
    /**
     * What is committed of a table, from a handler of the service.
     * @throws {TypeError} when the context is of another service, or the table has no name of its own
     */
    readonly view: <T>(context: object, table: Table<T>) => View<T>
  }

export type TopologyOptions = {
  /**
   * Bytes of state that a process has in memory, about: as much as its rows have characters, and something for each. What is beyond is in
   * the store alone, and read back by key. A window that closes is in memory as a whole. Default 256 MB.
   */
  readonly memory?: number
}

const MEMORY = 256 * 1024 * 1024

/**
 * Puts together what ends in these outputs: events that are published, and tables that are asked.
 * @throws {TypeError} when two operators have one name, one event is read in two ways, or the memory is no number of bytes
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { describe, stream, topology, tumbling } from 'dure/stream'
 * import { z } from 'zod'
 *
 * const Sold = event('item.sold', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
 * const totals = stream(Sold)
 *   .byKey()
 *   .window(tumbling('10m'), { late: 'drop' })
 *   .aggregate({ name: 'seller-totals', init: () => 0, add: (sum, { cents }) => sum + cents })
 * const sales = topology('sales', [totals])
 * console.log(describe(sales).text.split('\n')[1]) // → item.sold
 * ```
 */
export function topology(name: string, outputs: readonly Output[], { memory = MEMORY }: TopologyOptions = {}): Topology {
  const what = `declare topology "${name}"`
  checkName(what, name)
  const nodes = inOrder(outputs.map(({ node }) => node))
  if (nodes.length === 0) throw new TypeError(`Cannot ${what}: it ends nowhere; give what it publishes, or a table`)
  if (!(Number.isSafeInteger(memory) && memory > 0))
    throw new TypeError(
      `Cannot ${what}: "memory" is ${String(memory)}; give how many bytes of state may be in memory, such as ${MEMORY}`,
    )
  const names = nodes.flatMap((node) => node.name ?? [])
  const twice = names.find((one, at) => names.indexOf(one) !== at)
  if (twice !== undefined)
    throw new TypeError(
      `Cannot ${what}: two of its operators are called "${twice}", and state is found by the name; give each its own`,
    )
  const sources = nodes.filter(({ source }) => source !== undefined)
  for (const [at, { source }] of sources.entries()) {
    const other = sources.findIndex((one) => one.source!.event === source!.event)
    if (other !== at)
      throw new TypeError(
        `Cannot ${what}: it reads event "${source!.event.name}" twice; declare it once, and use that in both places`,
      )
  }
  return Object.freeze({ kind: topologyKind, name, nodes, memory, view: viewOf(name, nodes) as Topology['view'] })
}

function viewOf(name: string, nodes: readonly Node[]): (context: object, table: Output) => View<unknown> {
  return (context, { node }) => {
    const { name: part, read } = node
    if (part === undefined || read === undefined || !nodes.includes(node))
      throw new TypeError(
        `Cannot view "${part ?? node.kind}" of topology "${name}": it has no state that can be asked; give an aggregate, a window or a table that is in it`,
      )
    const found = (offeredIn(context, topologyKind) as OpenTopologies | undefined)?.(name)
    if (found === undefined)
      throw new TypeError(
        `Cannot view "${part}" of topology "${name}": the context is not that of a handler of a service that lists it; add it to "extensions"`,
      )
    return openView({ part, read }, found)
  }
}

/** The sources of a topology, by the events that they read. */
export function sourcesOf({ nodes }: Topology): ReadonlyMap<AnyEvent, Node> {
  return new Map(nodes.flatMap((node) => (node.source === undefined ? [] : [[node.source.event, node]])))
}
