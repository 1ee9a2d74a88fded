/** Schemas of events: who reads them, and whether they can. */
import type { AnyEvent } from '../contract/contract.ts'
import { compareDocuments, eventDocument } from '../contract/internal.ts'
import type { Service } from './definition.ts'

/** A place where schemas of events are told, such as a registry. */
export type EventSchemas = {
  /**
   * Tells what these events look like from now on, and answers those that may not be published so. Rejects when that cannot be found
   * out, in words that say what to do.
   */
  readonly announce: (events: readonly AnyEvent[]) => Promise<readonly RefusedSchema[]>
}

/** `why` goes on after "order.placed" and "but". */
export type RefusedSchema = { readonly event: string; readonly why: string }

type Reader = { readonly service: string; readonly version: number; readonly event: AnyEvent }

/** Who reacts to an event, with the event as they have it. */
export function readersOf(services: readonly Service[], event: string): readonly Reader[] {
  return services.flatMap(({ contract, reactions }) =>
    reactions
      .filter((reaction) => reaction.kind === 'topic' && reaction.event.name === event)
      .map((reaction) => ({ service: contract.name, version: reaction.event.version, event: reaction.event })),
  )
}

/** What consumers in the system have declared themselves, where that does not read what is announced. */
export function unreadableEvents(services: readonly Service[]): readonly string[] {
  return services.flatMap(({ contract }) =>
    contract.events.flatMap((published) =>
      readersOf(services, published.name)
        .filter(({ event }) => event !== published)
        .flatMap(({ service, version, event }) => {
          const said = `Service "${contract.name}" announces version ${published.version} of "${published.name}", and "${service}" reads`
          if (version < published.version)
            return [`${said} version ${version}; give "${service}" the event of the contract of "${contract.name}"`]
          if (version > published.version) return []
          const where = compareDocuments(published.name, eventDocument(event), eventDocument(published))
            .filter(({ breaks }) => breaks === 'subscribers')
            .map((change) => `${change.where.replace(`${published.name} at `, '')} ${change.message}`)
          return where.length === 0 ? [] : [`${said} another one, in which ${where.join(', ')}; let both use one schema`]
        }),
    ),
  )
}
