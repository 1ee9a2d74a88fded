import type { CallReading, Client, Transport } from '../../call/call.ts'
import {
  clientFactory,
  createEndpoint,
  createAdmission,
  createOperationMetrics,
  type LocalTransport,
  type RemoteService,
} from '../../call/internal.ts'
import type { Instance } from '../../discovery/discovery.ts'
import { CallError, command, query, type AnyOperation, type Contract, type Principal } from '../../contract/contract.ts'
import { OPERATE, outward, OWN_PROCESS } from '../../contract/internal.ts'
import type { DeadLetters, ReactionReading } from '../../messaging/messaging.ts'
import type { Deadlines, Runtime } from '../../runtime/runtime.ts'
import { type Logger, type MetricFamily } from '../../telemetry/telemetry.ts'
import { plainLogger, type Recorder } from '../../telemetry/internal.ts'
import { plainSchema as plain } from '../plain-schema.ts'
import { LONGEST_DIAGNOSIS, type DiagnoseCopy, type DiagnosisRequest } from '../diagnostics.ts'
import { away } from '../health.ts'
import type { ExtensionQuestion } from '../extensions.ts'
import type { RetainedReading } from '../retention.ts'
import type { ServiceStory, StoryQuestion } from '../story.ts'
import type { ServiceHealth } from '../system.ts'
import type { ServiceInstance } from '../service-instance.ts'
import type { TracingProcess } from './retained-traces.ts'
import type { SettingsQuestion } from '../settings-host.ts'

type InstanceState = Awaited<ReturnType<ServiceInstance['status']>>

/** Who asks about an instance wants to hear soon that there is none: milliseconds. */
const asked = <T>() => query({ input: plain<undefined>(), output: plain<T>(), deadline: 2_000 })
/** What shows users' data, or changes them, is for who runs the system. */
const scope = OPERATE
const read = query({ input: plain<readonly unknown[]>(), output: plain<unknown>(), scope })
const change = command({ input: plain<readonly unknown[]>(), output: plain<unknown>(), scope })

/** Each method of dead letters is an operation, whose input is the method's arguments. */
const LETTERS: Readonly<Record<keyof DeadLetters, typeof read | typeof change>> = {
  ...{ groups: read, list: read, show: read, audit: read },
  ...{ retry: change, discard: change, edit: change },
}
const METHODS = Object.keys(LETTERS) as readonly (keyof DeadLetters)[]
const nameOf = (method: keyof DeadLetters) => `dure.letters.${method}` as const

/**
 * What the processes of one system ask each other about their services, over the same transport as calls. Every
 * service answers for itself, under its own name, beside the operations of its contract: who finds one finds the other.
 */
const operations = {
  'dure.ask': command({ input: plain<ExtensionQuestion>(), output: plain<unknown>(), scope }),
  'dure.story': query({ input: plain<StoryQuestion>(), output: plain<ServiceStory>(), scope, deadline: 10_000 }),
  // It answers when it has looked for long enough.
  'dure.diagnose': command({
    input: plain<DiagnosisRequest>(),
    output: plain<unknown>(),
    scope,
    deadline: LONGEST_DIAGNOSIS * 2,
  }),
  'dure.settings': command({ input: plain<SettingsQuestion>(), output: plain<unknown>(), scope }),
  'dure.health': asked<ServiceHealth>(),
  'dure.status': asked<InstanceState>(),
  'dure.calls': asked<readonly CallReading[]>(),
  'dure.peers': asked<readonly RemoteService[]>(),
  'dure.metrics': asked<readonly MetricFamily[]>(),
  'dure.readings': asked<readonly ReactionReading[]>(),
  'dure.retained': asked<readonly RetainedReading[]>(),
  'dure.traces.keep': command({ input: plain<readonly string[]>(), output: plain<undefined>(), scope, deadline: 2_000 }),
  'dure.traces.retained': query({ input: plain<number>(), output: plain<RetainedTraces>(), scope, deadline: 2_000 }),
  ...(Object.fromEntries(METHODS.map((method) => [nameOf(method), LETTERS[method]])) as Readonly<
    Record<ReturnType<typeof nameOf>, typeof read>
  >),
}
type RetainedTraces = ReturnType<Recorder['retainedSince']>
type ControlContract = Contract<string, typeof operations>

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
  readonly recorder: Recorder | undefined
  /** How its process sees the instances that it calls. */
  readonly peers: () => readonly RemoteService[]
}): void {
  const { instance, transport, deadlines, runtime, log, recorder, peers } = options
  const handlers: Readonly<Record<string, (input: unknown, caller: unknown) => unknown>> = {
    'dure.ask': (question) => instance.ask(question as ExtensionQuestion),
    'dure.story': (question) => instance.story(question as StoryQuestion),
    'dure.diagnose': (request) => instance.diagnose(request as DiagnosisRequest),
    'dure.settings': (question) => instance.settings(question as SettingsQuestion),
    'dure.health': () => instance.health(),
    'dure.status': () => instance.status(),
    'dure.calls': () => instance.calls(),
    'dure.peers': peers,
    'dure.metrics': () => instance.metrics(),
    'dure.readings': () => instance.readings(),
    'dure.retained': () => instance.retained(),
    'dure.traces.keep': (ids) => recorder?.keepToo(ids as readonly string[]),
    'dure.traces.retained': (since) => recorder?.retainedSince(since as number) ?? { ids: [], next: 0 },
    ...Object.fromEntries(
      METHODS.map((method) => [
        nameOf(method),
        (given: unknown, caller: unknown) =>
          (lettersOf(instance)[method] as (...given: unknown[]) => unknown)(...by(method, given as unknown[], caller)),
      ]),
    ),
  }
  const admission = createAdmission({ service: instance.name, capacity: 100 })
  for (const [name, operation] of Object.entries(operations as Readonly<Record<string, AnyOperation>>)) {
    const place = `${instance.name}.${name}`
    const endpoint = createEndpoint({
      ...{ place, operation, admission, deadlines, clock: runtime.clock, metrics: createOperationMetrics() },
      handler: handlers[name]!,
      context: ({ principal }) => principal,
      onFault: (at, thrown) => plainLogger(log).error(`Call to ${at} failed`, { error: thrown }),
    })
    transport.add({ service: instance.name, operation: name }, endpoint)
  }
  admission.open()
}

