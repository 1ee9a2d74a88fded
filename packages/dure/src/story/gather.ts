import { CallError, type Message } from '../contract/contract.ts'
import type { FindBy, FoundMessage } from '../messaging/messaging.ts'
import type { ServiceStory, StoryQuestion } from '../service/service.ts'
import type { StoryHost, StoryOptions, StoryPath, StorySaga } from './definition.ts'

/** All that the broker and the stores say, as they say it. */
export type Gathered = {
  readonly correlationIds: readonly string[]
  readonly found: readonly FoundMessage[]
  readonly services: readonly ServiceStory[]
  readonly sagas: readonly StorySaga[]
  readonly choreographies: readonly StoryPath[]
  /** Services that did not answer. */
  readonly silent: ReadonlySet<string>
  readonly cutOff: readonly string[]
  readonly unseen: readonly string[]
}

/** Requests that are followed, the latest; and ids of each kind that a service is asked for at once. */
const [REQUESTS, ASKED] = [20, 100]

/** Looks for what it is about, then for all that followed from the same requests. */
export async function gather(host: StoryHost, options: StoryOptions): Promise<Gathered> {
  const { about } = options
  const asking = createAsking(host, options)
  const first = await asking.look({ any: about })
  const found = first.length > 0 ? first : await asking.look({ text: about })
  const hints = await asking.services(() => [{ correlationIds: [about], keys: [about], messageIds: [about], callers: [] }])
  const sagas = await asking.sagas({ id: about })
  const messages = [...found.map(({ message }) => message), ...hints.flatMap(messagesOf)]
  const every = [
    ...new Set([...messages.toSorted((a, b) => b.time - a.time), ...sagas].map(({ correlationId }) => correlationId)),
  ]
  const correlationIds = every.length === 0 ? [about] : every.slice(0, REQUESTS)
  if (every.length > REQUESTS) asking.cutOff(`${every.length} requests have to do with it: the latest ${REQUESTS} are told`)

  const followed = await asking.look({ correlationId: correlationIds })
  const all = unique([...found, ...followed].filter(({ message }) => correlationIds.includes(message.correlationId)))
  const ids = [...new Set([...all.map(({ message }) => message), ...messages].map(({ id }) => id))]
  const byId = new Map([...messages, ...all.map(({ message }) => message)].map((message) => [message.id, message]))
  const services = await asking.services((service) => questionsOf(host, { service, ids, byId, correlationIds }))
  return {
    correlationIds,
    found: all,
    services: [...hints.map((one) => ({ ...one, parked: one.parked.filter(isAbout(correlationIds)) })), ...services],
    sagas: bySaga([...sagas, ...(await asking.sagasOf(correlationIds))]),
    choreographies: await asking.choreographies(about, correlationIds),
    ...asking.told(),
  }
}

const isAbout =
  (correlationIds: readonly string[]) =>
  ({ message }: { readonly message: Message }): boolean =>
    correlationIds.includes(message.correlationId)

function messagesOf({ outbox, parked }: ServiceStory): readonly Message[] {
  return [...outbox, ...parked.map(({ message }) => message)]
}

function unique(found: readonly FoundMessage[]): readonly FoundMessage[] {
  return [...new Map(found.map((one) => [one.message.id, one])).values()]
}

function bySaga(sagas: readonly StorySaga[]): readonly StorySaga[] {
  const each = new Map(sagas.map((one) => [`${one.service} ${one.saga} ${one.id}`, one]))
  return [...each.values()].toSorted((a, b) => a.began - b.began)
}

type Known = {
  readonly service: string
  readonly ids: readonly string[]
  readonly byId: ReadonlyMap<string, Message>
  readonly correlationIds: readonly string[]
}

/** As many as it takes: a service answers a hundred ids at once. */
function questionsOf(host: StoryHost, { service, ids, byId, correlationIds }: Known): readonly StoryQuestion[] {
  const callers = host.reactions
    .filter(({ calls }) => calls.includes(service))
    .flatMap(({ consumer, event, kind }) =>
      [...byId.values()].filter(({ type }) => type === event.name).map(({ id }) => ({ consumer, messageId: id, kind })),
    )
    .map(({ consumer, messageId }) => ({ consumer, messageId }))
  const count = Math.max(1, Math.ceil(Math.max(ids.length, callers.length) / ASKED))
  const part = <T>(all: readonly T[], at: number): readonly T[] => all.slice(at * ASKED, (at + 1) * ASKED)
  return Array.from({ length: count }, (_, at) => {
    return { correlationIds: at === 0 ? correlationIds : [], keys: [], messageIds: part(ids, at), callers: part(callers, at) }
  })
}

