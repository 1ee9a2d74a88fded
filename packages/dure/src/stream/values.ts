import type { AnyEvent, EventInput } from '../contract/contract.ts'
import type { Aggregation, ChangingAggregation } from './aggregation.ts'
import type { Duration } from './duration.ts'
import type { Node } from './graph.ts'
import type { ProcessOptions } from './operators/process.ts'
import type { Late, Results, WindowResult, WindowShape } from './windows.ts'

/** What needs state has a name: that is where the state is found, over releases. */
export type Named = { readonly name: string }

/** Something that a topology ends with: all that leads to it is done. */
export type Output = { readonly node: Node }

/** Records, one after the other. Operators are synchronous, and must do the same with the same record. */
export type Stream<T> = Output & {
  readonly filter: {
    <S extends T>(is: (value: T, key: string) => value is S): Stream<S>
    (keep: (value: T, key: string) => unknown): Stream<T>
  }
  readonly map: <R>(change: (value: T, key: string, time: number) => R) => Stream<R>
  readonly flatMap: <R>(change: (value: T, key: string, time: number) => Iterable<R>) => Stream<R>
  readonly merge: (other: Stream<T>) => Stream<T>
  /** A stream for each name, of the records that its function lets through: the first of them that does takes it. */
  readonly branch: <Names extends string>(
    ways: Readonly<Record<Names, (value: T, key: string) => unknown>>,
  ) => Readonly<Record<Names, Stream<T>>>
  /** Puts together what has one key; it goes to the partition of that key. */
  readonly keyBy: (key: (value: T) => string | number) => Keyed<T>
  /** Puts together by the key that the events have: their topic has it so already. */
  readonly byKey: () => Keyed<T>
  /** Publishes an event of each, with the state that led to it or not at all. What `make` says is undefined is left out. */
  readonly to: {
    <E extends AnyEvent>(event: T extends EventInput<E> ? E : never): Output
    <E extends AnyEvent>(event: E, make: (value: T, key: string, time: number) => EventInput<E> | undefined): Output
  }
}

/** What can be made of the values of a key. */
export type Aggregations<T, Made> = {
  readonly aggregate: <A, R = A>(options: Named & Aggregation<T, A, R>) => Result<Made, R>
  readonly count: (options: Named) => Result<Made, number>
  readonly reduce: (options: Named & { readonly reduce: (one: T, other: T) => T }) => Result<Made, T>
  /** How many different ones, told apart by `by`. */
  readonly distinct: (options: Named & { readonly by: (value: T) => string | number }) => Result<Made, number>
  /** The `n` with the largest `by`, the largest first; of equal ones, those that came first. */
  readonly top: (options: Named & { readonly n: number; readonly by: (value: T) => number }) => Result<Made, readonly T[]>
}

type Result<Made, R> = Made extends 'window' ? Table<WindowResult<R>> : Table<R>

/** How near two records are that match: as far as this to either side; or the right one from `before` the left one to `after` it. */
export type Nearness = Duration | { readonly before: Duration; readonly after: Duration }

type StreamJoin<T, U, L, R, O> = Named & {
  readonly within: Nearness
  /** What becomes of a record when all that it could have matched is gone. */
  readonly late: 'drop' | AnyEvent
  readonly join: (left: T | L, right: U | R, key: string) => O
}
type Lookup<T, U, R, O> = Named & {
  /** Takes what the table had at the time of the record, as far back as this. Default: what it has at the moment. */
  readonly asOf?: Duration
  readonly join: (value: T, found: U | R, key: string) => O
}

