import { describeThrown, isInstance } from '../../../contract/internal.ts'
import type { Runtime } from '../../../runtime/runtime.ts'
import type { ReceiveOptions } from '../../queues.ts'
import type { SubscribeOptions } from '../../topics.ts'
import type { AskOptions, BrokerClient, Outcome, Batch } from './contract.ts'
import { unpack, unpackOne } from './pack.ts'

/** One subscriber or receiver of this process, kept over sessions. */
export type Member = {
  readonly number: number
  /** Joins (again) in a session. */
  readonly join: (session: string, ask: AskOptions) => Promise<void>
  /** Has been joined once: from then on every session has it. */
  joined: boolean
  /** Hands a batch to the handler as soon as what came before it is done; `wanted` is asked then. Never rejects. */
  readonly take: (batch: Batch, wanted: () => boolean) => Promise<Outcome | undefined>
  readonly inHand: () => number
  /** Resolves when nothing is in hand. */
  readonly idle: () => Promise<void>
  /** Tells of trouble that is being retried. */
  readonly onError: (error: unknown) => void
}

type Options = { readonly number: number; readonly client: BrokerClient; readonly runtime: Runtime }

export function groupMember({ number, client }: Options, request: SubscribeOptions): Member {
  /** The last batch of each partition: one that comes again in a new session waits for the one that is still in hand. */
  const last = new Map<string, Promise<unknown>>()
  const deliver = async (batch: Batch): Promise<{ readonly after: string } | undefined | void> => {
    const { topic, partition, tells, epoch = 0, broker = '' } = batch
    if (tells === 'assigned') return request.assigned?.({ topic, partition, epoch, broker })
    if (tells === 'revoked') return request.revoked?.({ topic, partition })
    const deliveries = unpack(batch.messages).map(({ message, extra }) => ({ message, partition, position: String(extra) }))
    await request.deliver(deliveries, { topic, partition })
  }
  return memberOf({
    number,
    onError: request.onError,
    join: (session, ask) =>
      client.subscribe(
        {
          session,
          member: number,
          group: request.group,
          topics: [...request.topics],
          from: request.from,
          batch: request.batch,
          tells: (request.assigned ?? request.revoked) !== undefined,
        },
        ask,
      ),
    work: async (batch, wanted) => {
      const key = `${batch.partition} ${batch.topic}`
      const before = last.get(key)
      const turn = (async () => {
        await before
        return wanted() ? outcomeOf(batch, () => deliver(batch), request.onError) : undefined
      })()
      last.set(key, turn)
      const outcome = await turn
      if (last.get(key) === turn) last.delete(key)
      return outcome
    },
  })
}

export function queueMember({ number, client }: Options, request: ReceiveOptions): Member {
  return memberOf({
    number,
    onError: request.onError,
    join: (session, ask) =>
      client.receive({ session, member: number, queue: request.queue, concurrency: request.concurrency }, ask),
    // How many at once the broker sees to.
    work: async (batch) => outcomeOf(batch, () => request.handle(unpackOne(batch.messages)), request.onError),
  })
}

function memberOf(options: {
  number: number
  join: Member['join']
  onError: ((error: unknown) => void) | undefined
  work: (batch: Batch, wanted: () => boolean) => Promise<Outcome | undefined>
}): Member {
  const { number, join, work, onError } = options
  let inHand = 0
  let idle: (() => void)[] = []
  return {
    number,
    join,
    joined: false,
    take: async (batch, wanted) => {
      inHand++
      try {
        return await work(batch, wanted)
      } finally {
        if (--inHand === 0) {
          for (const resolve of idle) resolve()
          idle = []
        }
      }
    },
    inHand: () => inHand,
    idle: () => (inHand === 0 ? Promise.resolve() : new Promise((resolve) => void idle.push(resolve))),
    onError: (error) => onError?.(error),
  }
}

/** Longer reasons are cut: they are kept with every message that failed. */
const LONGEST_REASON = 2000

async function outcomeOf(
  { number }: Batch,
  work: () => Promise<{ readonly after: string } | undefined | void>,
  onError: ((error: unknown) => void) | undefined,
): Promise<Outcome> {
  try {
    const answer = await work()
    return answer === undefined ? { number } : { number, after: answer.after }
  } catch (error) {
    onError?.(error)
    const { name, message } = describeThrown(error)
    return {
      number,
      error: message.slice(0, LONGEST_REASON).toWellFormed(),
      errorName: isInstance(error, Error) ? name.slice(0, 100).toWellFormed() : 'Error',
    }
  }
}
