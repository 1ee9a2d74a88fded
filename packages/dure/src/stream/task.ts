import type { AnyEvent } from '../contract/contract.ts'
import type { Index, Node, Operator, Receive, SourceTime } from './graph.ts'
import { createCells, type HeldCells } from './cells.ts'
import { marks, type Mark } from './mark.ts'
import { createWatermark, type Input, type Watermark } from './watermark.ts'

/** A record as it comes in: decoded, of one source. `time` as its message says. */
export type InputRecord = { readonly value: unknown; readonly key: string; readonly time: number }

/** Listens to operators with names, while it is on; it says so of each record. */
export type Trace = {
  readonly isOn: boolean
  /** The record of this index runs through from now on; -1: what time makes of the state. */
  readonly record: (index: number) => void
  /** Answers what to call when it turns out to be late. */
  readonly took: (name: string, key: string, time: number) => () => void
  readonly told: (name: string, next: unknown, key: string, time: number) => void
}

export type TaskOptions = {
  /** All nodes that work here, each behind those that it reads. */
  readonly nodes: readonly Node[]
  /** An event to be announced, with what it was made of. */
  readonly publish: (event: AnyEvent, data: unknown, key: string, time: number) => void
  /** Takes what goes to the partition of its key. Default: it stays here. */
  readonly exchange?: ((node: Node) => Receive) | undefined
  /** Is told all that the operators with names hand on. */
  readonly observe?: ((name: string) => Receive) | undefined
  /** Is told what leads to what. */
  readonly trace?: Trace | undefined
  /** What the clock says as it is opened. */
  readonly now: number
}

/** The state of one operator, under the name that it is written by. */
export type Part = {
  readonly part: string
  readonly held: HeldCells<unknown>
  /** Something is known in memory of all of its cells. */
  readonly index: Index<unknown> | undefined
}

/** What has been counted since the task was opened. */
export type TaskCounts = {
  records: number
  /** Events whose time is none, or further ahead of the clock than their source allows: set aside, they close no window. */
  aside: number
  /** Dropped because they were late, by the name of the operator. */
  readonly late: Map<string, number>
  /** What operators with names have handed on. */
  readonly told: Map<string, { count: number }>
}

/** A topology, or a part of it, at work on some partitions: synchronous, without any world. */
export type Task = {
  /** Makes a partition of a source known: its time is waited for. `newest`: of the events that it has had already. */
  readonly open: (node: Node, partition: number, now: number, newest?: number) => void
  /** The time of the newest event of a partition so far; of several kinds of events in it, that of the kind which is furthest behind. */
  readonly newest: (topic: string, partition: number) => number | undefined
  /** Runs a batch through. What a function of the user throws comes out; the state is then of no use. */
  readonly process: (node: Node, partition: number, records: readonly InputRecord[], now: number, from?: number) => void
  /** The record that is run through, counted on from `from`; -1 while what windows make of the time is under way. */
  readonly at: () => number
  /** Lets time pass without records. */
  readonly tick: (now: number, isRead?: (node: Node, partition: number) => boolean) => void
  /** Nothing more will come: all windows close. */
  readonly end: () => void
  readonly parts: readonly Part[]
  readonly watermark: Watermark
  readonly counts: TaskCounts
  /** Cells were loaded: goes on from a watermark. */
  readonly restored: (watermark: number) => void
  /** Answers what takes back all that is done from now on, but for cells, until this is called again. */
  readonly mark: Mark
}

type Slot = { readonly input: Input; readonly node: Node; readonly partition: number }