/** Records that are together by their key: all of one key are in one partition. */
export type Keyed<T> = Omit<Stream<T>, 'filter' | 'map' | 'flatMap' | 'merge'> &
  Aggregations<T, 'all'> & {
    readonly keyed: true
    readonly filter: {
      <S extends T>(is: (value: T, key: string) => value is S): Keyed<S>
      (keep: (value: T, key: string) => unknown): Keyed<T>
    }
    readonly map: <R>(change: (value: T, key: string, time: number) => R) => Keyed<R>
    readonly flatMap: <R>(change: (value: T, key: string, time: number) => Iterable<R>) => Keyed<R>
    readonly merge: { (other: Keyed<T>): Keyed<T>; (other: Stream<T>): Stream<T> }
    /**
     * Puts what comes next together by time as well.
     * @param policy what becomes of late events, which has no default; and when results are told, `final` where it is not said
     */
    readonly window: (shape: WindowShape, policy: Late<T> & { readonly results?: Results }) => Aggregations<T, 'window'>
    /** The latest value of each key. */
    readonly toTable: (options: Named & { readonly isDeleted?: (value: T) => boolean }) => Table<T>
    /** Lets the first of a key through; and another when it is `within` later, where that is said. */
    readonly dedupe: (options: Named & { readonly within?: Duration }) => Keyed<T>
    readonly process: <S, O>(options: ProcessOptions<T, S, O>) => Keyed<O>
    readonly join: {
      <U, O>(other: Keyed<U>, options: StreamJoin<T, U, never, never, O>): Keyed<O>
      <U, O>(table: Table<U>, options: Lookup<T, U, never, O>): Keyed<O>
    }
    readonly leftJoin: {
      <U, O>(other: Keyed<U>, options: StreamJoin<T, U, never, undefined, O>): Keyed<O>
      <U, O>(table: Table<U>, options: Lookup<T, U, undefined, O>): Keyed<O>
    }
    readonly outerJoin: <U, O>(other: Keyed<U>, options: StreamJoin<T, U, undefined, undefined, O>) => Keyed<O>
  }

/** Two tables of one key, or one whose rows name a key of the other. */
type TableJoin<T, U, L, R, O> = Named & { readonly join: (left: T | L, right: U | R, key: string) => O }
type ForeignJoin<T, U, R, O> = TableJoin<T, U, never, R, O> & {
  /** The key of the other table that a row names; undefined where it names none. */
  readonly on: (row: T) => string | undefined
}

/** One value a key, which changes. What changes is handed on with what was there before, so that it can be taken back. */
export type Table<T> = Output & {
  readonly table: true
  readonly filter: (keep: (value: T, key: string) => unknown) => Table<T>
  readonly map: <R>(change: (value: T, key: string) => R) => Table<R>
  /** What each key has from now on, whenever it changes; nothing where it has nothing any more. */
  readonly toStream: () => Keyed<T>
  /** Rows by another key, to be put together anew. A row that changes is taken from what it was in. */
  readonly groupBy: (key: (value: T, key: string) => string | number) => GroupedTable<T>
  readonly join: {
    <U, O>(other: Table<U>, options: ForeignJoin<T, U, never, O>): Table<O>
    <U, O>(other: Table<U>, options: TableJoin<T, U, never, never, O>): Table<O>
  }
  readonly leftJoin: {
    <U, O>(other: Table<U>, options: ForeignJoin<T, U, undefined, O>): Table<O>
    <U, O>(other: Table<U>, options: TableJoin<T, U, never, undefined, O>): Table<O>
  }
  readonly outerJoin: <U, O>(other: Table<U>, options: TableJoin<T, U, undefined, undefined, O>) => Table<O>
  /** Publishes an event of what each key has from now on. */
  readonly to: {
    <E extends AnyEvent>(event: T extends EventInput<E> ? E : never): Output
    <E extends AnyEvent>(event: E, make: (value: T, key: string, time: number) => EventInput<E> | undefined): Output
  }
}

export type GroupedTable<T> = {
  readonly aggregate: <A, R = A>(options: Named & ChangingAggregation<T, A, R>) => Table<R>
  readonly count: (options: Named) => Table<number>
}

/** Makes values of nodes. */
export type Make = {
  readonly stream: (node: Node) => Stream<unknown>
  readonly keyed: (node: Node) => Keyed<unknown>
  readonly table: (node: Node) => Table<unknown>
}