/** Asks, and keeps what could not be answered. */
function createAsking(host: StoryHost, { since, until, limit = 500, timeout }: StoryOptions) {
  const cut = new Set<string>()
  const unseen = new Set<string>()
  const silent = new Set<string>()
  const events = [...host.contracts, ...host.external].flatMap((one) => one.events)
  const reacted = host.reactions.map(({ event }) => event)
  const queues = [...new Set(host.reactions.filter(({ kind }) => kind === 'queue').map(({ event }) => event.topic))]
  const topics = [...new Set([...events, ...reacted].map(({ topic }) => topic))].filter((topic) => !queues.includes(topic))

  const withKind = (kind: string): readonly string[] => [
    ...new Set(host.extensions.filter((one) => one.kind === kind).map(({ service }) => service)),
  ]
  /** Nothing of a service that does not answer, or has nothing of the kind. */
  const ask = async <T>(service: string, kind: string, method: string, input: unknown): Promise<readonly T[]> => {
    try {
      return (await host.ask(service, { kind, method, input })) as readonly T[]
    } catch (error) {
      if (!(error instanceof CallError && error.code === 'NOT_FOUND')) noAnswer(service, error)
      return []
    }
  }
  const noAnswer = (service: string, error: unknown): void => {
    silent.add(service)
    unseen.add(`Service "${service}" does not answer: ${(error as Error).message}`)
  }

  const sagas = async (filter: object): Promise<readonly StorySaga[]> => {
    const each = withKind('saga').map(async (service) => {
      const listed = await ask<StorySaga>(service, 'saga', 'list', { ...filter, limit: 50 })
      const shown = listed.map(async ({ saga, id }) =>
        ask<StorySaga>(service, 'saga', 'show', { saga, id }).then((one) => ({ ...(one as unknown as StorySaga), service })),
      )
      return Promise.all(shown)
    })
    return (await Promise.all(each)).flat().map(sagaOf)
  }

  return {
    look: async (by: FindBy): Promise<readonly FoundMessage[]> => {
      try {
        const found = await host.topics.find({ by, topics, queues, since, until, limit, timeout })
        if (found.cutOff !== undefined) cut.add(CUT[found.cutOff])
        for (const [why, places] of Map.groupBy(found.unseen, (one) => one.why))
          unseen.add(`${places.map(({ on, name }) => `${on} "${name}"`).join(', ')}: ${why}`)
        return found.messages
      } catch (error) {
        unseen.add(`The broker: ${(error as Error).message}`)
        return []
      }
    },
    services: async (questions: (service: string) => readonly StoryQuestion[]): Promise<readonly ServiceStory[]> => {
      const each = host.contracts.map(async ({ name }) => {
        try {
          return await Promise.all(questions(name).map((question) => host.story(name, question)))
        } catch (error) {
          noAnswer(name, error)
          return []
        }
      })
      const told = (await Promise.all(each)).flat()
      for (const one of told) {
        for (const why of one.unseen) unseen.add(why)
        if (one.cutOff) cut.add(`Service "${one.service}" has more than it told`)
      }
      return told
    },
    sagas,
    sagasOf: async (correlationIds: readonly string[]) =>
      (await Promise.all(correlationIds.map((correlationId) => sagas({ correlationId })))).flat(),
    choreographies: async (about: string, correlationIds: readonly string[]): Promise<readonly StoryPath[]> => {
      const asked = [{ key: about }, ...correlationIds.map((correlationId) => ({ correlationId }))]
      const each = withKind('choreography').flatMap((service) =>
        asked.map(async (input) =>
          (await ask<StoryPath>(service, 'choreography', 'path', input)).map((one) => ({ ...one, service })),
        ),
      )
      const all = (await Promise.all(each)).flat()
      return [...new Map(all.map((one) => [`${one.service} ${one.choreography} ${one.key}`, one])).values()]
    },
    cutOff: (why: string) => void cut.add(why),
    told: () => ({ cutOff: [...cut], unseen: [...unseen], silent }),
  }
}

const CUT = {
  limit: 'There are more messages than were asked for: name a time, or a higher limit',
  bytes: 'There are more messages than are told at once: name a time',
  time: 'The broker was not looked through to its end in the time there was: name a time since when',
} as const

/** Without inputs and results: they have no schema by which it could be said what is secret. */
function sagaOf({ service, saga, id, state, began, ended, reason, failure, correlationId, todo, steps }: StorySaga): StorySaga {
  return {
    ...{ service, saga, id, state, began, ended, reason, correlationId, todo },
    failure: failure && { code: failure.code, message: failure.message },
    steps: steps.map(({ position, kind, name, state: came, tries, began: from, ended: to, error }) => {
      return { position, kind, name, state: came, tries, began: from, ended: to, error }
    }),
  }
}
