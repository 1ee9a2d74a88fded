import type { AnyEvent } from '../contract/contract.ts'
import { COUNTING, type ChangingAggregation } from './aggregation.ts'
import { checkName, plainNode, type Node } from './graph.ts'
import { regroupedNode } from './operators/aggregate.ts'
import type { JoinKind } from './operators/stream-join.ts'
import { foreignJoinNode, referringNode, tableJoinNode } from './operators/table-joins.ts'
import { publishedNode } from './records.ts'
import type { Make, Named, Output, Table } from './values.ts'

type Value = (value: unknown, key: string) => unknown

export function tableMembers(node: Node, make: Make): object {
  return {
    node,
    table: true,
    filter: (keep: Value) =>
      make.table(
        plainNode('filter table', [node], ({ emit }) => (next, before, key, time) => {
          const now = next !== undefined && keep(next, key) ? next : undefined
          const was = before !== undefined && keep(before, key) ? before : undefined
          if (now !== undefined || was !== undefined) emit(now, was, key, time)
        }),
      ),
    map: (change: Value) =>
      make.table(
        plainNode('map table', [node], ({ emit }) => (next, before, key, time) => {
          const was = before === undefined ? undefined : change(before, key)
          emit(next === undefined ? undefined : change(next, key), was, key, time)
        }),
      ),
    toStream: () =>
      make.keyed(
        plainNode('toStream', [node], ({ emit }) => (next, _, key, time) => {
          if (next !== undefined) emit(next, undefined, key, time)
        }),
      ),
    groupBy: (by: Value) => groupedOf(make, node, (value, key) => String(by(value, key))),
    join: joining(make, node, 'inner'),
    leftJoin: joining(make, node, 'left'),
    outerJoin: joining(make, node, 'outer'),
    to: (event: AnyEvent, make?: (value: unknown, key: string, time: number) => unknown) => ({
      node: publishedNode(node, event, make),
    }),
  }
}

function groupedOf(make: Make, input: Node, by: (value: unknown, key: string) => string): object {
  const regrouped: Node = {
    ...plainNode('groupBy', [input], ({ emit }) => (next, before, key, time) => {
      const from = before === undefined ? undefined : by(before, key)
      const to = next === undefined ? undefined : by(next, key)
      if (from !== undefined && from === to) return emit(next, before, from, time)
      if (from !== undefined) emit(undefined, before, from, time)
      if (to !== undefined) emit(next, undefined, to, time)
    }),
    exchange: true,
  }
  const made = (name: string, aggregation: unknown): Table<unknown> =>
    make.table(
      regroupedNode(
        checkName('declare an aggregate', name),
        regrouped,
        aggregation as ChangingAggregation<unknown, unknown, unknown>,
      ),
    )
  return {
    aggregate: ({ name, ...aggregation }: Named & object) => made(name, aggregation),
    count: ({ name }: Named) => made(name, COUNTING),
  }
}

type Options = {
  readonly name: string
  readonly on?: (row: unknown) => string | undefined
  readonly join: (left: unknown, right: unknown, key: string) => unknown
}

function joining(make: Make, node: Node, kind: JoinKind): (other: Output, options: Options) => Table<unknown> {
  return (other, { name, on, join }) => {
    const what = `declare join "${name}"`
    checkName(what, name)
    if (on === undefined) return make.table(tableJoinNode(name, [node, other.node], kind, join))
    if (kind === 'outer') throw new TypeError(`Cannot ${what}: rows that name a key have no outer join; use a left one`)
    return make.table(foreignJoinNode(name, [referringNode(node, on), other.node], kind, join))
  }
}
