import type { AnyEvent } from '../contract/contract.ts'
import { plainNode, type Node } from './graph.ts'
import type { Make, Output } from './values.ts'

type Change = (value: unknown, key: string, time: number) => unknown
type Keep = (value: unknown, key: string) => unknown

/** What streams have with and without keys. */
export function streamParts(node: Node, made: (node: Node) => object): object {
  return {
    filter: (keep: Keep) =>
      made(
        plainNode('filter', [node], ({ emit }) => (next, before, key, time) => {
          if (keep(next, key)) emit(next, before, key, time)
        }),
      ),
    map: (change: Change) =>
      made(
        plainNode(
          'map',
          [node],
          ({ emit }) =>
            (next, before, key, time) =>
              emit(change(next, key, time), before, key, time),
        ),
      ),
    flatMap: (change: Change) =>
      made(
        plainNode('flatMap', [node], ({ emit }) => (next, before, key, time) => {
          for (const value of change(next, key, time) as Iterable<unknown>) emit(value, before, key, time)
        }),
      ),
  }
}

/** What streams have without a key. */
export function streamMembers(node: Node, make: Make): object {
  return {
    node,
    ...streamParts(node, make.stream),
    merge: (other: Output) => make.stream(mergedNode(node, other.node)),
    branch: (ways: Readonly<Record<string, Keep>>) => branches(node, ways, make),
    keyBy: (by: (value: unknown) => string | number) =>
      make.keyed({
        ...plainNode(
          'keyBy',
          [node],
          ({ emit }) =>
            (next, before, _, time) =>
              emit(next, before, String(by(next)), time),
        ),
        exchange: true,
      }),
    byKey: () => make.keyed(node),
    to: (event: AnyEvent, change?: Change) => ({ node: publishedNode(node, event, change) }),
  }
}

export function mergedNode(one: Node, other: Node): Node {
  const inputs = [one, other]
  return {
    ...{ kind: 'merge', name: undefined, inputs, about: {} },
    open: ({ emit }) => ({ receive: [emit, emit] }),
  }
}

function branches(node: Node, ways: Readonly<Record<string, Keep>>, make: Make): object {
  const all = Object.entries(ways)
  const branch = (index: number): Node =>
    plainNode('branch', [node], ({ emit }) => (next, before, key, time) => {
      for (let at = 0; at < index; at++) if (all[at]![1](next, key)) return
      if (all[index]![1](next, key)) emit(next, before, key, time)
    })
  return Object.fromEntries(all.map(([name], index) => [name, make.stream(branch(index))]))
}

/** Publishes; of a table, what a key has from now on. */
export function publishedNode(input: Node, event: AnyEvent, make?: Change): Node {
  return {
    ...plainNode(`to ${event.name}`, [input], ({ publish }) => (next, _, key, time) => {
      if (next === undefined) return
      const data = make === undefined ? next : make(next, key, time)
      if (data !== undefined) publish(event, data, key, time)
    }),
    publishes: event,
  }
}
