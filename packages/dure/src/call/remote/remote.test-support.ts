import { CallError } from '../../contract/contract.ts'
import type { Address, Instance, Registry } from '../../discovery/discovery.ts'
import { createView, DURE } from '../../discovery/internal.ts'
import { virtualRuntime, type VirtualRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import type { Cancellation } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { cancelledError } from '../failure.ts'
import type { Peer } from '../peer.ts'
import type { RemoteChanges, RemotePolicy } from './policy.ts'
import { createRemoteTransport, type CallingProcess, type RemoteTransport } from './remote.ts'

/** What a process does with the calls that reach it. */
export type Behaviour =
  /** Answers `<name> <input>` after so many milliseconds. */
  | { readonly kind: 'answers'; readonly after: number }
  | { readonly kind: 'fails'; readonly error: () => Error; readonly after: number }
  /** Like a process that was stopped: nothing comes back. */
  | { readonly kind: 'frozen' }

export const answers = (after = 1): Behaviour => ({ kind: 'answers', after })
export const fails = (code: CallError['code'], details = {}, after = 0): Behaviour => ({
  kind: 'fails',
  after,
  error: () => new CallError(code, `scripted ${code}`, { details }),
})
export const frozen: Behaviour = { kind: 'frozen' }

/** A process that exists only here: a peer that behaves as told, keeps deadlines, and counts. */
export type FakeProcess = {
  behaviour: Behaviour
  /** Behaviours of the next calls, before the lasting one. */
  script: Behaviour[]
  state: ReturnType<Peer['state']>
  readonly received: unknown[]
  inFlight: number
  mostInFlight: number
  connections: number
  stops: number
}

export function remoteRig(policy: Partial<RemotePolicy> = {}, changes?: RemoteChanges, here?: Partial<CallingProcess>) {
  const world = virtualRuntime()
  const registry = fakeRegistry()
  const processes = new Map<string, FakeProcess>()
  const process = (name: string): FakeProcess => {
    let found = processes.get(name)
    if (found === undefined) {
      found = {
        behaviour: answers(),
        script: [],
        state: 'up',
        received: [],
        inFlight: 0,
        mostInFlight: 0,
        connections: 0,
        stops: 0,
      }
      processes.set(name, found)
    }
    return found
  }
  const transport: RemoteTransport = createRemoteTransport({
    registry,
    connect: (address) => fakePeer(address, process(nameOf(address)), world),
    runtime: world,
    log: silentLogger(),
    policy,
    changes,
    here,
  })

  const context = (timeout: number, cancellation?: Cancellation): CallContext => ({
    sentAt: world.clock.monotonic(),
    deadline: world.clock.monotonic() + timeout,
    cancellation,
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    caller: undefined,
    idempotencyKey: undefined,
    principal: undefined,
    metadata: undefined,
  })
  /** `ok <value>` or the code; with how long it took. */
  const call = (
    options: { timeout?: number; repeatable?: boolean; cancellation?: Cancellation; service?: string; input?: unknown } = {},
  ) => {
    const { timeout = 1_000, repeatable = true, cancellation, service = 'orders', input = 'in' } = options
    const route = transport.route({ service, operation: 'find', repeatable })
    const begun = world.clock.monotonic()
    const outcome = { result: undefined as string | undefined, message: '', took: Number.NaN }
    const end = (result: string, message: string): void => {
      Object.assign(outcome, { result, message, took: world.clock.monotonic() - begun })
    }
    route.call(input, context(timeout, cancellation)).then(
      (value) => end(`ok ${String(value)}`, ''),
      (error: unknown) => end(error instanceof CallError ? error.code : String(error), (error as Error).message),
    )
    return outcome
  }
  return { world, registry, process, transport, context, call, up: registry.add, down: registry.remove }
}

export function at(name: string): Address {
  return { kind: 'unix', path: name }
}

function nameOf(address: Address): string {
  return address.kind === 'unix' ? address.path : address.host
}

type FakeRegistry = Registry & {
  readonly put: (instance: Instance) => void
  readonly watchers: () => number
  /** By name: see `add` below. */
  readonly add: (...names: string[]) => void
  readonly remove: (...names: string[]) => void
}

/** An instance that takes calls at an address. */
export function instanceAt(about: { readonly service: string; readonly id: string; readonly address: Address }): Instance {
  const { service, id, address } = about
  return { service, id, version: '1.0.0', status: 'up', endpoints: { [DURE]: address }, metadata: {} }
}

/** A registry told what to know. */
export function fakeRegistry(): FakeRegistry {
  const instances = new Map<string, Instance>()
  const { see, close: _, ...view } = createView(silentLogger())
  let watchers = 0
  const registry: FakeRegistry = {
    ...view,
    register: () => Promise.reject(new Error('not needed here')),
    watch: (service, listener) => {
      watchers++
      const watching = view.watch(service, listener)
      return {
        stop: () => {
          watchers--
          watching.stop()
        },
      }
    },
    freshness: () => ({ fresh: true }),
    stop: async () => {},
    watchers: () => watchers,
    put: (instance) => {
      instances.set(instance.id, instance)
      see(instances.values())
    },
    /** `a` is service orders in process a; `stock@a` is service stock there; `a#2` is a started again. */
    add: (...names) => {
      for (const name of names) {
        const { service, process } = parse(name)
        registry.put(instanceAt({ service, id: name, address: at(process) }))
      }
    },
    remove: (...names) => {
      for (const name of names) {
        instances.delete(name)
        see(instances.values())
      }
    },
  }
  return registry
}

function parse(name: string): { service: string; process: string } {
  const [service, process] = name.includes('@') ? (name.split('@') as [string, string]) : ['orders', name]
  return { service, process: process.replace(/#.*/, '') }
}

function fakePeer(address: Address, process: FakeProcess, world: VirtualRuntime): Peer {
  process.connections++
  const enter = (input: unknown): Behaviour => {
    process.received.push(input)
    process.mostInFlight = Math.max(process.mostInFlight, ++process.inFlight)
    return process.script.shift() ?? process.behaviour
  }
  const perform = (behaviour: Behaviour, value: string, context: CallContext): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const end = (act: () => void): void => {
        deadline.cancel()
        act()
      }
      const deadline = world.timers.after(context.deadline - world.clock.monotonic(), () =>
        reject(cancelledError('fake', 'deadline')),
      )
      context.cancellation?.add({ onCancel: (reason) => end(() => reject(cancelledError('fake', reason))) })
      if (behaviour.kind === 'frozen') return
      const act = (): void => end(() => (behaviour.kind === 'fails' ? reject(behaviour.error()) : resolve(value)))
      world.timers.after(behaviour.after, act)
    })
  return {
    address,
    route: () => ({
      call: (input, context) => perform(enter(input), nameOf(address), context).finally(() => process.inFlight--),
      stream: (input, context) => ({
        async *[Symbol.asyncIterator]() {
          const first = enter(input)
          try {
            for (let i = 0; i < 3; i++) {
              yield await perform(
                i === 0 ? first : (process.script.shift() ?? process.behaviour),
                `${nameOf(address)} ${i}`,
                context,
              )
            }
          } finally {
            process.inFlight--
          }
        },
      }),
    }),
    state: () => process.state,
    pending: () => process.inFlight,
    stop: async () => {
      process.stops++
    },
  }
}