export function openTask(options: TaskOptions): Task {
  const { nodes, now: started, trace } = options
  const counts: TaskCounts = { records: 0, aside: 0, late: new Map(), told: new Map() }
  const parts: Part[] = []
  const operators = openAll(options, parts, counts)
  const advancing = nodes.flatMap((node) => operators.get(node)!.advance ?? [])
  const ticking = nodes.flatMap((node) => operators.get(node)!.tick ?? [])
  const marking = nodes.flatMap((node) => operators.get(node)!.mark ?? [])
  const watermark = createWatermark()
  const slots = new Map<Node, Map<number, Slot>>()
  let now = started
  let index = -1

  const advance = (): void => {
    const to = watermark.now()
    const before = index
    index = -1
    trace?.record(index)
    for (const one of advancing) one(to)
    index = before
  }
  const slotOf = (node: Node, partition: number): Slot => {
    let own = slots.get(node)
    if (own === undefined) slots.set(node, (own = new Map()))
    let slot = own.get(partition)
    if (slot === undefined) {
      slot = { input: watermark.input(node.source!.time, now), node, partition }
      own.set(partition, slot)
    }
    return slot
  }
  const tick: Task['tick'] = (to, isRead) => {
    now = Math.max(now, to)
    const read =
      isRead &&
      ((input: Input): boolean => {
        for (const own of slots.values())
          for (const slot of own.values()) if (slot.input === input) return isRead(slot.node, slot.partition)
        return true
      })
    trace?.record(-1)
    if (watermark.tick(now, read)) advance()
    for (const one of ticking) one(now)
  }

  return {
    open: (node, partition, at, newest = -Infinity) => {
      now = Math.max(now, at)
      const { input } = slotOf(node, partition)
      input.newest = Math.max(input.newest, newest)
    },
    newest: (topic, partition) => {
      let least = Infinity
      for (const [node, own] of slots) {
        const newest = node.source!.event.topic === topic ? own.get(partition)?.input.newest : undefined
        if (newest !== undefined && newest > -Infinity) least = Math.min(least, newest)
      }
      return least === Infinity ? undefined : least
    },
    process: (node, partition, records, at, from = 0) => {
      now = Math.max(now, at)
      const { input } = slotOf(node, partition)
      const { time: said } = input
      const receive = operators.get(node)!.receive[0]!
      const most = now + said.ahead
      input.came = now
      input.quiet = false
      counts.records += records.length
      index = from - 1
      for (const { value, key, time: published } of records) {
        index++
        trace?.record(index)
        const time = said.of === undefined ? published : said.of(value)
        // Not a number is neither.
        if (!(time >= 0 && time <= most)) {
          counts.aside++
          continue
        }
        receive(value, undefined, key, time)
        if (time > input.newest && watermark.newer(input, time)) advance()
      }
      index = -1
      tick(now)
    },
    at: () => index,
    tick,
    end: () => {
      for (const one of advancing) one(Infinity)
      for (const one of ticking) one(Infinity)
    },
    parts,
    watermark,
    counts,
    restored: (to) => {
      watermark.restore(to)
      for (const operator of operators.values()) operator.restored?.(to)
    },
    mark: marks(watermark.mark, ...marking, () => {
      const { records, aside } = counts
      const late = [...counts.late]
      const told = [...counts.told.values()].map(({ count }) => count)
      return () => {
        Object.assign(counts, { records, aside })
        counts.late.clear()
        for (const [name, count] of late) counts.late.set(name, count)
        for (const [at, one] of [...counts.told.values()].entries()) one.count = told[at]!
      }
    }),
  }
}

/** Opens the operators from the last to the first, so that each knows what it hands on to. */
function openAll(
  { nodes, publish, exchange, observe, trace }: TaskOptions,
  parts: Part[],
  counts: TaskCounts,
): ReadonlyMap<Node, Operator> {
  const operators = new Map<Node, Operator>()
  for (const node of nodes.toReversed()) {
    const behind = nodes.flatMap((one) =>
      one.inputs.flatMap((input, at) => (input === node ? operators.get(one)!.receive[at]! : [])),
    )
    if (observe !== undefined && node.name !== undefined) behind.unshift(observe(node.name))
    const on = node.exchange === true && exchange !== undefined ? exchange(node) : fanOut(behind)
    const name = node.name ?? ''
    const own = { count: 0 }
    if (node.name !== undefined) counts.told.set(name, own)
    let isLate = false
    const opened = node.open({
      emit:
        node.name === undefined
          ? on
          : (next, before, key, time) => {
              own.count++
              if (trace?.isOn === true) trace.told(name, next, key, time)
              on(next, before, key, time)
            },
      publish: (event, data, key, time) => {
        isLate = true
        publish(event, data, key, time)
      },
      cells: <V>(part = '', index?: Index<V>) => {
        const held = createCells<V>()
        const own = { part: part === '' ? name : `${name}/${part}`, held, index }
        parts.push(own as unknown as Part)
        return held.cells
      },
      dropped: () => {
        isLate = true
        counts.late.set(name, (counts.late.get(name) ?? 0) + 1)
      },
    })
    const traced =
      (one: Receive): Receive =>
      (next, before, key, time) => {
        if (!trace!.isOn) return one(next, before, key, time)
        isLate = false
        const late = trace!.took(name, key, time)
        one(next, before, key, time)
        // An operator with a name publishes nothing but what is late.
        if (isLate) late()
      }
    operators.set(
      node,
      trace === undefined || node.name === undefined ? opened : { ...opened, receive: opened.receive.map(traced) },
    )
  }
  return operators
}

function fanOut(behind: readonly Receive[]): Receive {
  const [first, second, ...others] = behind
  if (first === undefined) return () => {}
  if (second === undefined) return first
  if (others.length === 0)
    return (next, before, key, time) => {
      first(next, before, key, time)
      second(next, before, key, time)
    }
  return (next, before, key, time) => {
    for (const one of behind) one(next, before, key, time)
  }
}

/** All nodes that these depend on, each behind those that it reads. */
export function inOrder(ends: readonly Node[]): readonly Node[] {
  const ordered = new Set<Node>()
  const visit = (node: Node): void => {
    if (ordered.has(node)) return
    node.inputs.forEach(visit)
    ordered.add(node)
  }
  ends.forEach(visit)
  return [...ordered]
}

/** The time of a source, with defaults. */
export const SOURCE_TIME: SourceTime = { of: undefined, disorder: 0, idle: 30_000, ahead: 86_400_000 }
