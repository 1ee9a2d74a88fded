import type { Client } from '../call/call.ts'
import type {
  AnyEvent,
  AnyRequest,
  AnySchema,
  EventData,
  EventInput,
  InputOf,
  OutputOf,
  RequestOutput,
  Schema,
} from '../contract/contract.ts'
import type { DatabaseDefinition, Transaction } from '../data/data.ts'
import type { RetryPolicy } from '../messaging/messaging.ts'
import type { Extension, Needs, ServiceContext } from '../service/service.ts'

/** What a step's work has beside its saga: a client for each need, whose commands carry keys of the step. */
export type StepContext<N extends Needs = Needs> = ServiceContext & { readonly [K in keyof N]: Client<N[K]> }

/** What a step's transaction is: the service's own, with what sagas join. */
export type StepTransaction<Tables> = Transaction<Tables> & SagaTransaction

type StepOptions<T> = {
  /** Of the result. What is kept of it is checked; a saga whose code changes it is refused while instances have such a result. */
  readonly output?: Schema<unknown, T>
  /** How it is tried again when it fails with anything but a declared error. Then the saga pauses. */
  readonly retry?: Partial<RetryPolicy>
  /** Milliseconds one try may take. Default 30,000; of a transaction 5,000. */
  readonly timeout?: number
}

/** Work outside of transactions: calls to other services. It may be done again when its process dies: the callee knows its key. */
export type CallStep<N extends Needs, T> = StepOptions<T> & {
  readonly do: (context: StepContext<N>) => Promise<T> | T
  /**
   * Takes back what it did, when a later step is refused. Asked as well when it is not known whether it was done: then without a
   * result. Tried until it succeeds; must not mind being done twice.
   */
  readonly undo?: (context: StepContext<N>, result: T | undefined) => Promise<unknown> | unknown
}

/** Work on the service's own rows: its result commits with them, so it is done exactly once. */
export type RowsStep<Tables, T> = StepOptions<T> & {
  readonly transaction: (tx: StepTransaction<Tables>) => Promise<T> | T
  readonly undo?: (tx: StepTransaction<Tables>, result: T) => Promise<unknown> | unknown
}

export type Signals = Readonly<Record<string, AnySchema>>

/** What a saga's code asks for. One thing at a time; each under a name of its own. */
export type SagaContext<N extends Needs = Needs, Tables = unknown, S extends Signals = Signals> = {
  readonly id: string
  /** When all of it has to be over; undefined when nobody has said. */
  readonly deadline: Date | undefined
  /** Does something once, and remembers what it came to. */
  readonly step: {
    <T>(name: string, options: CallStep<N, T>): Promise<T>
    <T>(name: string, options: RowsStep<Tables, T>): Promise<T>
  }
  /** Goes on after `ms` milliseconds (up to a hundred years), wherever that is. Nothing is in memory meanwhile. */
  readonly sleep: (name: string, ms: number) => Promise<void>
  /**
   * Waits for an event that `events` of the saga lists, of this key (default: the saga's id). One that came since the saga began
   * counts as well. With `timeout` (milliseconds) it gives undefined when none has come by then.
   */
  readonly waitFor: {
    <E extends AnyEvent>(event: E, options?: { readonly key?: string; readonly name?: string }): Promise<EventData<E>>
    <E extends AnyEvent>(
      event: E,
      options: { readonly key?: string; readonly name?: string; readonly timeout: number },
    ): Promise<EventData<E> | undefined>
  }
  /** Waits until somebody sends it: `tx.signal`, `dure saga signal`. With `timeout` it gives undefined when nobody has by then. */
  readonly signal: {
    <K extends keyof S & string>(signal: K, options?: { readonly name?: string }): Promise<OutputOf<S[K]>>
    <K extends keyof S & string>(
      signal: K,
      options: { readonly name?: string; readonly timeout: number },
    ): Promise<OutputOf<S[K]> | undefined>
  }
  /**
   * Asks another service by a message that `requests` of the saga lists, and waits for the reply; both commit with what they are about. What
   * is refused is refused here. The request may be answered late; waiting has no time but the saga's deadline.
   */
  readonly request: <R extends AnyRequest>(
    name: string,
    request: R,
    data: EventInput<R>,
    options?: {
      /** Takes back what was done, with a message as a rule. Asked as well when it is not known whether it was: then without a result. */
      readonly undo?: (tx: StepTransaction<Tables>, result: RequestOutput<R> | undefined) => Promise<unknown> | unknown
    },
  ) => Promise<RequestOutput<R>>
  /** Runs another saga of this service as a step, and waits for its output. What it refuses is refused here. */
  readonly child: <C extends AnySaga>(name: string, saga: C, input: SagaInput<C>) => Promise<SagaOutput<C>>
  /** Whether this instance reaches the place for the first time with code that has the flag; those that were past it go the old way. */
  readonly version: (flag: string) => boolean
}

