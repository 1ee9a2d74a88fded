import type { AnyEvent } from '../contract/contract.ts'
import { checkName, type Node } from './graph.ts'
import { inOrder } from './task.ts'
import type { Output } from './values.ts'

/** What is done with events, as a value: operators, each behind those that it reads. Made by `topology`. */
export type Topology = {
  readonly name: string
  readonly nodes: readonly Node[]
}

/**
 * Puts together what ends in these outputs: events that are published, and tables that are asked.
 * @throws {TypeError} when two operators have one name, or one event is read in two ways
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
export function topology(name: string, outputs: readonly Output[]): Topology {
  const what = `declare topology "${name}"`
  checkName(what, name)
  const nodes = inOrder(outputs.map(({ node }) => node))
  if (nodes.length === 0) throw new TypeError(`Cannot ${what}: it ends nowhere; give what it publishes, or a table`)
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
  return Object.freeze({ name, nodes })
}

/** The sources of a topology, by the events that they read. */
export function sourcesOf({ nodes }: Topology): ReadonlyMap<AnyEvent, Node> {
  return new Map(nodes.flatMap((node) => (node.source === undefined ? [] : [[node.source.event, node]])))
}
