/** What handlers of a service have: their input, a client for each need, the service's own database. */
import type { CallContext, Client, ContextFetch, ContextHttp } from '../call/call.ts'
import type {
  AnyContract,
  AnyOperation,
  AnyRequest,
  DeclaredError,
  EventInput,
  HandlerIncoming,
  HandlerInput,
  HandlerOutput,
  Metadata,
  OperationInput,
  OperationOutput,
} from '../contract/contract.ts'
import type { DatabaseOf } from '../data/data.ts'
import type { Clock, Ids, Random } from '../runtime/runtime.ts'
import type { Logger, Meter } from '../telemetry/telemetry.ts'

/** What a service may ask of others: a name of its own choosing for each contract. */
export type Needs = Readonly<Record<string, AnyContract>>

/** What every handler receives beside its input. */
export type ServiceContext = CallContext & {
  /** What came along with the call, by names that the doors' clients chose; empty when nothing did. Nothing in it is proved. */
  readonly metadata: Metadata
  /** Aborts when the deadline passes or the caller goes away. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Numbers of the application's own. */
  readonly metrics: Meter
  readonly clock: Clock
  readonly ids: Ids
  readonly random: Random
  readonly fetch: ContextFetch
  readonly http: ContextHttp
}

/** Answers in place of what a service needs and does not get; one that throws fails the call with both errors. */
export type Fallbacks<N extends Needs> = {
  readonly [K in keyof N]?: {
    readonly [O in keyof N[K]['operations']]?: (
      input: OperationInput<N[K]['operations'][O]>,
      error: unknown,
    ) => Promise<OperationOutput<N[K]['operations'][O]>> | OperationOutput<N[K]['operations'][O]>
  }
}

/** What there is beside where the service has settings. */
export type Configured<Config> = [Config] extends [undefined] ? {} : { readonly config: Config }

/** A handler's context: a client for each need, and the service's own database. */
export type HandlerContext<N extends Needs, Tables, Joined = {}, Config = undefined> = ServiceContext &
  Configured<Config> & {
    readonly [K in keyof N]: Client<N[K]>
  } & (Tables extends undefined ? {} : { readonly database: DatabaseOf<Tables, Joined & Requesting> })

export type Handler<
  Op extends AnyOperation,
  N extends Needs,
  Tables,
  Joined = {},
  Config = undefined,
> = Op['kind'] extends 'stream'
  ? (input: HandlerInput<Op>, context: HandlerContext<N, Tables, Joined, Config>) => AsyncIterable<HandlerOutput<Op>>
  : Op['kind'] extends 'channel'
    ? (
        input: HandlerInput<Op>,
        incoming: AsyncIterable<HandlerIncoming<Op>>,
        context: HandlerContext<N, Tables, {}, Config>,
      ) => AsyncIterable<HandlerOutput<Op>>
    : (
        input: HandlerInput<Op>,
        context: HandlerContext<N, Tables, Joined & Answering<Op>, Config>,
      ) => Promise<HandlerOutput<Op>> | HandlerOutput<Op>

/** What transactions of a command's handler have beside all others of its service. */
export type Answering<Op extends AnyOperation> = Op['kind'] extends 'command'
  ? {
      /**
       * Keeps the answer of a call with an idempotency key in the transaction of its effect: whoever repeats the call hears it, also when
       * this process ends before it could answer. The last transaction of a handler says it; a declared error may be one too. Not
       * needed where the handler returns the transaction itself. Without a key it does nothing.
       */
      readonly answer: (
        ...said: undefined extends HandlerOutput<Op>
          ? [output?: HandlerOutput<Op> | DeclaredError]
          : [HandlerOutput<Op> | DeclaredError]
      ) => Promise<void>
    }
  : {}

export type Handlers<C extends AnyContract, N extends Needs, Tables, Joined = {}, Config = undefined> = {
  readonly [K in keyof C['operations']]: Handler<C['operations'][K], N, Tables, Joined, Config>
}

/** What transactions of all services have beside publishing and sending. */
export type Requesting = {
  /**
   * Sends a request if and only if the transaction commits; resolves with its id, which its reply carries. After `timeout` milliseconds without
   * a reply the reaction to replies (`replies`) is told DEADLINE_EXCEEDED, and what comes later is left alone.
   */
  readonly request: <R extends AnyRequest>(
    request: R,
    data: EventInput<R>,
    options?: { readonly headers?: Readonly<Record<string, string>>; readonly timeout?: number },
  ) => Promise<string>
}
