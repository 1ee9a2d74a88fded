import { CallError } from '../../../contract/contract.ts'
import type { Runtime } from '../../../runtime/runtime.ts'
import { inTime } from '../../../runtime/internal.ts'
import { UNBOUNDED, type Subscription } from '../../broker-adapter.ts'
import { SessionOver, type Outcome, type Batch, type Batches } from './contract.ts'
import { BATCH_SIZE } from './pack.ts'
import { createBatchStream, type BatchStream } from './batch-stream.ts'

/**
 * One client process as the broker's process sees it: its members, the batches it has not settled, and the stream they go
 * out on. The stream may break and come again; only the end of the session gives everything back.
 */
export type Session = {
  readonly id: string
  /** The client's name for itself, for messages. */
  readonly name: string
  /** Notes a sign of life. */
  readonly touch: () => void
  /** Monotonic milliseconds of the last sign of life. */
  readonly seen: () => number
  readonly streaming: () => boolean
  /** Makes a member, once for each number. */
  readonly join: (member: number, make: () => Promise<Subscription>) => Promise<void>
  readonly members: () => number
  /** Gives the member nothing more; true when it has settled all it had, false when it has not for now. */
  readonly leave: (member: number) => Promise<boolean>
  /** Hands a batch over; resolves when the client has done it, rejects when it has not. */
  readonly offer: (batch: Omit<Batch, 'number'>) => Promise<{ readonly after: string } | undefined>
  readonly settle: (outcomes: readonly Outcome[]) => void
  /** The stream of batches, again of those that are not in `have`; ends the stream before it. */
  readonly attach: (have: readonly number[]) => AsyncIterable<Batches>
  /** Takes everything from the client, at once; resolves when its members have left. */
  readonly end: (why: string) => Promise<void>
}

type Waiting = {
  readonly batch: Batch
  readonly size: number
  /** On its way, or there. */
  sent: boolean
  readonly resolve: (answer: { readonly after: string } | undefined) => void
  readonly reject: (error: Error) => void
}
type Joined = { readonly made: Promise<Subscription>; subscription: Subscription | undefined }

/** Members of one session, at most. */
const MOST_MEMBERS = 10_000
/** UTF-16 units that may be with a client and not settled, about; one batch may always. */
const WINDOW = 16 * 1024 * 1024
/** Milliseconds that one asking for a member's end waits for it: an answer in time shows that this side lives. */
const LEAVE_WAIT = 500

