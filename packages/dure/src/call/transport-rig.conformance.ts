import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import {
  CallError,
  contract,
  error,
  type AnyContract,
  type Contract,
  type ErrorType,
  type Operations,
} from '../contract/contract.ts'
import { createDeadlines, realRuntime, type DeadlineEntry, type Deadlines, type Runtime } from '../runtime/runtime.ts'
import { createLogger } from '../telemetry/telemetry.ts'
import { type Tracer } from '../telemetry/internal.ts'
import { clientFactory, createEndpoint, createAdmission, createLocalTransport, createOperationMetrics } from './internal.ts'
import type { CallContext, Client, Transport } from './call.ts'
import type { Caller, Cancellation, Admission, LocalTransport } from './internal.ts'

/** Joins a caller to a callee's local transport: what a caller uses, and how to take it away again. */
export type Link = {
  readonly transport: Transport
  readonly stop: () => Promise<void>
  /** Calls that it remembers, where it remembers any. */
  readonly pending?: () => number
}
/** `contract`: what the callee's side promises. */
export type MakeLink = (local: LocalTransport, runtime: Runtime, contract: AnyContract) => Promise<Link>

/** Why a case is left out. */
export type Except = (title: string) => string | undefined

export type HandlerContext = CallContext & { readonly signal: AbortSignal; readonly cancellation: Cancellation }
export type Handlers<Ops extends Operations> = {
  [K in keyof Ops]: Ops[K]['kind'] extends 'channel'
    ? (input: never, incoming: never, context: HandlerContext) => unknown
    : (input: never, context: HandlerContext) => unknown
}

export type Rig<Ops extends Operations> = {
  readonly client: Client<Contract<'rig', Ops>>
  readonly transport: Transport
  readonly runtime: Runtime
  readonly admission: Admission
  /** The same client for somebody else. */
  readonly clientOf: (caller: Caller, tracer?: Tracer) => Client<Contract<'rig', Ops>>
  /** Everything that is remembered of calls under way, on either side. */
  readonly remembered: () => Readonly<Record<string, number>>
  /** Takes the way to the callee away. */
  readonly unlink: () => Promise<void>
}

const defined = <Ops extends Operations>(operations: Ops): Contract<'rig', Ops> =>
  contract('rig', { version: '1.0.0', owner: 'tests', operations })

export const never: Promise<never> = new Promise<never>(() => {})
export const code =
  (expected: string) =>
  (thrown: unknown): true => {
    assert.ok(thrown instanceof CallError, String(thrown))
    assert.equal(thrown.code, expected, thrown.message)
    return true
  }

const Shortage: z.ZodObject<{ sku: z.ZodString; at: z.ZodDate; left: z.ZodBigInt }> = z.object({
  sku: z.string(),
  at: z.date(),
  left: z.bigint(),
})
export const OutOfStock: ErrorType<'OUT_OF_STOCK', typeof Shortage> = error('OUT_OF_STOCK', {
  data: Shortage,
  status: 'ABORTED',
})
export const Bare: ErrorType<'BARE', undefined> = error('BARE')

/** One case: operations, their handlers, and what a caller may expect of them. */
export type Conforms = <Ops extends Operations>(
  title: string,
  operations: Ops,
  handlers: Handlers<Ops>,
  work: (rig: Rig<Ops>) => Promise<void>,
) => void

/** Registers cases with `node:test`, each with handlers and a link of its own. */
export function conformsOver(name: string, makeLink: MakeLink, except: Except = () => undefined): Conforms {
  async function withRig<Ops extends Operations>(
    operations: Ops,
    handlers: Handlers<Ops>,
    work: (rig: Rig<Ops>) => Promise<void>,
  ) {
    const runtime = realRuntime()
    const wheel = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
    const entered = new Set<DeadlineEntry>()
    const deadlines: Deadlines = {
      ...wheel,
      add: (entry, at) => {
        entered.add(entry)
        wheel.add(entry, at)
      },
      remove: (entry) => {
        wheel.remove(entry)
        entered.delete(entry)
      },
    }
    const log = createLogger({ clock: runtime.clock, write: () => {} })
    const local = createLocalTransport()
    const admission = createAdmission({ service: 'rig', capacity: 1_000 })
    const definition = defined(operations)
    for (const [operationName, operation] of Object.entries(operations)) {
      const endpoint = createEndpoint({
        place: `rig.${operationName}`,
        operation,
        handler: handlers[operationName] as (...given: readonly unknown[]) => unknown,
        context: (call: CallContext, cancellation: Cancellation): HandlerContext => ({
          sentAt: call.sentAt,
          deadline: call.deadline,
          correlationId: call.correlationId,
          causationId: call.causationId,
          traceparent: call.traceparent,
          caller: call.caller,
          idempotencyKey: call.idempotencyKey,
          principal: call.principal,
          metadata: call.metadata,
          cancellation,
          signal: cancellation.signal,
        }),
        admission,
        clock: runtime.clock,
        deadlines,
        metrics: createOperationMetrics(),
        onFault: (place, thrown) => log.error(`Call to ${place} failed`, { error: thrown }),
      })
      local.add({ service: 'rig', operation: operationName }, endpoint)
    }
    admission.open()
    const { transport, stop, pending } = await makeLink(local, runtime, definition)
    let unlinked: Promise<void> | undefined
    const unlink = (): Promise<void> => (unlinked ??= stop())
    const clientOf = (caller: Caller, tracer?: Tracer) =>
      clientFactory({ contract: definition, transport, runtime, tracer })(caller) as Client<typeof definition>
    const remembered = () => ({
      inside: admission.inside(),
      // One that has fired is in the list no more, but was not taken out by hand.
      deadlines: [...entered].filter(({ following }) => following !== undefined).length,
      pending: pending?.() ?? 0,
    })
    try {
      await work({ client: clientOf({ service: 'tester' }), clientOf, transport, runtime, admission, remembered, unlink })
    } finally {
      await unlink()
      deadlines.stop()
    }
  }
  return (title, operations, handlers, work) =>
    void test(`${name}: ${title}`, { timeout: 30_000, skip: except(title) ?? false }, () => withRig(operations, handlers, work))
}

/**
 * Tries with timeouts that grow: where something has to happen before the time is over, a slow machine is given more of it.
 * `attempt` says whether it happened; the case's own timeout is the bound.
 */
export async function inTime(attempt: (timeout: number) => Promise<boolean>): Promise<void> {
  for (let timeout = 50; !(await attempt(timeout));) timeout *= 2
}

/** Waits for a condition; the case's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  // A timer that keeps the process alive, unlike those of the runtime: a case must not end for want of other work.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}
