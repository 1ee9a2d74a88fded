import rhea from 'rhea'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { CallError } from 'dure/contract'
import { inTime } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { lostError, refusalOf } from './errors.ts'
import { openInlet, openOutlet, type Inlet, type InletOptions, type Outlet } from './links.ts'

/** One connection to the server, from its opening to its end. */
export type Wire = {
  /** What the server calls itself, and the prefixes of its addresses. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly inlet: (options: InletOptions) => Promise<Inlet>
  /** One for each target. */
  readonly outlet: (target: rhea.TerminusOptions) => Promise<Outlet>
  /** The same, or a failure when the connection ends or it takes too long: then the connection ends. */
  readonly waiting: <T>(work: Promise<T>) => Promise<T>
  /** Whether it is certain that the server has not given us up: it has been heard within the time after which it would. */
  readonly isFresh: () => boolean
  readonly isOpen: () => boolean
  /** When it has ended, and why. */
  readonly lost: Promise<unknown>
  /** Ends it at once, as if it were cut. */
  readonly fail: (error: Error) => void
  /** Says so to the server first. */
  readonly close: () => Promise<void>
}

export type Address = {
  readonly url: string
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
  readonly tls?: ConnectionOptions | undefined
  /** Milliseconds for an answer. */
  readonly timeout: number
}

/** What its typing does not tell of. */
type Inside = {
  on_transfer: (frame: { performative: { message_format?: number } }) => void
  readonly local: { readonly open: { idle_time_out: number } }
}

/** @throws what the server or the way to it said */
export async function openWire(address: Address, { timers, clock, ids }: Runtime): Promise<Wire> {
  const { timeout } = address
  const container = rhea.create_container({ id: `dure-${ids.next()}` })
  const lost = Promise.withResolvers<unknown>()
  const opened = Promise.withResolvers<void>()
  const pending = new Map<rhea.Delivery, PromiseWithResolvers<void>>()
  let isOpen = true
  let heard = clock.monotonic()
  let progress = heard
  let watching = false

  const end = (error: unknown): void => {
    if (!isOpen) return
    isOpen = false
    // It would wait for a sign of life of what has ended, and keep its process alive for as long.
    inside.local.open.idle_time_out = 0
    opened.reject(error)
    lost.resolve(error)
    for (const told of pending.values()) told.reject(lostError(error, true))
    pending.clear()
  }
  const fail = (error: Error): void => {
    end(error)
    connection.socket?.destroy(error)
  }
  const late = (): never => {
    const error = new Error(`No answer for ${timeout} ms`)
    fail(error)
    throw lostError(error, true)
  }
  const waiting = <T>(work: Promise<T>): Promise<T> => {
    const gone = lost.promise.then((error) => Promise.reject<T>(lostError(error, true)))
    return inTime(timers, timeout, Promise.race([work, gone]), late)
  }

  /** A server that takes nothing for that long is left: what it takes after all is as if its answer had been lost. */
  const watch = (): void => {
    watching = pending.size > 0
    if (!watching) return
    const left = progress + timeout - clock.monotonic()
    if (left > 0) timers.after(left, watch)
    else fail(new Error(`No answer for ${timeout} ms`))
  }
  const moved = (): void => {
    progress = clock.monotonic()
    if (!watching) {
      watching = true
      timers.after(timeout, watch)
    }
  }

  // Whoever listens to none of its events is told of them by the container.
  container.on('error', (error: unknown) => fail(error as Error))
  container.on('protocol_error', (error: unknown) => fail(error as Error))
  container.on('disconnected', ({ error }: { readonly error?: Error }) => end(error ?? new Error('the server has closed it')))
  container.on('connection_error', ({ error }: { readonly error?: Error }) => end(refusalOf(error)))
  container.on('connection_close', () => end(new Error('the server has closed it')))
  container.on('connection_open', () => {
    // What it refuses it opens first, and says why when it closes.
    const { properties } = connection as { readonly properties?: Readonly<Record<string, unknown>> }
    if (properties?.['amqp:connection-establishment-failed'] === undefined) opened.resolve()
  })
  const connection = container.connect({
    ...parse(address).options,
    ...{ reconnect: false, tcp_no_delay: true, idle_time_out: timeout, max_frame_size: 128 * 1024 },
  } as rhea.ConnectionOptions)
  const inside = connection as unknown as Inside
  // Messages are read where one that cannot be read is known from the others, and ends no connection.
  const onTransfer = inside.on_transfer.bind(connection)
  inside.on_transfer = (frame) => {
    frame.performative.message_format = 1
    onTransfer(frame)
  }
  connection.socket.on('data', () => void (heard = clock.monotonic()))
  await inTime(timers, timeout, opened.promise, late)

  const outlets = new Map<string, Promise<Outlet>>()
  return {
    properties: (connection.properties as Record<string, unknown> | undefined) ?? {},
    inlet: (options) => waiting(openInlet(connection, options, waiting)),
    outlet: (target) => {
      const name = JSON.stringify(target)
      const outlet = outlets.get(name) ?? openOutlet(connection, target, waiting, pending, moved)
      outlets.set(name, outlet)
      outlet.catch(() => outlets.delete(name))
      return outlet
    },
    waiting,
    isFresh: () => isOpen && clock.monotonic() - heard < (connection.idle_time_out ?? Infinity),
    isOpen: () => isOpen,
    lost: lost.promise,
    fail,
    close: async () => {
      if (!isOpen) return
      const closed = Promise.withResolvers<void>()
      connection.on('connection_close', closed.resolve)
      connection.on('disconnected', closed.resolve)
      connection.close()
      await inTime(timers, timeout, closed.promise, () => {})
      fail(new Error('it was closed'))
    },
  }
}

/**
 * Where a url leads to, and how.
 * @throws {CallError} INVALID_ARGUMENT, which does not repeat the address: there may be a password in it
 */
export function parse({ url, credentials, tls }: Pick<Address, 'url' | 'credentials' | 'tls'>): {
  readonly where: string
  readonly options: rhea.ConnectionOptions
} {
  const wrong = (why: string): CallError =>
    new CallError(
      'INVALID_ARGUMENT',
      `Cannot connect to ActiveMQ: its url ${why}; give "amqp://host:port", or "amqps://…" for TLS`,
    )
  if (!URL.canParse(url)) throw wrong('cannot be read')
  const { protocol, hostname, port, username, password } = new URL(url)
  if (protocol !== 'amqp:' && protocol !== 'amqps:') throw wrong(`begins with "${protocol}"`)
  const host = hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  const secure = protocol === 'amqps:' || tls !== undefined
  const given =
    credentials ??
    (username === '' ? undefined : { username: decodeURIComponent(username), password: decodeURIComponent(password) })
  const where = `${hostname || host}:${port || (secure ? 5671 : 5672)}`
  const way = secure
    ? { transport: 'tls' as const, servername: isIP(host) === 0 ? host : '', ...tls }
    : { transport: 'tcp' as const }
  const who = given === undefined ? { username: 'anonymous' } : given
  return { where, options: { ...way, host, port: Number(port || (secure ? 5671 : 5672)), ...who } }
}
