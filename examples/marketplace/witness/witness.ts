import type { System, Service } from 'dure/service'
import { sql, type Kysely, type SqlRow } from 'dure/data'

/**
 * A witness in every store, that no code of a service can reach: what was announced and what had its effect, in the
 * order of the commits, written by triggers in the transactions themselves. Marks of an inbox are written in an order of their own, so
 * what is handled is written down besides, as each handler begins.
 */
export function witnessed(system: System): System {
  return { ...system, services: system.services.map(watch) }
}

function watch(service: Service): Service {
  const { database } = service
  if (database === undefined) return service
  const reactions = service.reactions.map((reaction) => ({
    ...reaction,
    handle: witnessing(`${service.contract.name}/${reaction.name}`, reaction.handle),
  }))
  return { ...service, reactions, database: { ...database, migrations: { ...database.migrations, 'zz-witness': WITNESS } } }
}

type Handle = Service['reactions'][number]['handle']

function witnessing(consumer: string, handle: Handle): Handle {
  return async (event, context, prepared) => {
    const tx = context.tx as unknown as Kysely<unknown>
    await sql`INSERT INTO witness_handled (consumer, message_id) VALUES (${consumer}, ${event.id})`.execute(tx)
    await handle(event, context, prepared)
  }
}

const WITNESS = `
  CREATE TABLE witness_events (position INTEGER PRIMARY KEY, id TEXT, type TEXT, key TEXT, data TEXT);
  CREATE TRIGGER witness_events AFTER INSERT ON dure_outbox BEGIN
    INSERT INTO witness_events (id, type, key, data) VALUES (new.id, new.type, new.key, new.data);
  END;
  CREATE TABLE witness_handled (position INTEGER PRIMARY KEY, consumer TEXT, message_id TEXT);
  CREATE TABLE witness_effects (position INTEGER PRIMARY KEY, consumer TEXT, message_id TEXT);
  CREATE TRIGGER witness_effects AFTER INSERT ON dure_inbox BEGIN
    INSERT INTO witness_effects (consumer, message_id) VALUES (new.consumer, new.message_id);
  END;`

export type Event = { readonly id: string; readonly key: string; readonly data: unknown }

export type Effect = { readonly id: string; readonly position: number }

/** What all the witnesses saw. */
export type Testimony = {
  /** By type, then by who announced it, in order of commit. */
  readonly events: ReadonlyMap<string, ReadonlyMap<string, readonly Event[]>>
  /** By consumer: what had its effect, in order of commit; positions are of all consumers of its service. */
  readonly effects: ReadonlyMap<string, readonly Effect[]>
  /** By consumer: what its handler was given and that was committed, in the order in which it was. */
  readonly handled: ReadonlyMap<string, readonly Effect[]>
}

/** What a statement finds in the store of a service. */
export type Rows = (service: string, sql: string) => readonly SqlRow[]

export function hear(services: readonly string[], rows: Rows): Testimony {
  const events = new Map<string, Map<string, Event[]>>()
  const [effects, handled] = [new Map<string, Effect[]>(), new Map<string, Effect[]>()]
  for (const service of services) {
    for (const { id, type, key, data } of rows(service, 'SELECT * FROM witness_events ORDER BY position')) {
      const of = entry(
        entry(events, String(type), () => new Map<string, Event[]>()),
        service,
        (): Event[] => [],
      )
      of.push({ id: String(id), key: String(key), data: JSON.parse(String(data)) })
    }
    for (const [all, table] of [
      [effects, 'witness_effects'],
      [handled, 'witness_handled'],
    ] as const)
      for (const { consumer, message_id, position } of rows(service, `SELECT * FROM ${table} ORDER BY position`)) {
        entry(all, String(consumer), (): Effect[] => []).push({ id: String(message_id), position: Number(position) })
      }
  }
  return { events, effects, handled }
}

/** All events of a type, whoever announced them. */
export function announced({ events }: Testimony, type: string): readonly Event[] {
  return [...(events.get(type)?.values() ?? [])].flat()
}

export function entry<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
