import { CallError } from '../../../contract/contract.ts'
import type { BrokerClient } from './remote.ts'

/** The way from one client process to the broker, in the hands of a test. */
export type Wire = {
  readonly client: BrokerClient
  /** What was asked, by operation. */
  readonly asked: (operation: keyof BrokerClient) => number
  /** Breaks the connection: streams end, calls fail UNAVAILABLE until it is mended. */
  readonly cut: () => void
  readonly mend: () => void
  /** The process (or the other one) stands still: nothing fails and nothing arrives until it goes on. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** The next call of this operation is done, and its answer is lost. */
  readonly loseAnswer: (operation: keyof BrokerClient) => void
}

export function wireTo(client: BrokerClient): Wire {
  const counts = new Map<string, number>()
  const lost = new Set<string>()
  const streams = new Set<() => void>()
  let broken = false
  let standing: Promise<void> | undefined
  let goOn = (): void => {}
  const down = (): CallError => new CallError('UNAVAILABLE', 'The test has cut the wire')

  const call = async (
    operation: string,
    ask: (input: unknown, options: unknown) => Promise<unknown>,
    input: unknown,
    options: unknown,
  ) => {
    await standing
    if (broken) throw down()
    const answer = await ask(input, options)
    await standing
    if (broken || lost.delete(operation)) throw down()
    return answer
  }

  const stream = (
    ask: (input: unknown, options: unknown) => AsyncIterable<unknown>,
    input: unknown,
    options: unknown,
  ): AsyncIterable<unknown> => ({
    [Symbol.asyncIterator]: () => {
      const inner = ask(input, options)[Symbol.asyncIterator]()
      let fail: (error: Error) => void = () => {}
      const cut = (): void => {
        streams.delete(cut)
        fail(down())
        void inner.return?.()
      }
      streams.add(cut)
      return {
        next: async () => {
          await standing
          if (broken) throw down()
          const result = await Promise.race([inner.next(), new Promise<never>((_resolve, reject) => void (fail = reject))])
          await standing
          return result
        },
        return: async () => {
          streams.delete(cut)
          await inner.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  })

  const wired = Object.fromEntries(
    OPERATIONS.map((operation) => [
      operation,
      (input: unknown, options: unknown) => {
        counts.set(operation, (counts.get(operation) ?? 0) + 1)
        if (operation === 'deliveries') return stream(client.deliveries as never, input, options)
        return call(operation, client[operation] as never, input, options)
      },
    ]),
  )
  return {
    client: wired as unknown as BrokerClient,
    asked: (operation) => counts.get(operation) ?? 0,
    cut: () => {
      broken = true
      for (const end of streams) end()
    },
    mend: () => void (broken = false),
    freeze: () => void (standing ??= new Promise((resolve) => void (goOn = resolve))),
    thaw: () => {
      standing = undefined
      goOn()
    },
    loseAnswer: (operation) => void lost.add(operation),
  }
}

const OPERATIONS: readonly (keyof BrokerClient)[] = [
  'request',
  'publish',
  'send',
  'open',
  'beat',
  'close',
  'subscribe',
  'receive',
  'leave',
  'deliveries',
  'settle',
]
