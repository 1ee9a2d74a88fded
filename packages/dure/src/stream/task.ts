import type { AnyEvent } from '../contract/contract.ts'
import type { Index, Node, Operator, Receive, SourceTime } from './graph.ts'
import { createCells, type HeldCells } from './cells.ts'
import { marks, type Mark } from './mark.ts'
import type { Handed } from './exchange.ts'
import { settled } from './operators/settled.ts'
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
  /** Where a topology is cut: what takes records of a node to other tasks. Default: all stays here. */
  readonly sends?: ((node: Node) => Receive | undefined) | undefined
  /** What others hand on to it, by the names that it goes under: their nodes are not among these. */
  readonly takes?: ReadonlyMap<string, Node> | undefined
  /** Is told all that the operators with names hand on. */
  readonly observe?: ((name: string) => Receive) | undefined
  /** Is told what leads to what. */
  readonly trace?: Trace | undefined
  /** What the clock says as it is opened. */
  readonly now: number
}

/** A record that another task has handed on, and what it knows of time. */
export type HandedRecord = Pick<Handed, 'edge' | 'key' | 'time' | 'next' | 'before'> & { readonly sender: string }
/** `quiet`: since when it has had nothing to read; its time goes on with the clock from then on. */
export type SenderTime = {
  readonly stage: string
  readonly partition: number
  readonly watermark: number
  readonly quiet: number | undefined
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
  /** Makes a task known that hands on to this one: its time is waited for. */
  readonly openSender: (stage: string, partition: number) => void
  /** Runs through what others have handed on, counted from `from`. It moves no time. */
  readonly take: (records: readonly HandedRecord[], from?: number) => void
  /** All that these had handed on when they said so was taken. */
  readonly heard: (senders: readonly SenderTime[], now: number) => void
  /** Lets time pass without records. `isRead`: nothing is left of a partition of a topic. */
  readonly tick: (now: number, isRead?: (topic: string, partition: number) => boolean) => void
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

type Slot = { readonly input: Input; readonly topic: string; readonly partition: number }

/** What a watermark waits for: partitions of sources, and of stages by their names. */
function createSlots(watermark: Watermark) {
  const slots = new Map<Node | string, Map<number, Slot>>()
  return {
    of: (of: Node | string, partition: number, now: number): Slot => {
      let own = slots.get(of)
      if (own === undefined) slots.set(of, (own = new Map()))
      let slot = own.get(partition)
      if (slot === undefined) {
        const input = typeof of === 'string' ? watermark.input(SENDER_TIME, Infinity) : watermark.input(of.source!.time, now)
        slot = { input, topic: typeof of === 'string' ? of : of.source!.event.topic, partition }
        own.set(partition, slot)
      }
      return slot
    },
    newest: (topic: string, partition: number): number | undefined => {
      let least = Infinity
      for (const own of slots.values()) {
        const slot = own.get(partition)
        if (slot?.topic === topic && slot.input.newest > -Infinity) least = Math.min(least, slot.input.newest)
      }
      return least === Infinity ? undefined : least
    },
    reading:
      (isRead: (topic: string, partition: number) => boolean) =>
      (input: Input): boolean => {
        for (const own of slots.values())
          for (const slot of own.values()) if (slot.input === input) return isRead(slot.topic, slot.partition)
        return true
      },
  }
}

export function openTask(options: TaskOptions): Task {
  const { nodes, now: started, trace } = options
  const counts: TaskCounts = { records: 0, aside: 0, late: new Map(), told: new Map() }
  const parts: Part[] = []
  const { operators, entries } = openAll(options, parts, counts)
  const advancing = nodes.flatMap((node) => operators.get(node)!.advance ?? [])
  const ticking = nodes.flatMap((node) => operators.get(node)!.tick ?? [])
  const marking = nodes.flatMap((node) => operators.get(node)!.mark ?? [])
  const watermark = createWatermark()
  const slots = createSlots(watermark)
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
  const tick: Task['tick'] = (to, isRead) => {
    now = Math.max(now, to)
    trace?.record(-1)
    if (watermark.tick(now, isRead && slots.reading(isRead))) advance()
    for (const one of ticking) one(now)
  }

  return {
    open: (node, partition, at, newest = -Infinity) => {
      now = Math.max(now, at)
      const { input } = slots.of(node, partition, now)
      input.newest = Math.max(input.newest, newest)
    },
    newest: slots.newest,
    process: (node, partition, records, at, from = 0) => {
      now = Math.max(now, at)
      const { input } = slots.of(node, partition, now)
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
      // Nobody becomes idle by it: whether others have nothing left to read is not known here.
      for (const one of ticking) one(now)
    },
    openSender: (stage, partition) => void slots.of(stage, partition, now),
    take: (records, from = 0) => {
      counts.records += records.length
      index = from - 1
      for (const { edge, sender, next, before, key, time } of records) {
        index++
        trace?.record(index)
        const entry = entries.get(edge)
        if (entry === undefined)
          throw new Error(
            `Taking a record of "${edge}" failed: this release hands nothing on under that name. To do: let the release before it finish what waits, and then stop it`,
          )
        entry(sender)(next, before, key, time)
      }
      index = -1
    },
    heard: (senders, at) => {
      now = Math.max(now, at)
      for (const { stage, partition, watermark: to, quiet } of senders) {
        const { input } = slots.of(stage, partition, now)
        input.newest = Math.max(input.newest, to)
        // What went by while nobody was here says nothing.
        input.came = quiet === undefined ? Infinity : Math.max(quiet, started)
        if (quiet === undefined) input.quiet = false
      }
      if (watermark.settle()) advance()
      for (const one of ticking) one(now)
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
  { nodes, publish, sends, takes = new Map(), observe, trace }: TaskOptions,
  parts: Part[],
  counts: TaskCounts,
): { readonly operators: ReadonlyMap<Node, Operator>; readonly entries: ReadonlyMap<string, (sender: string) => Receive> } {
  const operators = new Map<Node, Operator>()
  const behind = (node: Node): readonly Receive[] =>
    nodes.flatMap((one) => one.inputs.flatMap((input, at) => (input === node ? operators.get(one)!.receive[at]! : [])))
  const cellsOf =
    (name: string) =>
    <V>(part = '', index?: Index<V>) => {
      const held = createCells<V>()
      const own = { part: part === '' ? name : `${name}/${part}`, held, index }
      parts.push(own as unknown as Part)
      return held.cells
    }
  for (const node of nodes.toReversed()) {
    const here = sends !== undefined && node.exchange === true ? [] : behind(node)
    const seen = observe !== undefined && node.name !== undefined ? [observe(node.name)] : []
    const on = fanOut([...seen, ...here, ...[sends?.(node) ?? []].flat()])
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
      cells: cellsOf(name),
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
  const entries = new Map<string, (sender: string) => Receive>()
  for (const [edge, node] of takes) {
    const one = fanOut(behind(node))
    entries.set(edge, node.scattered === true ? settled(cellsOf(node.name!)('told'), one) : () => one)
  }
  return { operators, entries }
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

/** What a task says of its time is so as it says it. */
const SENDER_TIME: SourceTime = { of: undefined, disorder: 0, idle: 0, ahead: 0 }

/** The time of a source, with defaults. */
export const SOURCE_TIME: SourceTime = { of: undefined, disorder: 0, idle: 30_000, ahead: 86_400_000 }
