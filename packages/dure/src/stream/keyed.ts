import type { AnyEvent } from '../contract/contract.ts'
import { COUNTING, distinctOf, folding, topOf, type Aggregation } from './aggregation.ts'
import { millisecondsOf, type Duration } from './duration.ts'
import { checkName, type Node } from './graph.ts'
import { aggregateNode, dedupeNode, latestNode } from './operators/aggregate.ts'
import { paneNode } from './operators/panes.ts'
import { processNode, type ProcessOptions } from './operators/process.ts'
import { sessionNode } from './operators/sessions.ts'
import { slidingNode } from './operators/sliding.ts'
import { streamJoinNode, type JoinKind } from './operators/stream-join.ts'
import { lookupNode } from './operators/table-joins.ts'
import { mergedNode, streamMembers, streamParts } from './records.ts'
import type { Keyed, Make, Named, Nearness, Output, Table } from './values.ts'
import { policyOf, type Late, type Results, type WindowShape } from './windows.ts'

/** What streams have that are together by a key, beside what all have. */
export function keyedMembers(node: Node, make: Make): object {
  return {
    ...streamMembers(node, make),
    ...streamParts(node, make.keyed),
    ...aggregations(node, aggregateNode, make),
    keyed: true,
    merge: (other: Output) => ('keyed' in other ? make.keyed : make.stream)(mergedNode(node, other.node)),
    window: (shape: WindowShape, policy: Late<never> & { readonly results?: Results }) =>
      aggregations(node, (name, input, aggregation) => windowNode(name, input, shape, policy, aggregation), make),
    toTable: ({ name, isDeleted }: Named & { readonly isDeleted?: (value: never) => boolean }) =>
      make.table(latestNode(checkName('make a table', name), node, isDeleted as (value: unknown) => boolean)),
    dedupe: ({ name, within }: Named & { readonly within?: Duration }) => {
      const what = `declare dedupe "${name}"`
      return make.keyed(
        dedupeNode(checkName(what, name), node, within === undefined ? Infinity : millisecondsOf(what, 'within', within)),
      )
    },
    process: (options: ProcessOptions<never, never, never>) => {
      checkName('declare a processor', options.name)
      return make.keyed(processNode(node, options as unknown as ProcessOptions<unknown, unknown, unknown>))
    },
    join: joining(make, node, 'inner'),
    leftJoin: joining(make, node, 'left'),
    outerJoin: joining(make, node, 'outer'),
  }
}

type Any = Aggregation<unknown, unknown, unknown>

function aggregations(node: Node, nodeOf: (name: string, input: Node, aggregation: Any) => Node, make: Make): object {
  const made = (name: string, aggregation: unknown): Table<unknown> =>
    make.table(nodeOf(checkName('declare an aggregate', name), node, aggregation as Any))
  return {
    aggregate: ({ name, ...aggregation }: Named & Any) => made(name, aggregation),
    count: ({ name }: Named) => made(name, COUNTING),
    reduce: ({ name, reduce }: Named & { readonly reduce: (one: unknown, other: unknown) => unknown }) =>
      made(name, folding(reduce)),
    distinct: ({ name, by }: Named & { readonly by: (value: unknown) => string | number }) => made(name, distinctOf(by)),
    top: ({ name, n, by }: Named & { readonly n: number; readonly by: (value: unknown) => number }) => made(name, topOf(n, by)),
  }
}

function windowNode(
  name: string,
  input: Node,
  shape: WindowShape,
  said: Late<never> & { readonly results?: Results },
  aggregation: Any,
): Node {
  const what = `declare window "${name}"`
  const policy = policyOf(what, said)
  const needsMerge = shape.kind === 'session' || (shape.kind === 'hopping' && shape.size !== shape.every)
  if (needsMerge && aggregation.merge === undefined)
    throw new TypeError(
      `Cannot ${what}: its windows ${shape.kind === 'session' ? 'meet' : 'overlap'}, and its aggregate has no "merge"; say how two states become one`,
    )
  if (shape.kind === 'hopping') return paneNode(name, input, shape, policy, aggregation)
  if (shape.kind === 'session') return sessionNode(name, input, shape.gap, policy, aggregation)
  if (policy.results === 'early')
    throw new TypeError(`Cannot ${what}: a sliding window has no early results; give "final" or "updates"`)
  return slidingNode(name, input, shape.size, policy, aggregation)
}

type JoinOptions = {
  readonly name: string
  readonly within?: Nearness
  readonly asOf?: Duration
  readonly late?: 'drop' | AnyEvent
  readonly join: (left: unknown, right: unknown, key: string) => unknown
}

function joining(
  make: Make,
  node: Node,
  kind: JoinKind,
): (other: { readonly node: Node; readonly table?: true }, options: JoinOptions) => Keyed<unknown> {
  return (other, { name, within, asOf, late, join }) => {
    const what = `declare join "${name}"`
    checkName(what, name)
    const inputs = [node, other.node] as const
    if (other.table === true) {
      if (kind === 'outer') throw new TypeError(`Cannot ${what}: a stream has no outer join with a table; use a left one`)
      return make.keyed(
        lookupNode(name, inputs, { kind, asOf: asOf === undefined ? undefined : millisecondsOf(what, 'asOf', asOf), join }),
      )
    }
    if (within === undefined)
      throw new TypeError(`Cannot ${what}: it does not say how near two records are that match; give "within"`)
    if (late !== 'drop' && (typeof late !== 'object' || late === null))
      throw new TypeError(
        `Cannot ${what}: "late" is ${JSON.stringify(late)}; say what becomes of late records: "drop", or an event`,
      )
    const near = typeof within === 'object' ? within : { before: within, after: within }
    const ms = (side: 'before' | 'after'): number => millisecondsOf(what, `within.${side}`, near[side], 0)
    return make.keyed(streamJoinNode(name, inputs, { kind, within: { before: ms('before'), after: ms('after') }, late, join }))
  }
}