export type SagaOptions<
  N extends Needs,
  Tables,
  Input extends AnySchema,
  Output extends AnySchema | undefined,
  S extends Signals,
> = {
  /** Raised with every change of its steps: copies of older code leave instances of newer code alone. Default 1. */
  readonly version?: number
  readonly needs?: N
  /** The service's own, for the types of steps with a transaction. */
  readonly database?: DatabaseDefinition<Tables>
  readonly input: Input
  readonly output?: Output
  /** Makes inputs of a version those of the next: `{ 1: (old) => new }`. */
  readonly upcast?: Readonly<Record<number, (input: never) => unknown>>
  /** What it may be sent by name, with the schema of each. */
  readonly signals?: S
  /** What it waits for. One that comes before is kept for a day. */
  readonly events?: readonly AnyEvent[]
  /** What it asks of other services by message. */
  readonly requests?: readonly AnyRequest[]
  /** Milliseconds for which it is known after its end, with its history. Default 30 days. */
  readonly retention?: number
  /** Milliseconds that it may take in all; then it is as if the next step were refused. */
  readonly deadline?: number
  readonly run: (
    s: SagaContext<N, Tables, S>,
    input: OutputOf<Input>,
  ) => Promise<Output extends AnySchema ? InputOf<Output> : unknown>
}

/** A saga that a service lists among its `extensions`. Made by `saga`. */
export type Saga<
  Input extends AnySchema = AnySchema,
  Output extends AnySchema | undefined = AnySchema | undefined,
  S extends Signals = Signals,
> = Extension<SagaTransaction> & {
  readonly version: number
  readonly input: Input
  readonly output: Output
  readonly signals: S
  readonly deadline: number | undefined
  readonly upcast: Readonly<Record<number, (input: never) => unknown>>
  readonly events: readonly AnyEvent[]
  readonly requests: readonly AnyRequest[]
  readonly retention: number
  // Its types were checked where it was defined.
  readonly run: (s: never, input: never) => Promise<unknown>
}

// oxlint-disable-next-line typescript/no-explicit-any
export type AnySaga = Saga<any, any, any>
export type SagaInput<C extends AnySaga> = InputOf<C['input']>
export type SagaOutput<C extends AnySaga> = OutputOf<C['output']>

/** What sagas join to the transactions of their service. */
export type SagaTransaction = {
  /**
   * Begins a saga, if the transaction commits. Answers whether it begins now: the same id with the same input is the same saga.
   * @throws {CallError} FAILED_PRECONDITION when the id was used with another input, INVALID_ARGUMENT when the input is none
   */
  readonly begin: <C extends AnySaga>(saga: C, input: SagaInput<C>, options: { readonly id: string }) => Promise<boolean>
  /**
   * Sends a signal to an instance, if the transaction commits. One that is not waited for yet is kept.
   * @throws {CallError} NOT_FOUND when there is no such instance, FAILED_PRECONDITION when it has ended
   */
  readonly signal: <C extends AnySaga, K extends keyof C['signals'] & string>(
    saga: C,
    id: string,
    name: K,
    ...data: undefined extends InputOf<C['signals'][K]> ? [data?: InputOf<C['signals'][K]>] : [data: InputOf<C['signals'][K]>]
  ) => Promise<void>
}
