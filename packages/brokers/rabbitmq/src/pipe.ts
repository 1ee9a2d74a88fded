import { inTime } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { readChunk, type Chunk } from './chunks.ts'
import { COMMAND, pairs, text, u16, u32, u64, u8, type Field } from './frames.ts'
import { openStreamConnection, StreamError, type StreamAddress, type StreamConnection } from './stream-connection.ts'

/** Where to begin in a stream. A chunk comes whole: with messages before that place as well. */
export type Start = 'first' | 'last' | 'next' | { readonly offset: number } | { readonly time: number }

export type ReadOptions = {
  readonly stream: string
  readonly start: Start
  /** Chunks that may come, at first. */
  readonly credit: number
  /** A chunk; the first may come before `read` has resolved. */
  readonly came: (chunk: Chunk, reading: Reading) => void
  /** It comes to nothing more: the stream is gone, or a chunk cannot be read. Not told when the connection is lost. */
  readonly ended: (why: string) => void
}

export type Reading = { readonly more: (chunks: number) => void; readonly end: () => void }

/** Appends to one stream. Resolved: the server has them. Rejected: a first part of them may be there. */
export type Publisher = (messages: readonly Buffer[]) => Promise<void>

/** One connection, with those who publish and read on it. */
export type Pipe = {
  readonly connection: StreamConnection
  /** It knows publishers and readings by a byte. */
  readonly hasRoom: (of: 'publishers' | 'readings') => boolean
  readonly publisher: (stream: string) => Promise<Publisher>
  readonly read: (options: ReadOptions) => Promise<Reading>
}

export type PipeOptions = {
  readonly address: StreamAddress
  readonly runtime: Runtime
  readonly timeout: number
  readonly heartbeat: number
  /** A stream is gone, and with it who published to it. */
  readonly gone: (stream: string) => void
  readonly closed: (error: Error) => void
}

const MOST = 250

type Publishing = { readonly stream: string; next: number; readonly unconfirmed: Map<number, (error?: Error) => void> }
type Subscribed = Pick<ReadOptions, 'stream' | 'ended'> & { readonly came: (chunk: Chunk) => void }

export async function openPipe({ gone, closed, ...options }: PipeOptions): Promise<Pipe> {
  const { runtime, timeout } = options
  const publishers = new Map<number, Publishing>()
  const readings = new Map<number, Subscribed>()

  /**
   * A number is another's only when the server has said that it is free: who was asked for while a stream went away may be there
   * all the same, and who took its number would be refused from then on.
   */
  const release = (table: typeof publishers | typeof readings, id: number): void => {
    if (table === publishers) publishers.set(id, { stream: '', next: 0, unconfirmed: new Map() })
    else readings.set(id, { stream: '', came: () => {}, ended: () => {} })
    const free = (): void => void table.delete(id)
    connection.request(table === publishers ? COMMAND.deletePublisher : COMMAND.unsubscribe, [u8(id)]).then(free, free)
  }
  const deliver = (id: number, read: () => Chunk): void => {
    const reading = readings.get(id)
    if (reading === undefined) return
    let chunk: Chunk
    try {
      chunk = read()
    } catch (error) {
      release(readings, id)
      return reading.ended(`a chunk of it cannot be read: ${(error as Error).message}`)
    }
    reading.came(chunk)
  }
  const lose = (stream: string): void => {
    for (const [id, reading] of readings)
      if (reading.stream === stream) {
        release(readings, id)
        reading.ended('the server has it no more, or another of its cluster leads it now')
      }
    for (const [id, publishing] of publishers)
      if (publishing.stream === stream) {
        release(publishers, id)
        settle(publishing, [...publishing.unconfirmed.keys()], new Error(`stream "${stream}" went away meanwhile`))
      }
    gone(stream)
  }

  const connection = await openStreamConnection({
    ...options,
    events: {
      delivered: (id, reader) => deliver(id, () => readChunk(reader)),
      confirmed: (id, ids) => settle(publishers.get(id), ids),
      refused: (id, ids, code) =>
        settle(publishers.get(id), ids, new StreamError(code, `the server refused it with code ${code}`)),
      gone: lose,
      closed: (error) => {
        for (const publishing of publishers.values()) settle(publishing, [...publishing.unconfirmed.keys()], error)
        closed(error)
      },
    },
  })

  /** A list is refused at the first of them: no later one is taken without it. */
  const append = async (id: number, publishing: Publishing, messages: readonly Buffer[]): Promise<void> => {
    if (connection.isClosed()) throw new Error('the connection is lost')
    const done = Promise.withResolvers<void>()
    const first = publishing.next
    publishing.next += messages.length
    let left = messages.length
    const settled = (error?: Error): void => {
      if (error !== undefined) done.reject(error)
      else if (--left === 0) done.resolve()
    }
    for (let n = 0; n < messages.length; n++) publishing.unconfirmed.set(first + n, settled)
    const fields = messages.flatMap((message, n) => [u64(first + n), u32(message.length), message])
    connection.tell(COMMAND.publish, [u8(id), u32(messages.length), ...fields])
    await inTime(runtime.timers, timeout, done.promise, () => {
      const error = new Error(`the server has not confirmed for ${timeout} ms`)
      done.reject(error)
      connection.close(error)
    })
    await done.promise
  }

  return {
    connection,
    hasRoom: (of) => (of === 'publishers' ? publishers : readings).size < MOST,
    publisher: async (stream) => {
      const id = free(publishers)
      const publishing: Publishing = { stream, next: 0, unconfirmed: new Map() }
      publishers.set(id, publishing)
      try {
        await connection.request(COMMAND.declarePublisher, [u8(id), text(''), text(stream)])
      } catch (error) {
        if (publishers.get(id) === publishing) release(publishers, id)
        throw error
      }
      return (messages) => append(id, publishing, messages)
    },
    read: async ({ stream, start, credit, ended, came }) => {
      const id = free(readings)
      const own: Subscribed = { stream, ended, came: (chunk) => came(chunk, reading) }
      const isOn = (): boolean => readings.get(id) === own
      const reading: Reading = {
        more: (chunks) => void (isOn() && connection.tell(COMMAND.credit, [u8(id), u16(chunks)])),
        end: () => void (isOn() && release(readings, id)),
      }
      readings.set(id, own)
      try {
        await connection.request(COMMAND.subscribe, [u8(id), text(stream), ...startOf(start), u16(credit), pairs({})])
      } catch (error) {
        if (isOn()) release(readings, id)
        throw error
      }
      return reading
    },
  }
}

function free(taken: ReadonlyMap<number, unknown>): number {
  for (let id = 0; ; id++) if (!taken.has(id)) return id
}

function settle(publishing: Publishing | undefined, ids: readonly number[], error?: Error): void {
  for (const id of ids) {
    publishing?.unconfirmed.get(id)?.(error)
    publishing?.unconfirmed.delete(id)
  }
}

function startOf(start: Start): readonly Field[] {
  if (start === 'first') return [u16(1)]
  if (start === 'last') return [u16(2)]
  if (start === 'next') return [u16(3)]
  return 'offset' in start ? [u16(4), u64(start.offset)] : [u16(5), u64(start.time)]
}