export function createSession(options: { id: string; name: string; runtime: Runtime }): Session {
  const { id, name, runtime } = options
  const unsettled = new Map<number, Waiting>()
  const members = new Map<number, Joined>()
  let ready: Waiting[] = []
  /** Size of all that is sent and not settled. */
  let out = 0
  let line: BatchStream | undefined
  let seen = runtime.clock.monotonic()
  let numbers = 0
  let over: Promise<void> | undefined
  let why = ''

  const touch = (): void => void (seen = runtime.clock.monotonic())

  const join: Session['join'] = async (number, make) => {
    if (over) throw SessionOver()
    let joined = members.get(number)
    if (joined === undefined) {
      if (members.size >= MOST_MEMBERS) throw tooMany(name)
      const made = make()
      const fresh: Joined = (joined = { made, subscription: undefined })
      members.set(number, fresh)
      made.then(
        (subscription) => {
          fresh.subscription = subscription
          // The session has ended while its member was being made.
          if (over) void subscription.stop(UNBOUNDED)
        },
        () => members.delete(number),
      )
    }
    await joined.made
  }

  const leave: Session['leave'] = async (number) => {
    const joined = members.get(number)
    if (joined === undefined) return true
    const subscription = await joined.made
    const stopped = subscription.stop(UNBOUNDED).then(() => void members.delete(number))
    await inTime(runtime.timers, LEAVE_WAIT, stopped, () => {})
    return !members.has(number)
  }

  const offer: Session['offer'] = (content) =>
    new Promise((resolve, reject) => {
      if (over) return reject(goneError(name, why))
      const batch = { number: ++numbers, ...content }
      const waiting = { batch, size: sizeOfBatch(batch), sent: false, resolve, reject }
      unsettled.set(batch.number, waiting)
      ready.push(waiting)
      line?.wake()
    })

  const settle: Session['settle'] = (outcomes) => {
    for (const { number, error, errorName, after } of outcomes) {
      const waiting = unsettled.get(number)
      // Settled before: the answer to that was lost on its way.
      if (waiting === undefined) continue
      unsettled.delete(number)
      if (waiting.sent) out -= waiting.size
      if (error === undefined) waiting.resolve(after === undefined ? undefined : { after })
      else waiting.reject(failureOf(error, errorName))
    }
    if (ready.length > 0) line?.wake()
  }

  /** What goes out next; nothing when nothing is ready or the client has enough in hand. */
  const takeReady = (): Batch[] => {
    const taken = ready.splice(0, thatFit(ready, out))
    for (const waiting of taken) {
      waiting.sent = true
      out += waiting.size
    }
    return taken.map(({ batch }) => batch)
  }

  const attach: Session['attach'] = (have) => {
    line?.finish()
    touch()
    const known = new Set(have)
    ready = []
    out = 0
    for (const [number, waiting] of unsettled) {
      waiting.sent = known.has(number)
      if (waiting.sent) out += waiting.size
      else ready.push(waiting)
    }
    const own = createBatchStream(runtime, takeReady, () => {
      if (line !== own) return
      line = undefined
      touch()
    })
    line = own
    return own.batches
  }

  const endAll = async (): Promise<void> => {
    // First they leave, then what they had is taken back: so it goes to others without a pause.
    const left = [...members.values()].map(({ subscription, made }) =>
      subscription === undefined ? made.then((late) => late.stop(UNBOUNDED)) : subscription.stop(UNBOUNDED),
    )
    ready = []
    for (const { reject } of unsettled.values()) reject(goneError(name, why))
    unsettled.clear()
    out = 0
    line?.finish()
    await Promise.allSettled(left)
    members.clear()
  }

  return {
    id,
    name,
    touch,
    seen: () => seen,
    streaming: () => line !== undefined,
    members: () => members.size,
    join,
    leave,
    offer,
    settle,
    attach,
    end: (reason) => {
      if (over) return over
      why = reason
      // Set before anything is stopped, so that nothing new is offered meanwhile.
      let resolve = (): void => {}
      over = new Promise((done) => void (resolve = done))
      void endAll().finally(resolve)
      return over
    },
  }
}

function tooMany(name: string): CallError {
  return new CallError('RESOURCE_EXHAUSTED', `Client "${name}" has ${MOST_MEMBERS} members, and no more are allowed; stop some`)
}

/** How many of them fit into one message, and with what is out already into the client's window. */
function thatFit(ready: readonly Waiting[], out: number): number {
  let size = 0
  const end = ready.findIndex((one, at) => {
    if (at > 0 && size + one.size > BATCH_SIZE) return true
    if (out + size > 0 && out + size + one.size > WINDOW) return true
    size += one.size
    return false
  })
  return end < 0 ? ready.length : end
}

function sizeOfBatch({ messages }: Batch): number {
  let size = 0
  for (const field of messages) if (typeof field === 'string') size += field.length
  return size
}

/** Why a member did not do its batch, as far as it said. */
class ReportedError extends Error {}

/** What members said themselves is logged where they are. */
export function isReported(error: unknown): boolean {
  return error instanceof ReportedError || error instanceof GoneError
}

class GoneError extends Error {
  override readonly name = 'GoneError'
}

function goneError(name: string, why: string): GoneError {
  return new GoneError(`Client "${name}" is gone with what it had in hand: ${why}`)
}

function failureOf(message: string, name: string | undefined): Error {
  return Object.assign(new ReportedError(message), { name: name ?? 'Error' })
}
