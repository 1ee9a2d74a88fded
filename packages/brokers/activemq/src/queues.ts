import type { BrokerServer, QueueSource, Receivers } from 'dure/messaging/adapter'
import { createLookups } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { createWindow } from './feed.ts'
import { lostError } from './errors.ts'
import { SESSION_MESSAGES, type Arrival, type Inlet } from './links.ts'
import type { Line } from './line.ts'
import { decode, encode } from './messages.ts'
import type { Names } from './names.ts'
import type { Server } from './server.ts'
import type { Wire } from './wire.ts'

export type QueuesWorld = {
  /** To send with, and to receive with: a server that is full holds up the one and not the other. */
  readonly sending: Line
  readonly line: Line
  readonly server: Server
  readonly names: Names
  readonly runtime: Runtime
}

/** Messages that are sent at once. */
const AT_ONCE = 500
const [READ_BYTES, READ_MESSAGES] = [16 * 1024 * 1024, 500]

export function createQueues({ sending, line, server, names, runtime }: QueuesWorld): Pick<BrokerServer, 'send' | 'receive'> {
  let made = createLookups<void>()
  sending.listen({ opened: () => (made = createLookups()) })
  const need = (queue: string): Promise<void> => made.find(queue, () => server.ensure([{ name: names.queue(queue) }]))

  return {
    send: async (queue, messages) => {
      await need(queue)
      const outlet = await (await sending.wire()).outlet(server.queueTarget(names.queue(queue)))
      for (let at = 0; at < messages.length; at += AT_ONCE)
        await Promise.all(messages.slice(at, at + AT_ONCE).map((message) => outlet.send(encode(message))))
    },
    receive: async (queue, receivers) => {
      await need(queue)
      return takeFrom({ line, server, names, runtime }, queue, receivers)
    },
  }
}

/** A link to a queue, and what came over it that is not done. */
type Intake = { readonly inlet: Inlet; came: number; unsettled: number; isOver: boolean }

/** What is taken is this process's own until it is accepted, or the connection is lost. */
async function takeFrom(
  { line, server, names, runtime }: Omit<QueuesWorld, 'sending'>,
  queue: string,
  receivers: Receivers,
): Promise<QueueSource> {
  const source = server.queueSource(names.queue(queue))
  const window = createWindow(READ_BYTES, READ_MESSAGES)
  let current: Intake | undefined
  let isLeaving = false
  const open = new Set<Intake>()

  const ask = (): void => {
    if (current === undefined || isLeaving) return
    const free = Math.min(receivers.room().messages - window.asked(), window.free())
    if (free > 0) current.inlet.credit(window.ask(free))
  }
  const done = async (intake: Intake, size: number, accept: () => void): Promise<void> => {
    if (intake.isOver) throw lostError(new Error('the message is the server’s again'), true)
    accept()
    window.done(size)
    if (--intake.unsettled === 0 && intake !== current) await close(intake)
    ask()
  }
  const arrived = (intake: Intake, { bytes, accept }: Arrival): void => {
    const size = bytes.length
    window.came(size)
    intake.came++
    intake.unsettled++
    const { message } = decode(bytes, { topic: queue, partition: 0, newId: runtime.ids.next })
    receivers.give({ message, size, done: () => done(intake, size, accept), isOurs: () => !intake.isOver })
    // A session has room for so many, counted from the oldest that is not done.
    if (intake === current && intake.came > SESSION_MESSAGES - 2 * READ_MESSAGES && window.asked() === 0) void renew()
  }
  const close = async (intake: Intake): Promise<void> => {
    intake.isOver = true
    open.delete(intake)
    await intake.inlet.close().catch(() => {})
  }
  const begin = async (wire: Wire): Promise<void> => {
    const inlet = await wire.inlet({
      source,
      arrived: (arrival) => arrived(intake, arrival),
      ended: (error) => {
        receivers.failed(error)
        over(intake)
        if (!isLeaving) runtime.timers.after(1_000, () => wire.isOpen() && renew())
      },
    })
    const intake: Intake = { inlet, came: 0, unsettled: 0, isOver: false }
    if (isLeaving) return inlet.close()
    current = intake
    open.add(intake)
    ask()
  }
  const over = (intake: Intake): void => {
    intake.isOver = true
    open.delete(intake)
    if (intake !== current) return
    current = undefined
    window.reset()
  }
  const renew = async (): Promise<void> => {
    const wire = line.now()
    if (wire === undefined || isLeaving) return
    try {
      await begin(wire)
    } catch (error) {
      if (!wire.isOpen()) return
      receivers.failed(error)
      runtime.timers.after(1_000, () => void renew())
    }
  }
  const unlisten = line.listen({ opened: () => void renew(), lost: () => open.forEach(over) })
  try {
    await begin(await line.wire())
  } catch (error) {
    unlisten()
    throw error
  }

  return {
    wake: ask,
    leave: async () => {
      isLeaving = true
      unlisten()
      await Promise.all([...open].map(close))
    },
  }
}
