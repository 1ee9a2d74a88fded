import type rhea from 'rhea'
import { lostError, refusalOf } from './errors.ts'

/** A message that has come, until it is accepted or its link ends: then it is the server's again. */
export type Arrival = { readonly bytes: Buffer; readonly accept: () => void }

/** Where messages come from. Nothing comes without credit. */
export type Inlet = {
  readonly credit: (messages: number) => void
  /** Asks for as many as there are, at most; resolves when nothing more is to be had at the moment. */
  readonly drain: (messages: number) => Promise<void>
  /** Ends it, at the server too: what was not accepted is for others from then on. */
  readonly close: () => Promise<void>
}

/** Where messages go to. */
export type Outlet = {
  /** Resolves when the server has it, durably where the message says so. */
  readonly send: (message: Buffer) => Promise<void>
  /** Without an answer. */
  readonly tell: (message: Buffer) => void
}

export type InletOptions = {
  readonly source: rhea.Source
  readonly arrived: (arrival: Arrival) => void
  /** Told what the server calls a source that it has made. */
  readonly named?: (address: string) => void
  /** The server has ended the link; the error says why. */
  readonly ended?: (error: unknown) => void
}

/** Messages that a session may have unsettled; so many may come over one link before another takes its place. */
export const SESSION_MESSAGES: number = 1 << 16

type Context = { readonly delivery: rhea.Delivery }

/**
 * Opens a link in a session of its own, so that what one holds is in no other's way.
 * @param waiting what it waits for ends with the connection, or in time
 */
export async function openInlet(
  connection: rhea.Connection,
  { source, arrived, named, ended }: InletOptions,
  waiting: <T>(work: Promise<T>) => Promise<T>,
): Promise<Inlet> {
  const session = sessionOf(connection, SESSION_MESSAGES)
  const options = { source, credit_window: 0, autoaccept: false, rcv_settle_mode: 0 }
  const receiver = session.open_receiver(options)
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let drained = (): void => {}
  let isOpen = false
  receiver.on('message', ({ message, delivery }: { readonly message: Buffer } & Context) =>
    arrived({ bytes: message, accept: () => void (receiver.is_closed() || delivery.accept()) }),
  )
  receiver.on('receiver_drained', () => drained())
  // A link that is refused is opened first, without a source.
  receiver.on('receiver_open', () => {
    if (!receiver.source?.address) return
    named?.(receiver.source.address)
    opened.resolve()
  })
  receiver.on('receiver_error', () => {})
  receiver.on('receiver_close', () => {
    session.close()
    closed.resolve()
    opened.reject(refusalOf(receiver.error))
    if (isOpen) ended?.(refusalOf(receiver.error))
    isOpen = false
  })
  await waiting(opened.promise)
  isOpen = true
  return {
    credit: (messages) => receiver.add_credit(messages),
    drain: async (messages) => {
      const over = Promise.withResolvers<void>()
      drained = over.resolve
      receiver.drain = false
      receiver.add_credit(messages)
      receiver.drain_credit()
      await waiting(Promise.race([over.promise, closed.promise]))
      receiver.drain = false
    },
    close: async () => {
      if (!isOpen) return
      isOpen = false
      receiver.close()
      await waiting(closed.promise)
    },
  }
}

export async function openOutlet(
  connection: rhea.Connection,
  target: rhea.TerminusOptions,
  waiting: <T>(work: Promise<T>) => Promise<T>,
  pending: Map<rhea.Delivery, PromiseWithResolvers<void>>,
  moved: () => void,
): Promise<Outlet> {
  const session = sessionOf(connection, SESSION_MESSAGES)
  const sender = session.open_sender({ target, treat_modified_as_released: false })
  const opened = Promise.withResolvers<void>()
  let broken: Error | undefined
  const settle =
    (outcome: (told: PromiseWithResolvers<void>, delivery: rhea.Delivery) => void) =>
    ({ delivery }: Context): void => {
      const told = pending.get(delivery)
      pending.delete(delivery)
      moved()
      if (told !== undefined) outcome(told, delivery)
    }
  const refused = settle((told, delivery) => told.reject(refusalOf(delivery.remote_state?.['error'])))
  sender.on(
    'accepted',
    settle((told) => told.resolve()),
  )
  for (const outcome of ['rejected', 'released', 'modified']) sender.on(outcome, refused)
  sender.on('sender_open', () => {
    if (sender.target?.address) opened.resolve()
  })
  sender.on('sender_error', () => {})
  sender.on('sender_close', () => {
    broken = refusalOf(sender.error)
    session.close()
    opened.reject(broken)
    for (const [delivery, told] of pending)
      if (delivery.link === sender) {
        pending.delete(delivery)
        told.reject(broken)
      }
  })
  await waiting(opened.promise)
  const give = (message: Buffer): rhea.Delivery => {
    if (broken !== undefined) throw broken
    if (!connection.is_open()) throw lostError(new Error('it is gone'), false)
    return sender.send(message, undefined, 0)
  }
  return {
    send: (message) => {
      const told = Promise.withResolvers<void>()
      try {
        pending.set(give(message), told)
        moved()
      } catch (error) {
        told.reject(error)
      }
      return told.promise
    },
    // Settled before it goes: nobody answers.
    tell: (message) => void ((give(message) as { settled: boolean }).settled = true),
  }
}

function sessionOf(connection: rhea.Connection, size: number): rhea.Session {
  // Its typing does not tell of the size.
  const session = (connection.create_session as (size: number) => rhea.Session)(size)
  session.on('session_error', () => {})
  session.begin()
  return session
}
