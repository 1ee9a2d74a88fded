import { CallError, DeclaredError, type AnyOperation, type Operations } from 'dure/contract'
import { describeThrown, wireOf } from 'dure/contract/internal'
import type { CallContext } from 'dure/call'
import { Cancellation, createAdmission, createEndpoint } from 'dure/call/internal'
import { createDeadlines, type Runtime } from 'dure/runtime'
import { LONGEST_WAIT } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import { createActs, plainLogger, type Acts } from 'dure/telemetry/internal'
import {
  describePart,
  roleOf,
  type OperatorCaller,
  type OperatorContext,
  type OperatorContract,
  type OperatorHost,
  type OperatorPart,
  type OperatorRule,
} from './part.ts'

/** One thing that somebody asks, or has done. Its input is in JSON form. */
export type OperatorRequest = {
  readonly contract: string
  readonly operation: string
  readonly input?: unknown
  readonly caller: OperatorCaller
  readonly reason?: string | undefined
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
  /** Default: a new one. */
  readonly correlationId?: string | undefined
}

/** The contracts of a system's operators, and their answers. */
export type Operator = {
  readonly contracts: readonly OperatorContract[]
  /**
   * Asks a query, or has a command done; answers in JSON form.
   * @throws {CallError} UNIMPLEMENTED for what is not there, PERMISSION_DENIED, INVALID_ARGUMENT for an input that does not fit and a
   * reason that is missing, DEADLINE_EXCEEDED; what the part throws
   */
  readonly call: (request: OperatorRequest) => Promise<unknown>
  /** The same of a stream, which goes on until its reader ends it. */
  readonly stream: (request: OperatorRequest) => AsyncIterable<unknown>
  /** Turns away what comes from now on, and ends streams. */
  readonly close: () => void
}

/** What is asked at once, at most. */
const CAPACITY = 256
/** A reason is a sentence or some: characters. */
const LONGEST_REASON = 2_000

/**
 * Opens contracts for operators on a system, for the doors through which they come.
 * @throws {TypeError} when two parts have one name
 *
 * @example
 * ```ts
 * import { openOperator, operatorParts } from '@dure/operator'
 * import { contract } from 'dure/contract'
 * import { service, start, system, type Door } from 'dure/service'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const door: Door = {
 *   name: 'desk',
 *   open: async (host, world) => {
 *     const operator = openOperator({ host, world, parts: operatorParts })
 *     const caller = { name: 'ida', role: 'viewer' } as const
 *     console.log(await operator.call({ contract: 'health', operation: 'live', caller })) // → { ok: true, reasons: [] }
 *     return { url: undefined, close: async () => operator.close() }
 *   },
 * }
 * const orders = service(contract('orders', { version: '1.0.0', owner: 'team-checkout', operations: {} }), { handlers: {} })
 * const shop = system('shop', { services: [orders], doors: [door] })
 * const running = await start(shop, { directory: '.dure', log: silentLogger() })
 * await running.stop()
 * ```
 */
export function openOperator({ host, world, parts }: OperatorHost & { readonly parts: readonly OperatorPart[] }): Operator {
  const { runtime, log } = world
  const acts = createActs({ record: host.record, runtime, log })
  return answerParts({
    system: host.system,
    runtime,
    log,
    acts,
    answered: parts.map((part) => answeredBy(part, { host, world })),
  })
}

export type AnsweredPart = Pick<OperatorPart, 'contract' | 'rules'> & { readonly handlers: ReturnType<OperatorPart['answer']> }

export function answeredBy<Host>({ contract, rules, answer }: OperatorPart<Host>, host: Host): AnsweredPart {
  return { contract, rules, handlers: answer(host) }
}

/** The same without a host: of a process that is no system, such as a supervisor. */
export function answerParts(options: {
  readonly system: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly acts: Acts
  readonly answered: readonly AnsweredPart[]
}): Operator {
  const { runtime, answered } = options
  const places = new Map<string, Place>()
  const admission = createAdmission({ service: 'operator', capacity: CAPACITY })
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  for (const part of answered) {
    for (const [name, operation] of Object.entries(part.contract.operations as Operations)) {
      const place = `${part.contract.name}.${name}`
      if (places.has(place)) throw new TypeError(`Cannot open operator contracts: "${part.contract.name}" is there twice`)
      const endpoint = createEndpoint({
        ...{ place, operation, admission, deadlines, clock: runtime.clock, metrics: undefined, secured: false },
        handler: handlerOf({ place, part, name, operation, ...options }) as (...given: readonly unknown[]) => unknown,
        context: (call, { signal }) => ({ ...(call as Asked).asked, signal, correlationId: call.correlationId }),
        onFault: (at, thrown) => plainLogger(options.log).error(`Operator call to ${at} failed`, { error: thrown }),
      })
      places.set(place, { operation, endpoint, rule: part.rules[name] ?? {} })
    }
  }
  admission.open()
  const begin = (request: OperatorRequest, isStream: boolean): Begun => {
    const place = placeOf(places, request, isStream)
    checkAllowed(place, request)
    return { place, ...asked(runtime, request, place.operation) }
  }
  const streams = new Set<Cancellation>()
  return {
    contracts: answered.map(describePart),
    call: async (request) => {
      const { place, input, call, end } = begin(request, false)
      try {
        return wireOf(place.operation.output, 'output').toJson(await place.endpoint.call(input, call))
      } finally {
        end()
      }
    },
    stream: async function* (request) {
      const { place, input, call, end } = begin(request, true)
      const { toJson } = wireOf(place.operation.output, 'output')
      streams.add(call.cancellation)
      try {
        for await (const value of place.endpoint.stream(input, call)) yield toJson(value)
      } finally {
        streams.delete(call.cancellation)
        end()
      }
    },
    close: () => {
      void admission.drain()
      for (const cancellation of streams) cancellation.cancel('stopping')
      deadlines.stop()
    },
  }
}

