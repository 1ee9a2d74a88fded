import { type Client, type Transport } from '../../call/call.ts'
import { clientFactory, createEndpoint, createGate, createOperationMetrics, type LocalTransport } from '../../call/internal.ts'
import {
  CallError,
  command,
  query,
  type AnyOperation,
  type Contract,
  type Operation,
  type Schema,
} from '../../contract/contract.ts'
import { outward } from '../../contract/internal.ts'
import type {
  AuditFilter,
  DeadLetter,
  DeadLetterChange,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetters,
  Page,
  ReactionReading,
} from '../../messaging/messaging.ts'
import type { Deadlines, Runtime } from '../../runtime/runtime.ts'
import { type Logger, type MetricFamily } from '../../telemetry/telemetry.ts'
import { plainLogger } from '../../telemetry/internal.ts'
import type { ServiceHealth } from '../system.ts'
import type { ServiceInstance } from '../service-instance.ts'

/**
 * What the processes of one system ask each other about their services, over the same transport as calls. Every
 * service answers for itself, under its own name, beside the operations of its contract: who finds one finds the other.
 */
export type ControlContract = Contract<string, ControlOperations>

type Asks<In, Out> = Operation<'query', Schema<In>, Schema<Out>, {}>
type Does<In, Out> = Operation<'command', Schema<In>, Schema<Out>, {}>
type ControlOperations = {
  readonly 'dure.health': Asks<undefined, ServiceHealth>
  readonly 'dure.status': Asks<undefined, InstanceState>
  readonly 'dure.metrics': Asks<undefined, readonly MetricFamily[]>
  readonly 'dure.readings': Asks<undefined, readonly ReactionReading[]>
  readonly 'dure.letters.groups': Asks<DeadLetterFilter, readonly DeadLetterGroup[]>
  readonly 'dure.letters.list': Asks<DeadLetterFilter & Page, readonly DeadLetter[]>
  readonly 'dure.letters.show': Asks<{ readonly id: string }, DeadLetterDetail>
  readonly 'dure.letters.audit': Asks<AuditFilter, readonly DeadLetterChange[]>
  readonly 'dure.letters.retry': Does<Retry, number>
  readonly 'dure.letters.discard': Does<Discard, number>
  readonly 'dure.letters.edit': Does<Edit, undefined>
}
export type InstanceState = Awaited<ReturnType<ServiceInstance['status']>>
type Retry = { readonly filter: DeadLetterFilter; readonly by?: string | undefined }
type Discard = { readonly filter: DeadLetterFilter; readonly reason: string; readonly by?: string | undefined }
type Edit = {
  readonly id: string
  readonly data: string
  readonly reason: string
  readonly by?: string | undefined
}

/** Both sides are this library, of one version or the next: what is said is trusted, and copied as calls are. */
function plain<T>(): Schema<T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'dure',
      validate: (value) => ({ value: value as T }),
      jsonSchema: { input: () => ({}), output: () => ({}) },
    },
  }
}

/** Milliseconds: who asks for health wants to hear soon that there is none. */
const SOON = 2_000

const operations: ControlOperations = {
  'dure.health': query({ input: plain<undefined>(), output: plain<ServiceHealth>(), deadline: SOON }),
  'dure.status': query({ input: plain<undefined>(), output: plain<InstanceState>(), deadline: SOON }),
  'dure.metrics': query({ input: plain<undefined>(), output: plain<readonly MetricFamily[]>(), deadline: SOON }),
  'dure.readings': query({ input: plain<undefined>(), output: plain<readonly ReactionReading[]>(), deadline: SOON }),
  'dure.letters.groups': query({ input: plain<DeadLetterFilter>(), output: plain<readonly DeadLetterGroup[]>() }),
  'dure.letters.list': query({ input: plain<DeadLetterFilter & Page>(), output: plain<readonly DeadLetter[]>() }),
  'dure.letters.show': query({ input: plain<{ readonly id: string }>(), output: plain<DeadLetterDetail>() }),
  'dure.letters.audit': query({ input: plain<AuditFilter>(), output: plain<readonly DeadLetterChange[]>() }),
  'dure.letters.retry': command({ input: plain<Retry>(), output: plain<number>() }),
  'dure.letters.discard': command({ input: plain<Discard>(), output: plain<number>() }),
  'dure.letters.edit': command({ input: plain<Edit>(), output: plain<undefined>() }),
}

function controlOf(service: string): ControlContract {
  return { name: service, version: '1.0.0', owner: 'dure', description: undefined, operations, events: [] }
}

