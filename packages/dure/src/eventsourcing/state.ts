import { wireOf } from '../contract/internal.ts'
import type { AnyStored, Decode } from './codec.ts'
import type { AnyAggregate, AnyStream, Loaded } from './definition.ts'
import { readSnapshot, readStream, type Of, type Select } from './log.ts'

/** A state, and the version of the snapshot that it was made from; 0 when from the first event. */
export type Replayed = Loaded<unknown> & { readonly snapshot: number }

export type AsOf = { readonly version: number } | { readonly time: number }

export function nameOf({ aggregate, id }: AnyStream): Of {
  return { stream: aggregate.name, streamId: id }
}

/** The state of a stream: its snapshot when there is one that counts, and the events since; page by page. */
export async function replay(
  { select, decode }: { readonly select: Select; readonly decode: Decode },
  stream: AnyStream,
  asOf?: AsOf,
): Promise<Replayed> {
  const { aggregate } = stream
  const of = nameOf(stream)
  const last = asOf !== undefined && 'version' in asOf ? asOf.version : Infinity
  const until = asOf !== undefined && 'time' in asOf ? asOf.time : Infinity
  let [state, version, snapshotAt] = [aggregate.initial(), 0, 0]
  let page: Awaited<ReturnType<typeof readStream>> | undefined
  const snapshot = aggregate.snapshot === undefined || until < Infinity ? undefined : await readSnapshot(select, of)
  if (snapshot !== undefined && snapshot.stamp === aggregate.snapshot!.stamp && snapshot.version <= last) {
    const before = stateFrom(aggregate, snapshot.state)
    // Its own event is read with those that follow: without it, it is of a future that was not kept.
    const { rows, more } = await readStream(select, of, { from: snapshot.version, limit: last - snapshot.version + 1 })
    if (before !== undefined && rows[0] !== undefined && Number(rows[0]['version']) === snapshot.version) {
      ;[state, version, snapshotAt] = [before.state, snapshot.version, snapshot.version]
      page = { rows: rows.slice(1), more }
    }
  }
  for (;;) {
    page ??= await readStream(select, of, { from: version + 1, limit: last - version })
    for (const event of await decode(page.rows)) {
      if (event.time > until) return { state, version, snapshot: snapshotAt }
      state = evolveWith(aggregate, state, event)
      version = event.version
    }
    if (!page.more) return { state, version, snapshot: snapshotAt }
    page = undefined
  }
}

export function evolveWith(aggregate: AnyAggregate, state: unknown, event: AnyStored): unknown {
  return aggregate.evolve(state as never, event as never)
}

export function stateText({ snapshot }: AnyAggregate, state: unknown): string {
  const { plain, toJson } = wireOf(snapshot!.state, 'output')
  return JSON.stringify(plain ? state : toJson(state))
}

/** Undefined for what cannot be read: all of it is in the events. */
function stateFrom({ snapshot }: AnyAggregate, text: string): { readonly state: unknown } | undefined {
  try {
    const { plain, fromJson } = wireOf(snapshot!.state, 'output')
    const json: unknown = JSON.parse(text)
    return { state: plain ? json : fromJson(json) }
  } catch {
    return undefined
  }
}
