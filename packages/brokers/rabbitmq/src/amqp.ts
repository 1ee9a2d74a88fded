import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { Connection, type Channel } from 'rabbitmq-client'
import type { StreamAddress } from './stream-connection.ts'

/** The connection for queues, in AMQP 0.9.1, which comes back by itself; and its channels, made anew when they are. */
export type Amqp = {
  /** A channel, opened when it is first asked for; another one when that has closed. `made` prepares each. */
  readonly channel: (made: (channel: Channel) => Promise<void>) => () => Promise<Channel>
  readonly onReconnect: (listener: () => void) => () => void
  readonly isClosed: () => boolean
  readonly close: () => void
}

export async function openAmqp(options: {
  readonly address: StreamAddress
  readonly runtime: Runtime
  readonly log: Logger
  readonly timeout: number
  readonly heartbeat: number
}): Promise<Amqp> {
  const { address, log, timeout, heartbeat } = options
  const { host: hostname, port, username, password, vhost, tls } = address
  const connection = new Connection({
    ...{ hostname, port, username, password, vhost, heartbeat, acquireTimeout: timeout, connectionTimeout: timeout },
    ...{ retryLow: 100, retryHigh: 5_000, noDelay: true, ...(tls && { tls }) },
  })
  const listeners = new Set<() => void>()
  let [isOpen, isClosed] = [false, false]
  const opened = Promise.withResolvers<void>()
  connection.on('error', (error: unknown) => {
    opened.reject(error)
    if (isOpen) log.warn('The connection to the queues of RabbitMQ has trouble; it is opened again', { error: String(error) })
  })
  connection.on('connection.blocked', (reason) =>
    log.warn('RabbitMQ takes nothing for now: it is short of memory or disk', { reason }),
  )
  connection.on('connection', () => {
    opened.resolve()
    if (isOpen) for (const listener of [...listeners]) listener()
    isOpen = true
  })
  try {
    await opened.promise
  } catch (error) {
    connection.unsafeDestroy()
    throw error
  }
  return {
    channel: (made) => {
      let known: Promise<Channel> | undefined
      const open = async (): Promise<Channel> => {
        const channel = await connection.acquire({ emitErrorsFromChannel: true })
        channel.on('error', (error: unknown) => log.warn('A channel of RabbitMQ was closed', { error: String(error) }))
        channel.once('close', () => (known = undefined))
        await made(channel)
        return channel
      }
      return () => {
        if (known !== undefined) return known
        const opening = open()
        opening.catch(() => (known = undefined))
        return (known = opening)
      }
    },
    onReconnect: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    isClosed: () => isClosed,
    close: () => {
      isClosed = true
      connection.unsafeDestroy()
    },
  }
}

export function gone(queue: string): CallError {
  return new CallError('UNAVAILABLE', `Queue "${queue}" was deleted while it was used; it is made again when it is named next`)
}
