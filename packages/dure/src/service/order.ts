import type { AnyEvent } from '../contract/contract.ts'
import { unreadableEvents } from './schemas.ts'
import type { HandlerContext, Service, StoreAdapter } from './definition.ts'
import type { External } from './external.ts'

/** Services in the order they start: whoever is needed comes first; alphabetical where nothing decides. */
export function startOrder(services: readonly Service[]): readonly Service[] {
  const byName = new Map(services.map((one) => [one.contract.name, one]))
  const ordered: Service[] = []
  const done = new Set<string>()
  const visit = (one: Service): void => {
    if (done.has(one.contract.name)) return
    done.add(one.contract.name)
    for (const needed of neededBy(one)) {
      const callee = byName.get(needed)
      if (callee !== undefined) visit(callee)
    }
    ordered.push(one)
  }
  for (const one of services.toSorted((a, b) => (a.contract.name < b.contract.name ? -1 : 1))) visit(one)
  return ordered
}

/** Everything that keeps these services from being one system, in words. */
export function findProblems(services: readonly Service[], external: readonly External[] = []): readonly string[] {
  if (services.length === 0) return ['It has no services; give it at least one']
  return [
    ...duplicateNames([...services, ...external]),
    ...external.flatMap(({ problems }) => problems),
    ...missingNeeds(services, external),
    ...cycles(services),
    ...services.flatMap(wrongWithin),
    ...orphans(services),
    ...topicConflicts(services),
    ...unreadableEvents(services),
  ]
}

/** A store that nobody uses would leave a service's data where nobody looks for them. */
export function storeProblems(services: readonly Service[], stores: Readonly<Record<string, StoreAdapter>>): readonly string[] {
  const named = Object.keys(stores).filter(
    (name) => !services.some((one) => one.contract.name === name && one.database !== undefined),
  )
  const without = services.filter(({ database, store }) => store !== undefined && database === undefined)
  return [
    ...named.map(
      (name) => `"stores" names "${name}", which is no service of the system with a database; correct the name or remove it`,
    ),
    ...without.map(
      ({ contract }) => `Service "${contract.name}" has a store but no "database" to keep in it; give it one or remove "store"`,
    ),
  ]
}

function duplicateNames(services: readonly Pick<Service, 'contract'>[]): string[] {
  const seen = new Map<string, number>()
  for (const { contract } of services) seen.set(contract.name, (seen.get(contract.name) ?? 0) + 1)
  return [...seen]
    .filter(([, times]) => times > 1)
    .map(
      ([name, times]) => `${times} services are named "${name}"; a name stands for one service, so rename the others' contracts`,
    )
}

function missingNeeds(services: readonly Service[], external: readonly External[]): string[] {
  const names = new Set([...services, ...external].map(({ contract }) => contract.name))
  return services.flatMap((one) =>
    neededBy(one)
      .filter((needed) => !names.has(needed))
      .map(
        (needed) =>
          `Service "${one.contract.name}" needs "${needed}", which is not in the system; add it to "services", or to "external" where others run it`,
      ),
  )
}

function cycles(services: readonly Service[]): string[] {
  const byName = new Map(services.map((one) => [one.contract.name, one]))
  const found = new Map<string, string>()
  const walk = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name)
    if (start >= 0) {
      const cycle = path.slice(start)
      // One cycle can be entered at each of its members: its sorted names tell it is the same.
      const members = cycle.toSorted().join()
      if (!found.has(members)) found.set(members, [...cycle, name].join(' → '))
      return
    }
    const one = byName.get(name)
    if (one !== undefined) for (const needed of neededBy(one)) walk(needed, [...path, name])
  }
  for (const name of byName.keys()) walk(name, [])
  return [...found.values()].map(
    (path) =>
      `Services need each other in a circle (${path}), so none can start first; let one of them react to the other's events instead`,
  )
}

function wrongWithin(one: Service): string[] {
  const { contract, handlers, reactions, database, extensions } = one
  const problems: string[] = []
  const operations = Object.keys(contract.operations)
  for (const name of operations) {
    if (typeof handlers[name] !== 'function')
      problems.push(`Service "${contract.name}" has no handler for its operation "${name}"`)
  }
  for (const name of Object.keys(handlers)) {
    if (!operations.includes(name)) {
      problems.push(
        `Service "${contract.name}" has a handler "${name}" that its contract does not name; declare the operation or remove it`,
      )
    }
  }
  if (reactions.length > 0 && database === undefined) {
    problems.push(`Service "${contract.name}" reacts to events but has no database to remember them in; give it "database"`)
  }
  if (extensions.length > 0 && database === undefined) {
    const { kind, name } = extensions[0]!
    problems.push(`Service "${contract.name}" has the ${kind.name} "${name}" but no database to keep it in; give it "database"`)
  }
  for (const [place, { length }] of Map.groupBy(extensions, ({ kind, name }) => `${kind.name} "${name}"`))
    if (length > 1) problems.push(`Service "${contract.name}" has the ${place} ${length} times; give each a name of its own`)
  const names = new Set<string>()
  for (const { name, event } of reactions) {
    if (names.has(name))
      problems.push(
        `Service "${contract.name}" has two reactions named "${name}"; give one to "${event.name}" a "name" of its own`,
      )
    names.add(name)
  }
  for (const key of Object.keys(one.needs)) {
    if (RESERVED.has(key))
      problems.push(`Service "${contract.name}" calls a need "${key}", a name its handlers' context has already; choose another`)
  }
  return problems
}

/** A subscription to what nobody announces would wait for ever without a word. */
function orphans(services: readonly Service[]): string[] {
  const published = new Set(services.flatMap(({ contract }) => contract.events.map(({ name }) => name)))
  return services.flatMap((one) =>
    one.reactions
      .filter(({ kind, event }) => kind === 'topic' && !published.has((event as AnyEvent).name))
      .map(
        ({ event }) => `Service "${one.contract.name}" subscribes to "${event.name}", which no contract of the system announces`,
      ),
  )
}

/** Events that share a topic have to want it alike, or the one that is declared first would win. */
function topicConflicts(services: readonly Service[]): string[] {
  const first = new Map<string, AnyEvent>()
  return services
    .flatMap(({ contract }) => contract.events)
    .filter((event) => {
      const before = first.get(event.topic) ?? event
      first.set(event.topic, before)
      return JSON.stringify([before.partitions, before.retention]) !== JSON.stringify([event.partitions, event.retention])
    })
    .map(
      ({ name, topic }) =>
        `Events "${first.get(topic)!.name}" and "${name}" share the topic "${topic}" and want it made otherwise; give both the same partitions and retention`,
    )
}

function neededBy(one: Service): readonly string[] {
  return [one, ...one.extensions].flatMap(({ needs = {} }) => Object.values(needs).map(({ name }) => name))
}

/** What a handler's context has of its own; the compiler knows when a name is missing. */
const RESERVED: ReadonlySet<string> = new Set(
  Object.keys({
    sentAt: true,
    deadline: true,
    cancellation: true,
    correlationId: true,
    causationId: true,
    traceparent: true,
    sampled: true,
    tracestate: true,
    parentTrace: true,
    caller: true,
    idempotencyKey: true,
    principal: true,
    metadata: true,
    signal: true,
    log: true,
    metrics: true,
    clock: true,
    ids: true,
    random: true,
    fetch: true,
    http: true,
    database: true,
    config: true,
  } satisfies Record<keyof HandlerContext<{}, {}, {}, unknown>, true>),
)