/** A copy of a service in another process, as far as it can be asked. */
export type RemoteCopy = Pick<ServiceInstance, 'copy' | 'health' | 'diagnose'> & {
  /** Undefined when nobody answers. */
  readonly status: () => Promise<InstanceState | undefined>
  /** Nothing when nobody answers. */
  readonly calls: () => Promise<readonly CallReading[]>
  readonly metrics: () => Promise<readonly MetricFamily[]>
  readonly readings: () => Promise<readonly ReactionReading[] | undefined>
  readonly retained: () => Promise<readonly RetainedReading[]>
}

type Way = { readonly service: string; readonly transport: Transport; readonly runtime: Runtime }

function toInstance({ transport, instance }: Way & { readonly instance: Pick<Instance, 'id'> }): Transport {
  return { route: (target) => transport.route({ ...target, instance: instance.id }) }
}

/** Asks this one instance, and no other. */
export function remoteCopy(options: Way & { readonly instance: Pick<Instance, 'id' | 'metadata'> }): RemoteCopy {
  const { service, instance } = options
  const copy = instance.metadata['copy'] ?? service
  const client = clientOf({ ...options, transport: toInstance(options) })
  return {
    copy,
    health: async () => {
      try {
        return await client['dure.health']()
      } catch (error) {
        const why = error instanceof CallError ? outward(error).message : 'its log says why'
        return away({ service, copy, reason: `It does not answer: ${why}` })
      }
    },
    diagnose: ((request) => client['dure.diagnose'](request)) as DiagnoseCopy,
    status: () => client['dure.status']().catch(() => undefined),
    calls: () => client['dure.calls']().catch(() => []),
    metrics: () => client['dure.metrics']().catch(() => []),
    readings: () => client['dure.readings']().catch(() => undefined),
    retained: () => client['dure.retained'](),
  }
}

/** How the process in which an instance is sees the instances that it calls; nothing when it does not answer. */
export function remotePeers(options: Way & { readonly instance: Pick<Instance, 'id'> }): Promise<readonly RemoteService[]> {
  const client = clientOf({ ...options, transport: toInstance(options) })
  return client['dure.peers']().catch(() => [])
}

/** The process in which an instance is. */
export function remoteTracing(options: Way & { readonly instance: Pick<Instance, 'id'> }): TracingProcess {
  const { instance } = options
  const client = clientOf({ ...options, transport: toInstance(options) })
  return { id: instance.id, keep: client['dure.traces.keep'], retained: client['dure.traces.retained'] }
}

/** Dead letters are kept in the store of their service: any copy of it tells them. */
export function remoteLetters(way: Way): DeadLetters {
  return lettersThrough(clientOf(way))
}

/** What the extensions of a service keep is in its store: any copy of it answers. */
export function remoteAsk(way: Way, question: ExtensionQuestion): Promise<unknown> {
  return clientOf(way)['dure.ask'](question)
}

/** What happened to messages is in the store of each service: any copy of it tells. */
export function remoteStory(way: Way, question: StoryQuestion): Promise<ServiceStory> {
  return clientOf(way)['dure.story'](question)
}

/** Asks the process of this instance about settings, or tells it of some. */
export function remoteSettings({
  instance,
  ...way
}: Way & { readonly instance: string }): (question: SettingsQuestion) => Promise<unknown> {
  const toInstance: Transport = { route: (target) => way.transport.route({ ...target, instance }) }
  const client = clientOf({ ...way, transport: toInstance })
  return (question) => client['dure.settings'](question)
}

function clientOf({ service, transport, runtime }: Way): Client<ControlContract> {
  return clientFactory({ contract: controlOf(service), transport, runtime })({ service: undefined, principal: OWN_PROCESS })
}

/** Where a method of dead letters is told who does it. */
const BY: Partial<Record<keyof DeadLetters, number>> = { retry: 1, discard: 2, edit: 3 }

/** A person who calls is who calls; a process of the system says for whom it does. */
function by(method: keyof DeadLetters, given: unknown[], caller: unknown): unknown[] {
  const principal = caller as Principal | undefined
  const at = BY[method]
  if (at === undefined || principal === undefined || principal.kind === 'service') return given
  return Object.assign([...given], { [at]: principal.subject })
}

function lettersOf(instance: ServiceInstance): DeadLetters {
  const letters = instance.deadLetters()
  if (letters !== undefined) return letters
  throw new CallError('NOT_FOUND', `Service "${instance.name}" has no dead letters: it has no database`)
}

function lettersThrough(client: Client<ControlContract>): DeadLetters {
  return Object.fromEntries(
    METHODS.map((method) => [method, (...given: readonly unknown[]) => client[nameOf(method)](given)]),
  ) as unknown as DeadLetters
}