type Place = {
  readonly operation: AnyOperation
  readonly endpoint: ReturnType<typeof createEndpoint>
  readonly rule: OperatorRule
}
/** A call on its way to its handler, with what only operators' calls have. */
type Asked = CallContext & {
  readonly cancellation: Cancellation
  readonly asked: Omit<OperatorContext, 'signal' | 'correlationId'>
}
type Begun = { readonly place: Place; readonly input: unknown; readonly call: Asked; readonly end: () => void }

function placeOf(places: ReadonlyMap<string, Place>, { contract, operation }: OperatorRequest, isStream: boolean): Place {
  const at = `${contract}.${operation}`
  const place = places.get(at)
  if (place !== undefined && (place.operation.kind === 'stream') === isStream) return place
  const there = [...new Set([...places.keys()].map((name) => name.split('.', 1)[0]!))]
  const own = [...places.keys()].filter((name) => name.startsWith(`${contract}.`)).map((name) => name.slice(contract.length + 1))
  const why =
    place !== undefined
      ? `it is a ${place.operation.kind}, which is asked in another way`
      : own.length > 0
        ? `"${contract}" has ${own.join(', ')}`
        : `there is no such contract here; there are ${there.join(', ')}`
  throw new CallError('UNIMPLEMENTED', `Cannot ask ${at}: ${why}`)
}

function checkAllowed({ operation, rule }: Place, { contract, operation: name, caller, reason }: OperatorRequest): void {
  const place = `${contract}.${name}`
  if (roleOf(operation) === 'operator' && caller.role !== 'operator')
    throw new CallError(
      'PERMISSION_DENIED',
      `Call to ${place} was refused: it needs the role "operator", and "${caller.name}" has the role "${caller.role}"`,
    )
  const text = reason?.trim() ?? ''
  if (rule.reason === true && text === '')
    throw new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: it needs a reason; say why it is done`)
  if (text.length > LONGEST_REASON)
    throw new CallError(
      'INVALID_ARGUMENT',
      `Call to ${place} was refused: its reason has ${text.length} characters, and ${LONGEST_REASON} are allowed`,
    )
}

function asked(
  { clock, ids }: Runtime,
  { contract, operation: name, input, caller, reason, signal, correlationId }: OperatorRequest,
  operation: AnyOperation,
): Pick<Begun, 'input' | 'call' | 'end'> {
  const sentAt = clock.monotonic()
  const cancellation = new Cancellation()
  const abort = (): void => cancellation.cancel('caller')
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort)
  const none = { causationId: undefined, traceparent: undefined, caller: undefined, idempotencyKey: undefined }
  const call: Asked = {
    ...{ ...none, principal: undefined, metadata: undefined, sentAt, cancellation },
    // What is watched is watched until its reader has seen enough.
    deadline: sentAt + (operation.kind === 'stream' ? LONGEST_WAIT : operation.deadline),
    correlationId: correlationId ?? ids.next(),
    asked: { ...caller, reason: reason?.trim() === '' ? undefined : reason?.trim() },
  }
  const end = (): void => signal?.removeEventListener('abort', abort)
  return { input: inputOf(operation, `${contract}.${name}`, input), call, end }
}

/** Leaving the input out means: everything in it is optional. */
function inputOf({ input: schema }: AnyOperation, place: string, input: unknown): unknown {
  if (schema !== undefined) return wireOf(schema, 'input').fromJson(input ?? {})
  if (input === undefined || input === null || (typeof input === 'object' && Object.keys(input).length === 0)) return undefined
  throw new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: it takes no input`)
}

/** Writes down what changes something, and shows those who run the system why something failed: they are the ones to mend it. */
function handlerOf(options: {
  readonly place: string
  readonly part: AnsweredPart
  readonly name: string
  readonly operation: AnyOperation
  readonly system: string
  readonly acts: Acts
}): (input: unknown, context: OperatorContext) => unknown {
  const { place, part, name, operation, system, acts } = options
  const own = part.handlers[name]
  if (own === undefined) throw new TypeError(`Cannot open operator contracts: nothing answers ${place}`)
  const work = own as (input: unknown, context: OperatorContext) => unknown
  if (operation.kind === 'stream')
    return async function* (input, context) {
      try {
        yield* work(input, context) as AsyncIterable<unknown>
      } catch (error) {
        throw outspoken(error)
      }
    }
  const tried = async (input: unknown, context: OperatorContext): Promise<unknown> => {
    try {
      return await work(input, context)
    } catch (error) {
      throw outspoken(error)
    }
  }
  const { act, tell, urgent = false } = part.rules[name] ?? {}
  if (operation.kind !== 'command' || act === 'own') return tried
  const write = urgent ? acts.along : acts.first
  return (input, context) => {
    const { action = place, subject, about } = act?.(input as never) ?? { subject: system }
    const { name: actor, reason } = context
    const personal = reason === undefined ? undefined : { reason }
    return write({ action, actor, subject, about, personal }, () => tried(input, context), tell as (output: unknown) => {})
  }
}

function outspoken(error: unknown): unknown {
  if (error instanceof DeclaredError) return error
  if (error instanceof CallError)
    return error.inside === true ? new CallError(error.code, error.message, { details: error.details, cause: error }) : error
  return new CallError('INTERNAL', describeThrown(error).message, { cause: error })
}
