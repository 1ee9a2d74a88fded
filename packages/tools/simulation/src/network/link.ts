import { type CallContext, type Transport } from 'dure/call'
import { clone, type CancelReason, type Target } from 'dure/call/internal'
import { CallError } from 'dure/contract'
import type { Process } from '../kernel/kernel.ts'
import { createServing, type Asker, type CallKind } from './serving.ts'
import { bytesOf, createLine, SILENCE, type NetworkWorld } from './wire.ts'

/** Where a process takes calls. */
export type Host = {
  readonly process: Process
  readonly transport: Transport
  readonly links: Set<Link>
  closed: boolean
  /** Asked to take nothing new. */
  leaving: boolean
  /** Told when a call has ended. */
  readonly idle: Set<() => void>
}

/** One connection, both of its ends. */
export type Link = {
  readonly client: Process
  readonly host: Host
  /** Sends a call; the asker hears of whatever comes back. */
  readonly ask: (kind: CallKind, target: Target, input: unknown, context: CallContext, asker: Asker) => number
  /** A value of a channel's caller, and that there are no more. @returns bytes that it takes */
  readonly item: (id: number, value: unknown) => number
  readonly end: (id: number, error?: Error) => void
  readonly credit: (id: number, values: number, bytes: number) => void
  readonly cancel: (id: number, reason: CancelReason | 'done') => void
  /** Calls under way at the host. */
  readonly serving: () => number
  readonly pending: () => number
  /** Tells the caller that the host takes no more calls. */
  readonly leave: () => void
  /** The client's own end. */
  readonly close: (reason: string) => void
  /** Both ends are cut off from each other; each finds out after a while. */
  readonly breakOff: (reason: string, after: number) => void
}

export function createLink(options: {
  readonly world: NetworkWorld
  readonly client: Process
  readonly host: Host
  /** Told at the client, once: what was pending has failed already. */
  readonly onClose: (reason: string) => void
  readonly onLeave: () => void
}): Link {
  const { world, client, host, onClose, onLeave } = options
  const server = host.process
  let hereOpen = true
  let thereOpen = true
  let ids = 0
  const asked = new Map<number, Asker>()
  const there = createLine({ world, from: client, to: server, open: () => thereOpen && !host.closed })
  const back = createLine({ world, from: server, to: client, open: () => hereOpen })

  const closeHere = (reason: string): void => {
    if (!hereOpen) return
    hereOpen = false
    const all = [...asked.values()]
    asked.clear()
    for (const asker of all) {
      asker.fail(
        new CallError('UNAVAILABLE', `Call to ${asker.place} failed: the connection to ${server.name} was lost: ${reason}`, {
          inside: true,
        }),
      )
    }
    onClose(reason)
  }

  const closeThere = (): void => {
    if (!thereOpen) return
    thereOpen = false
    host.links.delete(link)
    serving.close()
  }

  const breakOff = (reason: string, after: number): void => {
    world.at(world.now() + after, client, () => closeHere(reason))
    world.at(world.now() + after, server, closeThere)
  }

  /** Sends, with what may befall it on the way. */
  const send = (from: Process, what: string, detail: string, deliver: () => void): void => {
    if (world.point(from, `${what} sent`, detail)) return
    const [line, to] = from === client ? [there, server] : [back, client]
    const fate = world.fate(from, to, what)
    if (fate === 'lost') return breakOff('connection reset', world.latency(from, to))
    const arrival = line(() => {
      if (!world.point(to, `${what} came`, detail)) deliver()
    })
    if (fate === 'breaks after') breakOff('connection reset', arrival - world.now() + 0.01)
  }

  const serving = createServing({
    ...{ world, host, asked, open: () => thereOpen },
    send: (what, detail, deliver) => send(server, what, detail, deliver),
  })

  const tell = (what: string, id: number, deliver: () => void): void => {
    const place = asked.get(id)?.place
    if (place !== undefined) send(client, what, place, deliver)
  }

  const link: Link = {
    client,
    host,
    ask: (kind, target, input, context, asker) => {
      const id = ++ids
      asked.set(id, asker)
      const left = context.deadline - client.runtime.clock.monotonic()
      const copy = clone(input)
      const sent = world.now()
      send(client, kind, asker.place, () => serving.serve({ kind, id, target, input: copy, context, left, sent }))
      return id
    },
    item: (id, value) => {
      const [copy, bytes] = [clone(value), bytesOf(value)]
      tell('item', id, () => serving.item(id, copy, bytes))
      return bytes
    },
    end: (id, error) => tell('end', id, () => serving.end(id, error)),
    credit: (id, values, bytes) => tell('credit', id, () => serving.credit(id, values, bytes)),
    cancel: (id, reason) => {
      asked.delete(id)
      if (!hereOpen) return
      send(client, 'cancel', reason, () => serving.cancel(id, reason))
    },
    serving: serving.size,
    pending: () => asked.size,
    leave: () => {
      back(onLeave)
    },
    close: (reason) => {
      if (!hereOpen) return
      closeHere(reason)
      there(closeThere)
    },
    breakOff,
  }
  host.links.add(link)
  // Silence is noticed by heartbeats: a frozen process and a cut cable send no reset.
  const silent = 'the other side has been silent for too long'
  watchSilence({
    world,
    here: client,
    there: server,
    open: () => hereOpen,
    close: () => link.close(silent),
  })
  watchSilence({
    world,
    here: server,
    there: client,
    open: () => thereOpen,
    close: () => {
      closeThere()
      back(() => closeHere('it was closed by the other side'))
    },
  })
  return link
}

/** Looks whether the other side can have been heard of lately; a look that this process was too frozen for says nothing. */
function watchSilence(options: {
  readonly world: NetworkWorld
  readonly here: Process
  readonly there: Process
  readonly open: () => boolean
  readonly close: () => void
}): void {
  const { world, here, there, open, close } = options
  let silentSince: number | undefined
  const look = (): void => {
    if (!open()) return
    const now = world.now()
    const silent = there.state !== 'alive' || world.cutUntil(here, there) > now || world.cutUntil(there, here) > now
    if (!silent) silentSince = undefined
    else silentSince ??= now
    if (silentSince !== undefined && now - silentSince >= SILENCE - 2_000) return close()
    world.at(now + 2_000, here, look)
  }
  world.at(world.now() + 2_000, here, look)
}
