import { CODE, COMMAND, pairs, text, list } from './frames.ts'
import type { Timers } from 'dure/runtime'
import type { Link } from './link.ts'
import { StreamError } from './stream-connection.ts'

/** Milliseconds after which a stream that brings nothing has no message. */
const NOTHING = 2_000

/** Makes a stream where it is not there. */
export async function makeStream(link: Link, stream: string, settings: Readonly<Record<string, string>>): Promise<void> {
  try {
    await unlessThere(link.request(COMMAND.create, [text(stream), pairs(settings)]))
  } catch (error) {
    if (!isAnswer(error, CODE.otherwise)) throw error
    // A stream with other settings will do; a queue of that name will not.
    await statisticsOf(link, stream).catch(() => Promise.reject(error as Error))
  }
}

/** Makes a topic's streams (a "super stream"), one for each partition, where it is not there. */
export async function makeTopic(
  link: Link,
  name: string,
  partitions: number,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const numbers = Array.from({ length: partitions }, (_, partition) => String(partition))
  const streams = list(numbers.map((number) => text(`${name}-${number}`)))
  const keys = list(numbers.map((number) => text(number)))
  await unlessThere(link.request(COMMAND.createTopic, [text(name), streams, keys, pairs(settings)]))
}

const isAnswer = (error: unknown, code: number): boolean => error instanceof StreamError && error.code === code

async function unlessThere(request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (!isAnswer(error, CODE.exists)) throw error
  }
}

/** How many partitions a topic has at the server; undefined: it is not there. */
export async function partitionsOf(link: Link, name: string): Promise<number | undefined> {
  try {
    const answer = await link.request(COMMAND.partitions, [text(name)])
    const count = answer.list(answer.text).length
    return count === 0 ? undefined : count
  } catch (error) {
    if (isAnswer(error, CODE.noStream)) return undefined
    throw error
  }
}

/** The first offset that a stream has, and that of its last chunk; -1: it is empty. */
export async function statisticsOf(link: Link, stream: string): Promise<{ readonly first: number; readonly last: number }> {
  const answer = await link.request(COMMAND.statistics, [text(stream)])
  const found = new Map(answer.list(() => [answer.text(), answer.i64()] as const))
  return { first: Math.max(0, found.get('first_chunk_id') ?? 0), last: found.get('committed_chunk_id') ?? -1 }
}

/** The offsets of a stream: the first that it has, and the one behind its last message. */
export async function extentOf(
  link: Link,
  timers: Timers,
  stream: string,
): Promise<{ readonly first: number; readonly end: number }> {
  const { first, last } = await statisticsOf(link, stream)
  if (last < 0) return { first, end: first }
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const reading = await link.read({
    ...{ stream, start: 'last', credit: 1 },
    came: ({ end }) => resolve(end),
    ended: (why) => reject(new Error(why)),
  })
  const unlisten = link.onReconnect(() => reject(new Error('the connection is lost')))
  // A stream in which others keep positions only has chunks, and brings none.
  const nothing = timers.after(NOTHING, () => resolve(first))
  try {
    return { first, end: await promise }
  } finally {
    unlisten()
    nothing.cancel()
    reading.end()
  }
}
