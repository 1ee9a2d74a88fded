import type { Msg } from '@nats-io/nats-core'
import { CallError } from 'dure/contract'
import type { Delivery } from 'dure/messaging'
import { backoff, fitting } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Link } from './connection.ts'
import { BEGINNING, behind, placeKey, startAfter, type Consumers, type Position, type Start } from './consumers.ts'
import { incoming, type Place } from './messages.ts'
import { openPull, type Pull } from './pull.ts'
import type { Topic } from './streams.ts'

/** What has come of a partition for a member and was not taken yet, in order and without gaps. */
export type Intake = {
  /** Begins behind a position, or where the group has come to. @throws {CallError} ABORTED when a later epoch has begun */
  readonly open: (after: string | undefined) => Promise<void>
  /** The connection is there again: whatever was on its way is asked for once more. */
  readonly restart: () => void
  /** Asks for more, where there is room. */
  readonly ask: () => void
  /** The first messages, at most `limit` and a bound of bytes; one at least where there is one. */
  readonly first: (limit: number) => readonly Delivery[]
  /** So many of the first have been taken. */
  readonly taken: (count: number) => void
  /** Takes no more in; resolves when the server knows what was taken. */
  readonly end: () => Promise<void>
}

/** Bytes that are in hand of all partitions, about. */
export type Budget = { used: number }

export type IntakeOptions = {
  readonly link: Link
  readonly runtime: Runtime
  readonly consumers: Consumers
  readonly budget: Budget
  readonly topic: Topic
  readonly group: string
  readonly partition: number
  readonly epoch: number
  /** Messages in hand, at most. */
  readonly most: number
  readonly came: () => void
  readonly failed: (error: unknown) => void
}

type Held = { readonly delivery: Delivery; readonly sequence: number; readonly size: number; reply: string }

/** Bytes that one partition has in hand and on their way, about; with more than that of all, each gets one message at a time. */
const [MOST_BYTES, MOST_OF_ALL] = [1024 * 1024, 64 * 1024 * 1024]
/** What a message may have beside its data: headers, and what the server counts of its own. */
const ROOM = 256 * 1024

export function createIntake(options: IntakeOptions): Intake {
  const { link, runtime, consumers, budget, topic, group, partition, epoch, most } = options
  let held: Held[] = []
  let heldBytes = 0
  /** Sequence of the last message that came, and of the last that was taken; how that one is acknowledged. */
  let [last, settled, lastReply] = [0, 0, '']
  let pull: Pull | undefined
  /** Which consumer of this epoch it is, and how many messages that one has brought. */
  let [turn, brought] = [0, 0]
  let [isTooLarge, isOver, isOpening] = [false, false, false]

  const ask = (): void => {
    if (isOver || held.length >= most || heldBytes >= MOST_BYTES) return
    if (!isTooLarge && budget.used <= MOST_OF_ALL) pull?.ask(most - held.length, MOST_BYTES + ROOM - heldBytes)
    else if (held.length === 0) pull?.ask(1)
  }

  const came = (message: Msg, place: Place): void => {
    if (isOver) return
    // What the server counts and did not come here was lost on the way.
    if (place.turn !== ++brought) return void restart()
    const [reply, { sequence }] = [message.reply!, place]
    if (sequence <= last) {
      const known = held.find((one) => one.sequence === sequence)
      if (known !== undefined) known.reply = reply
      else if (sequence === settled) link.tell((lastReply = reply), '+ACK')
      return
    }
    last = sequence
    const size = message.data.length
    const read = incoming(message, { topic: topic.name, partition, ...place })
    held.push({ delivery: { message: read, partition, position: String(sequence) }, sequence, size, reply })
    heldBytes += size
    budget.used += size
    options.came()
  }

  const startOf = (after: string | undefined, before: Position | undefined, end: number): Start => {
    if (settled > 0) return behind(settled)
    if (after === undefined) return before === undefined ? BEGINNING : startAfter(before)
    // A position of a stream that was made anew may be beyond its end.
    return behind(Math.min(Number(after), end))
  }

  const open: Intake['open'] = async (after) => {
    const before = (await consumers.of(topic)).get(placeKey(group, partition)) ?? []
    if (isOver || (before[0]?.epoch ?? 0) > epoch)
      throw new CallError(
        'ABORTED',
        `Partition ${partition} of topic "${topic.name}" has gone to another member of group "${group}"`,
      )
    const { created, state } = await link.jsm.streams.info(topic.stream)
    if (created !== topic.created)
      throw new CallError(
        'FAILED_PRECONDITION',
        `Stream "${topic.stream}" was deleted and made again while group "${group}" read it, and counts anew; start this process again`,
      )
    const start = startOf(after, before[0], state.last_seq)
    const mine = ++turn
    void pull?.end()
    pull = undefined
    const consumer = await consumers.make(topic, { group, partition, epoch, turn, start }, before)
    if (isOver) return
    brought = 0
    pull = openPull({
      ...{ link, runtime, stream: topic.stream, consumer },
      came: (message, place) => (mine === turn ? came(message, place) : undefined),
      ended: (how) => {
        isTooLarge = how === 'large'
        if (how === 'gone') void runtime.timers.after(100, restart)
        else ask()
      },
    })
    ask()
  }

  const restart = async (): Promise<void> => {
    if (isOpening || turn === 0) return
    isOpening = true
    for (let failures = 1; !isOver && link.isConnected(); failures++) {
      try {
        await link.guard(`read partition ${partition} of topic "${topic.name}" on`, () => open(undefined))
        break
      } catch (error) {
        if (isOver || (error instanceof CallError && error.code === 'ABORTED')) break
        options.failed(error)
        await runtime.timers.sleep(backoff({ first: 50, max: 5_000 }, failures, runtime.random))
      }
    }
    isOpening = false
  }

  return {
    open,
    ask,
    restart: () => void restart(),
    first: (count) => fitting(held, { count, size: MOST_BYTES }, ({ size }) => size).map(({ delivery }) => delivery),
    taken: (count) => {
      const done = held.slice(0, count)
      held = held.slice(count)
      const size = done.reduce((sum, one) => sum + one.size, 0)
      heldBytes -= size
      budget.used -= size
      settled = done.at(-1)!.sequence
      lastReply = done.at(-1)!.reply
      link.tell(lastReply, '+ACK')
      ask()
    },
    end: async () => {
      isOver = true
      void pull?.end()
      budget.used -= heldBytes
      ;[held, heldBytes] = [[], 0]
      // The next one begins behind what was acknowledged: so the server has to know it by then.
      if (lastReply !== '') await link.ask(lastReply, '+ACK').catch(() => {})
    },
  }
}

/** Whether a server may have said this position. */
export const isPosition = (text: string): boolean => /^\d{1,15}$/.test(text)
