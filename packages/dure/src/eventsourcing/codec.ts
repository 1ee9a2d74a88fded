import type { AnyEvent } from '../contract/contract.ts'
import { decoderOf, type Decoder } from '../contract/internal.ts'
import type { SqlRow } from '../data/data.ts'
import type { AnyAggregate, StoredEvent } from './definition.ts'
import { hasSeals, type Seals } from './seals.ts'
import { storedOf, unreadable, type Stored } from './stored.ts'

export type AnyStored = StoredEvent<readonly AnyEvent[]>

/** Makes events of what is stored: of a page at once, as keys are asked for together. */
export type Decode = (rows: readonly SqlRow[]) => Promise<readonly AnyStored[]>

export function decodeWith(aggregates: ReadonlyMap<string, AnyAggregate>, seals: Seals | undefined): Decode {
  const decoders = new Map<string, ReadonlyMap<string, Decoder<Stored>>>()
  for (const { name, events } of aggregates.values())
    decoders.set(name, new Map(events.map((event) => [event.name, decoderOf<Stored>(event, unreadable)])))
  return async (rows) => {
    const stored = rows.map(storedOf)
    const sealed = stored.filter(({ data }) => hasSeals(data))
    if (sealed.length > 0 && seals === undefined)
      throw unreadable(sealed[0]!, ': it is sealed, and no aggregate here has personal fields. To do: put `personal` back')
    const opened = sealed.length === 0 ? stored : await seals!.open(stored)
    const events: AnyStored[] = []
    for (const one of opened) {
      const decode = decoders.get(one.stream)?.get(one.type)
      if (decode === undefined)
        throw unreadable(one, ': no aggregate here has such an event. To do: put it back among the `events` of its aggregate')
      const data = decode(one)
      events.push({ ...one, data: data instanceof Promise ? await data : data } as AnyStored)
    }
    return events
  }
}
