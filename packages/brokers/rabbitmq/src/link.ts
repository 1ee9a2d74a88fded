import { backoff, createLookups } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Field, Reader } from './frames.ts'
import { openPipe, type Pipe, type Publisher, type Reading, type ReadOptions } from './pipe.ts'
import type { StreamAddress } from './stream-connection.ts'

export type { Reading } from './pipe.ts'

/** The server's streams, over as many connections as they take, which come back together when one is lost. */
export type Link = {
  /** Of the server: `4.0.5`. */
  readonly version: string
  readonly isConnected: () => boolean
  /** Told when the connections are there again: what was subscribed to has ended. */
  readonly onReconnect: (listener: () => void) => () => void
  readonly request: (key: number, fields: readonly Field[]) => Promise<Reader>
  readonly tell: (key: number, fields: readonly Field[]) => void
  /** Appends to a stream, in order. Resolved: the server has them. Rejected: a first part of them may be there. */
  readonly append: (stream: string, messages: readonly Buffer[]) => Promise<void>
  readonly read: (options: ReadOptions) => Promise<Reading>
  readonly close: () => void
}

const RETRY = { first: 50, max: 5_000 }

export async function openLink(options: {
  readonly address: StreamAddress
  readonly runtime: Runtime
  readonly log: Logger
  readonly timeout: number
  readonly heartbeat: number
}): Promise<Link> {
  const { runtime, log, timeout } = options
  const { timers, random } = runtime
  const listeners = new Set<() => void>()
  let pipes: readonly Pipe[] = []
  let opening: Promise<Pipe> | undefined
  let publishers = createLookups<Publisher>()
  let [isClosed, isDown] = [false, false]
  let lost = new Error('not connected')

  const open = (): Promise<Pipe> =>
    openPipe({
      ...options,
      gone: (stream) => publishers.forget(stream),
      // One that did not come about is told to whoever opened it.
      closed: (error) => void (pipes.some(({ connection }) => connection.isClosed()) && down(error)),
    })

  /** One is lost, and all are made anew: so whoever reads begins again at one moment. */
  const down = (error: Error): void => {
    lost = error
    const before = pipes
    pipes = []
    publishers = createLookups()
    for (const { connection } of before) connection.close(error)
    if (isClosed || isDown) return
    isDown = true
    log.warn('The connection to RabbitMQ is lost; connecting again', { error: error.message })
    void again()
  }
  const again = async (): Promise<void> => {
    for (let failures = 1; !isClosed; failures++) {
      await timers.sleep(backoff(RETRY, failures, random))
      try {
        const pipe = await open()
        if (isClosed) return pipe.connection.close()
        pipes = [pipe]
        isDown = false
        log.info('Connected to RabbitMQ again')
        for (const listener of [...listeners]) listener()
        return
      } catch (error) {
        log.warn('RabbitMQ cannot be reached; trying again', { error: (error as Error).message })
      }
    }
  }

  /** Whoever comes while there is none waits for it, as long as for an answer. */
  const main = async (): Promise<Pipe> => {
    if (pipes[0] === undefined && !isClosed) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = timers.after(timeout, resolve)
      listeners.add(resolve)
      await promise
      listeners.delete(resolve)
      timer.cancel()
    }
    if (pipes[0] === undefined) throw lost
    return pipes[0]
  }
  /**
   * On one with room; the first is for questions as well. The work takes its place at once: of many who come together, each finds the
   * room that those before it have left.
   */
  const whereRoomIs = async <T>(of: 'publishers' | 'readings', work: (pipe: Pipe) => Promise<T>): Promise<T> => {
    for (;;) {
      const first = await main()
      const found = pipes.find((one) => one.hasRoom(of))
      if (found !== undefined) return work(found)
      opening ??= open().finally(() => (opening = undefined))
      const made = await opening
      if (pipes[0] !== first) made.connection.close()
      else if (!pipes.includes(made)) pipes = [...pipes, made]
    }
  }

  pipes = [await open()]
  const { version } = pipes[0]!.connection
  return {
    version,
    isConnected: () => pipes.length > 0,
    onReconnect: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    request: async (key, fields) => (await main()).connection.request(key, fields),
    tell: (key, fields) => pipes[0]?.connection.tell(key, fields),
    append: async (stream, messages) => {
      if (messages.length === 0) return
      const publish = await publishers.find(stream, () => whereRoomIs('publishers', (pipe) => pipe.publisher(stream)))
      await publish(messages)
    },
    read: (request) => whereRoomIs('readings', (pipe) => pipe.read(request)),
    close: () => {
      isClosed = true
      down(new Error('the connection was closed'))
    },
  }
}
