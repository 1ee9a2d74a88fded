import { accessCheck, type Cancellation, type Settle } from '../call/internal.ts'
import { CallError, type AnyContract, type AnyOperation, type Issue, type Principal } from '../contract/contract.ts'
import { declaredErrors, failureOf, type Failure } from './failure.ts'
import type { PreparedCall } from './host.ts'
import type { OpenState } from './open-door.ts'
import { Refusal } from './refusal.ts'
import type { Steering } from './steering.ts'
import type { RequestTrace } from './span.ts'

/** One operation as a door serves it. */
export type Served = {
  readonly contract: AnyContract
  readonly name: string
  readonly operation: AnyOperation
  /** A command that may not be done twice, of a service that cannot know an idempotency key again. */
  readonly forgets: boolean
}

/** The operations of contracts, as far as `host` knows about their services. */
export function servedOperations(host: Pick<OpenState['host'], 'remembers'>, contracts: readonly AnyContract[]): Served[] {
  return contracts.flatMap((contract) =>
    Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>).map(([name, operation]) => ({
      ...{ contract, name, operation },
      forgets: operation.kind === 'command' && !operation.idempotent && !host.remembers(contract.name),
    })),
  )
}

export type Gathered = { readonly ok: true; readonly input: unknown } | { readonly ok: false; readonly issues: readonly Issue[] }

/** A request for an operation, as a protocol has read it. */
export type DoorRequest = {
  readonly correlationId: string
  readonly steering: Steering
  readonly trace: Pick<RequestTrace, 'span' | 'traceparent' | 'tracestate'>
  /** A header, or what the protocol has instead, by its name in lower case. */
  readonly header: (name: string) => string | undefined
  /** Who calls, where one request is several calls and it has been found out. */
  readonly principal?: Promise<Principal | undefined> | undefined
  /** Reads the input; after it is known who calls. */
  readonly read: () => Gathered
  /** What a channel's caller sends. */
  readonly incoming?: AsyncIterable<unknown> | undefined
  /** Told when whoever asked has gone. */
  readonly gone: Cancellation
}

/** How a request is answered: once, by one of these, and never before `take` has returned but for what cannot be read. */
export type DoorAnswer = {
  readonly succeed: (value: unknown) => void
  /** Of a stream or a channel: sends what comes, and ends. */
  readonly send: (values: AsyncIterable<unknown>) => void
  /** @param error for `tell` */
  readonly fail: (error: unknown) => void
}

/** Answers a request with what its call comes to. */
class Answered implements Settle {
  readonly #answer: DoorAnswer
  /** What is asked has not returned yet: an answer now would come in the midst of what is being read. */
  isBeginning = true

  constructor(answer: DoorAnswer) {
    this.#answer = answer
  }

  resolve(value: unknown): void {
    if (this.isBeginning) return queueMicrotask(() => this.#succeed(value))
    this.#succeed(value)
  }

  #succeed(value: unknown): void {
    try {
      this.#answer.succeed(value)
    } catch (error) {
      this.#answer.fail(error)
    }
  }

  reject(error: Error): void {
    if (this.isBeginning) queueMicrotask(() => this.#answer.fail(error))
    else this.#answer.fail(error)
  }
}

export type OperationDoor = {
  /** `orders.place` */
  readonly place: string
  /** Finds out who calls, reads the input, calls, and answers. */
  readonly take: (request: DoorRequest, answer: DoorAnswer) => void
  /** What whoever asked is told of a failure; what must not be told is logged. */
  readonly tell: (error: unknown, about: { readonly correlationId: string; readonly traceId: string | undefined }) => Failure
}

/** Compiles what a door does with requests for one operation: everything that can be known before a request is. */
export function operationDoor(
  { contract, name, operation, forgets }: Served,
  state: OpenState,
  /** The request in words, for the log: `GET /orders/{id}`. */
  words: string,
): OperationDoor {
  const { host, world } = state
  const place = `${contract.name}.${name}`
  const declared = declaredErrors(operation)
  // Who may not call is told so, and not what is wrong with its input.
  const refused = host.authenticate && accessCheck(place, operation)
  const isCalled = operation.kind === 'command' || operation.kind === 'query'
  const start = isCalled ? host.prepare(contract.name, name) : undefined

  const serve = (principal: Principal | undefined, request: DoorRequest, answer: DoorAnswer): void => {
    const gathered = request.read()
    if (!gathered.ok) {
      const what = `Cannot call ${place}: the input does not match its contract`
      return answer.fail(refused?.(principal) ?? new Refusal('INVALID_ARGUMENT', what, gathered.issues))
    }
    const { correlationId, steering, trace, gone, incoming } = request
    const { timeout, idempotencyKey, metadata } = steering
    const { span, tracestate } = trace
    if (start !== undefined) {
      // In numbers where it has them; as a text only where nothing is traced here.
      const traceparent = span === undefined ? trace.traceparent : undefined
      const told = { correlationId, traceparent, tracestate, timeout, idempotencyKey }
      const call: PreparedCall = { ...told, principal, metadata, span, cancellation: gone }
      const to = new Answered(answer)
      start(gathered.input, call, to)
      to.isBeginning = false
      return
    }
    const { traceparent } = trace
    const { signal } = gone
    const call = { correlationId, traceparent, tracestate, timeout, idempotencyKey, principal, metadata, signal }
    if (operation.kind === 'stream') answer.send(host.stream(contract.name, name, gathered.input, call))
    else answer.send(host.channel(contract.name, name, gathered.input, incoming!, call))
  }

  return {
    place,
    take: (request, answer) => {
      try {
        if (forgets && request.steering.idempotencyKey !== undefined) throw new Refusal('INVALID_HEADER', NO_MEMORY)
        if (host.authenticate === undefined) return serve(undefined, request, answer)
        const { header, principal = host.authenticate({ door: state.door, header }) } = request
        void principal.then((principal) => serve(principal, request, answer)).catch((error: unknown) => answer.fail(error))
      } catch (error) {
        answer.fail(error)
      }
    },
    tell: (error, { correlationId, traceId }) => {
      const { failure, hidden } = failureOf(error, { correlationId, declared })
      // A CallError was logged by the service it happened in, under the same correlation id.
      if (hidden && (!(error instanceof CallError) || error.inside === true)) {
        world.log.error(`Cannot answer "${words}"`, { operation: place, correlationId, traceId, error })
      }
      return failure
    },
  }
}

const NO_MEMORY =
  'Cannot use the Idempotency-Key header: the service has no database in which it could know the key again; send it without one'