/** Lets others ask about an instance of this process. */
export function serveControl(options: {
  readonly instance: ServiceInstance
  readonly transport: LocalTransport
  readonly deadlines: Deadlines
  readonly runtime: Runtime
  readonly log: Logger
}): void {
  const { instance, transport, deadlines, runtime, log } = options
  const letters = (): DeadLetters => instance.deadLetters() ?? NONE
  const handlers: Readonly<Record<keyof ControlOperations, (input: never) => unknown>> = {
    'dure.health': () => instance.health(),
    'dure.status': () => instance.status(),
    'dure.metrics': () => instance.metrics(),
    'dure.readings': () => instance.readings(),
    'dure.letters.groups': (filter: DeadLetterFilter) => letters().groups(filter),
    'dure.letters.list': (filter: DeadLetterFilter & Page) => letters().list(filter),
    'dure.letters.show': ({ id }: { readonly id: string }) => letters().show(id),
    'dure.letters.audit': (filter: AuditFilter) => letters().audit(filter),
    'dure.letters.retry': ({ filter, by }: Retry) => letters().retry(filter, by),
    'dure.letters.discard': ({ filter, reason, by }: Discard) => letters().discard(filter, reason, by),
    'dure.letters.edit': ({ id, data, reason, by }: Edit) => letters().edit(id, data, reason, by),
  }
  const gate = createGate({ service: instance.name, capacity: 100 })
  for (const [name, operation] of Object.entries(operations as Readonly<Record<string, AnyOperation>>)) {
    const place = `${instance.name}.${name}`
    const endpoint = createEndpoint({
      ...{ place, operation, gate, deadlines, clock: runtime.clock, metrics: createOperationMetrics() },
      handler: handlers[name as keyof ControlOperations] as (input: unknown) => unknown,
      context: () => undefined,
      onFault: (at, thrown) => plainLogger(log).error(`Call to ${at} failed`, { error: thrown }),
    })
    transport.add({ service: instance.name, operation: name }, endpoint)
  }
  gate.open()
}

/** An instance in another process, as far as it can be asked. */
export type RemoteInstance = Pick<ServiceInstance, 'name' | 'health' | 'deadLetters'> & {
  /** Undefined when nobody answers. */
  readonly status: () => Promise<InstanceState | undefined>
  /** Nothing when nobody answers. */
  readonly metrics: () => Promise<readonly MetricFamily[]>
  readonly readings: () => Promise<readonly ReactionReading[] | undefined>
}

export function remoteInstance(options: {
  readonly service: string
  /** Whether it has a database, and so may have dead letters. */
  readonly keepsData: boolean
  /** Whether any process runs it, as far as is known here. */
  readonly there: () => boolean
  readonly transport: Transport
  readonly runtime: Runtime
}): RemoteInstance {
  const { service, keepsData, there, transport, runtime } = options
  const client: Client<ControlContract> = clientFactory({ contract: controlOf(service), transport, runtime })({
    service: undefined,
  })
  return {
    name: service,
    health: async () => {
      if (!there()) return away(service, 'No process runs it')
      try {
        return await client['dure.health']()
      } catch (error) {
        return away(service, `It does not answer: ${error instanceof CallError ? outward(error).message : 'its log says why'}`)
      }
    },
    status: async () => (there() ? client['dure.status']().catch(() => undefined) : undefined),
    metrics: async () => (there() ? client['dure.metrics']().catch(() => []) : []),
    readings: async () => (there() ? client['dure.readings']().catch(() => undefined) : undefined),
    deadLetters: () => (keepsData ? lettersThrough(client) : undefined),
  }
}

function away(service: string, reason: string): ServiceHealth {
  return { service, state: 'stopped', live: false, ready: false, reasons: [reason] }
}

function lettersThrough(client: Client<ControlContract>): DeadLetters {
  return {
    groups: (filter = {}) => client['dure.letters.groups'](filter),
    list: (filter = {}) => client['dure.letters.list'](filter),
    show: (id) => client['dure.letters.show']({ id }),
    audit: (filter = {}) => client['dure.letters.audit'](filter),
    retry: (filter = {}, by) => client['dure.letters.retry']({ filter, by }),
    discard: (filter, reason, by) => client['dure.letters.discard']({ filter, reason, by }),
    edit: async (id, data, reason, by) => void (await client['dure.letters.edit']({ id, data, reason, by })),
  }
}

/** Of a service without a database. */
const NONE: DeadLetters = {
  groups: async () => [],
  list: async () => [],
  show: async (id) => {
    throw new CallError('NOT_FOUND', `Cannot show dead letter "${id}": the service has none`)
  },
  audit: async () => [],
  retry: async () => 0,
  discard: async () => 0,
  edit: async (id) => {
    throw new CallError('NOT_FOUND', `Cannot edit dead letter "${id}": the service has none`)
  },
}
