import { watchFrames, type ByteStream } from 'dure/call/internal'
import type { Process } from '../kernel/kernel.ts'
import { createLine, type NetworkWorld } from './line.ts'

/** One connection between two processes, both of its ends. */
export type Connection = {
  readonly client: Process
  readonly server: Process
  readonly near: ByteStream
  readonly far: ByteStream
  /** The server's system has it, and lets the client know; `far` may be used. */
  readonly connect: (taken: () => boolean, onReady: () => void) => void
  readonly refuse: () => void
  /** Both ends are cut off from each other; each finds out after a while. */
  readonly breakOff: (reason: string, after: number) => void
}

/** Bytes that the system holds for a reader who does not take them; what is written beyond waits with its writer. */
const SYSTEM_BUFFER = 256 * 1024

/** The frames of a batch go one by one: at each, a process may die, and something may befall it. */
type Send = (batch: Buffer, arrive: (bytes: Buffer) => void) => void

export function createConnection(options: {
  readonly world: NetworkWorld
  readonly client: Process
  readonly server: Process
  /** Told when the server's end is over. */
  readonly onClose: () => void
}): Connection {
  const { world, client, server, onClose } = options
  const framesOf = watchFrames()
  const there = createLine({ world, from: client, to: server })
  const back = createLine({ world, from: server, to: client })

  const breakOff = (reason: string, after: number): void => {
    world.at(world.now() + after, client, () => near.fail(reason))
    world.at(world.now() + after, server, () => far.fail(reason))
  }

  const send = (from: Process, batch: Buffer, arrive: (bytes: Buffer) => void): void => {
    const [line, to] = from === client ? [there, server] : [back, client]
    for (const { bytes, what, place, failure } of framesOf(batch, from === client)) {
      if (what === undefined) {
        line(() => arrive(bytes))
        continue
      }
      const detail = failure === undefined ? place : `${place} ${(failure as { code?: string }).code}`
      if (failure !== undefined) mark(failure)
      if (world.point(from, `${what} sent`, detail)) return
      const fate = world.fate(from, to, what)
      if (fate === 'lost') return breakOff('connection reset', world.latency(from, to))
      const arrival = line(() => {
        if (!world.point(to, `${what} came`, detail)) arrive(bytes)
      })
      if (fate === 'breaks after') return breakOff('connection reset', arrival - world.now() + 0.01)
    }
  }

  const mark = (failure: Error): void => {
    if ((failure as { code?: string }).code === 'SESSION_OVER') world.sometimes('a session with the broker was over')
    if (failure.message.includes('its process stood still')) world.sometimes('a call that had waited too long was not begun')
  }

  const near: End = createEnd({
    ...{ world, process: client, other: () => far, onClose: () => {} },
    send: (batch, arrive) => send(client, batch, arrive),
    finish: (ended) => void there(ended),
  })
  const far: End = createEnd({
    ...{ world, process: server, other: () => near, onClose },
    send: (batch, arrive) => send(server, batch, arrive),
    finish: (ended) => void back(ended),
  })

  const refuse = (): void => near.fail('connection refused')
  return {
    ...{ client, server, near: near.stream, far: far.stream, breakOff },
    refuse: () => void world.at(world.now() + REFUSAL, client, refuse),
    connect: (taken, onReady) =>
      void there(() => {
        const connected = taken()
        back(() => (connected ? near.isOpen() && onReady() : refuse()))
      }),
  }
}

/** Milliseconds until a process hears that nobody listens. */
const REFUSAL = 0.2

type End = {
  readonly stream: ByteStream
  readonly isOpen: () => boolean
  readonly arrive: (bytes: Buffer) => void
  /** The other side has taken so much. */
  readonly taken: (bytes: number) => void
  /** The other side writes no more. */
  readonly finished: () => void
  readonly fail: (reason: string) => void
}

type Told = (given: never) => void

/** One end: what it writes arrives at the other, as fast as that one reads. */
function createEnd(options: {
  readonly world: NetworkWorld
  readonly process: Process
  readonly other: () => End
  readonly send: Send
  /** Tells the other end that nothing more comes. */
  readonly finish: (ended: () => void) => void
  readonly onClose: () => void
}): End {
  const { world, process, other, send, finish, onClose } = options
  const told = new Map<string, Told>()
  const unsent: { readonly batch: Buffer; readonly taken: (() => void) | undefined }[] = []
  const unread: Buffer[] = []
  let isOpen = true
  let paused = false
  let ending = false
  /** Bytes not taken by the system, and taken by it and not read at the other end. */
  let waiting = 0
  let onTheWay = 0

  const tell = (event: string, given?: Buffer | Error): void => told.get(event)?.(given as never)

  const close = (): void => {
    if (!isOpen) return
    isOpen = false
    unsent.length = unread.length = waiting = 0
    onClose()
    tell('close')
  }

  const destroy = (): void => {
    if (isOpen) finish(() => other().finished())
    close()
  }

  const pump = (): void => {
    while (unsent.length > 0 && onTheWay < SYSTEM_BUFFER && process.state !== 'dead') {
      const { batch, taken } = unsent.shift()!
      waiting -= batch.length
      onTheWay += batch.length
      send(batch, (bytes) => other().arrive(bytes))
      if (!isOpen) return
      taken?.()
    }
    if (ending && unsent.length === 0) destroy()
  }

  const goOn = (): void => {
    pump()
    if (isOpen && waiting === 0) tell('drain')
  }

  const read = (bytes: Buffer): void => {
    other().taken(bytes.length)
    tell('data', bytes)
  }

  const stream: ByteStream = {
    write: (bytes, taken) => {
      if (!isOpen) return
      // The writer uses its buffer again.
      unsent.push({ batch: Buffer.from(bytes), taken })
      waiting += bytes.length
      pump()
    },
    get writableLength() {
      return waiting
    },
    pause: () => void (paused = true),
    resume: () => {
      paused = false
      while (!paused && isOpen && unread.length > 0) read(unread.shift()!)
    },
    destroy,
    destroySoon: () => {
      ending = true
      pump()
    },
    on: (event: string, one: Told): void => void told.set(event, one),
  }

  return {
    stream,
    isOpen: () => isOpen,
    arrive: (bytes) => {
      if (!isOpen) return
      if (paused) unread.push(bytes)
      else read(bytes)
    },
    taken: (bytes) => {
      onTheWay -= bytes
      if (unsent.length > 0) world.at(world.now(), process, goOn)
    },
    finished: () => {
      if (!isOpen) return
      tell('end')
      close()
    },
    fail: (reason) => {
      if (!isOpen) return
      tell('error', new Error(reason))
      close()
    },
  }
}
