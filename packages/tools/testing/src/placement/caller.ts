import { type CallOptions, type Transport } from 'dure/call'
import { clientFactory } from 'dure/call/internal'
import type { AnyContract, AnyOperation, Principal } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import { copyOf } from '../arbitrary/arbitrary.ts'
import { failureOf, type Outcome } from './outcome.ts'
import type { Step } from './plan.ts'

/** Values a stream is read for before its reader leaves. */
const ENOUGH = 20
/** Milliseconds a stream that waits for news is waited for. */
const IDLE = 150
/** Milliseconds past the deadline after which a call counts as never answered. */
const GRACE = 3_000

export type Performer = (step: Step, correlationId: string) => Promise<Outcome>

/** Makes calls through a transport as any caller would, with the typed client. */
export function performer(contracts: readonly AnyContract[], transport: Transport, runtime: Runtime): Performer {
  const clients = new Map(
    contracts.map((contract) => [
      contract.name,
      clientFactory({ contract, transport, runtime })({ service: undefined, principal: allowed(contract) }),
    ]),
  )
  const definitions = new Map(contracts.map((contract) => [contract.name, contract.operations as Record<string, AnyOperation>]))
  return async (step, correlationId) => {
    const definition = definitions.get(step.service)![step.operation]!
    const call = (clients.get(step.service) as unknown as Record<string, Call>)[step.operation]!
    const input = copyOf(step.input)
    const options = optionsOf(step, correlationId)
    const sent = step.incoming && (copyOf(step.incoming) as readonly unknown[])
    const outcome =
      sent !== undefined
        ? read(() => call(input, sent, options), runtime)
        : definition.kind === 'stream'
          ? read(() => call(input, options), runtime)
          : ask(call, input, options)
    // The caller's own object is the caller's again as soon as the call is made: nobody may look at it any more.
    scramble(input)
    const silence = (): Outcome => ({ kind: 'silence' })
    const found = await inTime(runtime.timers, definition.deadline + GRACE, outcome, silence)
    if (found.kind !== 'answer' && found.kind !== 'stream') return found
    // What the caller does with its answer must not reach the callee either.
    const copy = copyOf(found)
    scramble(found.kind === 'answer' ? found.value : found.values)
    return copy
  }
}

/** Who may call everything: what is compared is what operations answer. */
function allowed({ operations }: AnyContract): Principal {
  const scopes = Object.values(operations as Record<string, AnyOperation>).flatMap(({ scope }) => scope ?? [])
  const roles = Object.values(operations as Record<string, AnyOperation>).flatMap(({ roles = [] }) => roles)
  return { subject: 'placement', kind: 'client', scopes: [...new Set(scopes)], roles: [...new Set(roles)] }
}

type Call = (...given: readonly unknown[]) => unknown

function optionsOf({ manner }: Step, correlationId: string): CallOptions {
  switch (manner.kind) {
    case 'aborted':
      return { correlationId, signal: AbortSignal.abort() }
    case 'late':
      return { correlationId, timeout: 0 }
    case 'keyed':
      return { correlationId, idempotencyKey: manner.key }
    case 'plain':
      return { correlationId }
  }
}

async function ask(call: Call, input: unknown, options: CallOptions): Promise<Outcome> {
  try {
    return { kind: 'answer', value: await call(input, options) }
  } catch (thrown) {
    return { kind: 'failure', error: failureOf(thrown) }
  }
}

async function read(open: () => unknown, runtime: Runtime): Promise<Outcome> {
  const values: unknown[] = []
  let iterator: AsyncIterator<unknown> | undefined
  try {
    iterator = (open() as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    for (;;) {
      const next = await inTime(runtime.timers, IDLE, iterator.next(), () => undefined)
      if (next === undefined) {
        await iterator.return?.()
        return { kind: 'stream', values, end: 'cut' }
      }
      if (next.done === true) return { kind: 'stream', values, end: 'done' }
      values.push(next.value)
      if (values.length >= ENOUGH) {
        await iterator.return?.()
        return { kind: 'stream', values, end: 'left' }
      }
    }
  } catch (thrown) {
    return { kind: 'stream', values, end: failureOf(thrown) }
  }
}

/** Changes everything in a value that can be changed. */
export function scramble(value: unknown, seen: Set<unknown> = new Set()): void {
  if (typeof value !== 'object' || value === null || seen.has(value) || Object.isFrozen(value)) return
  seen.add(value)
  if (value instanceof Date) value.setTime(86_400_000)
  else if (value instanceof Uint8Array) value.fill(255)
  else if (value instanceof Map) {
    for (const part of value.values()) scramble(part, seen)
    value.clear()
  } else if (value instanceof Set) {
    for (const part of value) scramble(part, seen)
    value.clear()
  } else if (Array.isArray(value)) {
    for (const part of value) scramble(part, seen)
    value.length = 0
  } else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    for (const key of Object.keys(value)) {
      const described = Object.getOwnPropertyDescriptor(value, key)!
      if (!('value' in described)) continue
      scramble(described.value, seen)
      if (described.configurable === true) delete (value as Record<string, unknown>)[key]
    }
    ;(value as Record<string, unknown>)['scrambled'] = true
  }
}
