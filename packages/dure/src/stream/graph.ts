import type { AnyEvent } from '../contract/contract.ts'
import type { Cells } from './cells.ts'
import type { Mark } from './mark.ts'
import type { Reading } from './reading.ts'

/**
 * Takes one record. Of a stream `next` is its value; of a table `next` is what a key has from now on, and `before` what it had,
 * each undefined where there is none. `time` is that of the event, in milliseconds since the epoch.
 */
export type Receive = (next: unknown, before: unknown, key: string, time: number) => void

/** An operator at work in one partition. All of it is synchronous: a batch runs through without waiting. */
export type Operator = {
  /** One for each input of its node, in their order. */
  readonly receive: readonly Receive[]
  /** Nothing that is older comes any more. Called in the order of the topology, for every step that the watermark makes. */
  readonly advance?: ((watermark: number) => void) | undefined
  /** At the end of a batch, and while there is none: milliseconds of the clock. */
  readonly tick?: ((now: number) => void) | undefined
  /** Goes on from a watermark: times of its cells are known by now, and cells with an index were told to it. */
  readonly restored?: ((watermark: number) => void) | undefined
  /** Answers what takes back all that it knows beside its cells to how it is now, until this is called again. */
  readonly mark?: Mark | undefined
}

/** What is known in memory of cells that may be in the store alone. */
export type Index<V> = (key: string, at: number, value: V, watermark: number) => void

/** What an operator has of the partition that it works in. */
export type OperatorHost = {
  /** Hands on to all that come behind it. */
  readonly emit: Receive
  /** Its state, of one kind: an operator may have several. `index`: is told each cell as it is read back, and the watermark of then. */
  readonly cells: <V>(part?: string, index?: Index<V>) => Cells<V>
  /** Announces an event with the state that it comes from. */
  readonly publish: (event: AnyEvent, data: unknown, key: string, time: number) => void
  /** Counts what came too late and was dropped. */
  readonly dropped: () => void
}

/** What a source says of the time of its events. */
export type SourceTime = {
  /** Milliseconds since the epoch; undefined: when it was published. */
  readonly of: ((data: unknown) => number) | undefined
  readonly disorder: number
  readonly idle: number
  readonly ahead: number
}

/** What a topology reads. `failures`: what becomes of those behind one that fails. */
export type Source = { readonly event: AnyEvent; readonly time: SourceTime; readonly failures: 'pass' | 'hold' }

/** One operator of a topology, as a value: what it is, what it reads, and how it is opened in a partition. */
export type Node = {
  /** `filter`, `aggregate`, `stream join`, … */
  readonly kind: string
  /** Names its state; undefined where it has none. */
  readonly name: string | undefined
  readonly inputs: readonly Node[]
  /** What its state depends on beside its kind: sizes, policies. State survives an upgrade where this is the same. */
  readonly about: Readonly<Record<string, string | number>>
  readonly open: (host: OperatorHost) => Operator
  readonly source?: Source | undefined
  /** What it hands on goes to the partition of its key. */
  readonly exchange?: boolean | undefined
  /** What it hands on as time passes, and not with a record: results of windows, under keys of their own; or something else. */
  readonly timed?: 'windows' | 'records' | undefined
  /** The rows that it hands on of one key come from several tasks. */
  readonly scattered?: boolean | undefined
  /** What people see of its state; undefined where that says nothing by itself. */
  readonly read?: Reading | undefined
  /** An event that it publishes. */
  readonly publishes?: AnyEvent | undefined
}

/** A topology as what runs it sees it. */
export type TopologyNodes = {
  readonly name: string
  readonly nodes: readonly Node[]
  /** Bytes of state that may be in memory; the rest is read back by key. */
  readonly memory?: number | undefined
}

/** A node without state, which does the same with every record. */
export function plainNode(kind: string, inputs: readonly Node[], receive: (host: OperatorHost) => Receive): Node {
  return {
    ...{ kind, name: undefined, inputs, about: {} },
    open: (host) => {
      const one = receive(host)
      return { receive: inputs.map(() => one) }
    },
  }
}

/** @throws {TypeError} when it cannot name state */
export function checkName(what: string, name: unknown): string {
  if (typeof name === 'string' && /^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) return name
  throw new TypeError(
    `Cannot ${what}: ${JSON.stringify(name)} cannot name its state; use up to 64 lower-case letters, digits and dashes, and keep it over releases`,
  )
}
