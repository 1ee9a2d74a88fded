import { CallError } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Subscription } from '../broker.ts'
import { HopelessError } from '../hopeless.ts'
import { SessionOver, type Outcome, type Parcel, type Parcels } from './contract.ts'
import { PARCEL } from './pack.ts'

/**
 * One client process as the broker's process sees it: its members, the parcels it has not settled, and the stream they go
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
  /** Resolves when the member has settled all it had. */
  readonly leave: (member: number) => Promise<void>
  /** Hands a parcel over; resolves when the client has done it, rejects when it has not. */
  readonly offer: (parcel: Omit<Parcel, 'number'>) => Promise<void>
  readonly settle: (outcomes: readonly Outcome[]) => void
  /** The stream of parcels, again of those that are not in `have`; ends the stream before it. */
  readonly attach: (have: readonly number[]) => AsyncIterable<Parcels>
  /** Takes everything from the client, at once; resolves when its members have left. */
  readonly end: (why: string) => Promise<void>
}

type Waiting = { readonly parcel: Parcel; readonly resolve: () => void; readonly reject: (error: Error) => void }
type Joined = { readonly made: Promise<Subscription>; subscription: Subscription | undefined }
type Line = { readonly iterator: AsyncIterator<Parcels>; readonly finish: () => void; readonly wake: () => void }

/** Members of one session, at most. */
const MOST_MEMBERS = 10_000

export function createSession(options: { id: string; name: string; runtime: Runtime }): Session {
  const { id, name, runtime } = options
  const unsettled = new Map<number, Waiting>()
  const members = new Map<number, Joined>()
  let ready: Parcel[] = []
  let line: Line | undefined
  let seen = runtime.clock.monotonic()
  let numbers = 0
  let over: Promise<void> | undefined
  let why = ''

  const touch = (): void => void (seen = runtime.clock.monotonic())

  const join: Session['join'] = async (number, make) => {
    if (over) throw SessionOver()
    let joined = members.get(number)
    if (joined === undefined) {
      if (members.size >= MOST_MEMBERS) {
        throw new CallError(
          'RESOURCE_EXHAUSTED',
          `Client "${name}" has ${MOST_MEMBERS} members, and no more are allowed; stop some`,
        )
      }
      const made = make()
      const fresh: Joined = (joined = { made, subscription: undefined })
      members.set(number, fresh)
      made.then(
        (subscription) => {
          fresh.subscription = subscription
          // The session has ended while its member was being made.
          if (over) void subscription.stop()
        },
        () => members.delete(number),
      )
    }
    await joined.made
  }

  const leave: Session['leave'] = async (number) => {
    const joined = members.get(number)
    if (joined === undefined) return
    const subscription = await joined.made
    await subscription.stop()
    members.delete(number)
  }

  const offer: Session['offer'] = (content) =>
    new Promise((resolve, reject) => {
      if (over) return reject(goneError(name, why))
      const parcel = { number: ++numbers, ...content }
      unsettled.set(parcel.number, { parcel, resolve, reject })
      ready.push(parcel)
      line?.wake()
    })

  const settle: Session['settle'] = (outcomes) => {
    for (const { number, error, errorName } of outcomes) {
      const waiting = unsettled.get(number)
      // Settled before: the answer to that was lost on its way.
      if (waiting === undefined) continue
      unsettled.delete(number)
      if (error === undefined) waiting.resolve()
      else waiting.reject(failureOf(error, errorName))
    }
  }

  const takeReady = (): Parcel[] => {
    let size = 0
    let count = 0
    while (count < ready.length && (count === 0 || size < PARCEL)) {
      for (const field of ready[count]!.messages) if (typeof field === 'string') size += field.length
      count++
    }
    if (count === ready.length) {
      const all = ready
      ready = []
      return all
    }
    return ready.splice(0, count)
  }

  const createLine = (): Line => {
    let asked: ((result: IteratorResult<Parcels>) => void) | undefined
    let ended = false
    let scheduled = false
    const give = (): void => {
      scheduled = false
      if (asked === undefined || ended || ready.length === 0) return
      const resolve = asked
      asked = undefined
      resolve({ done: false, value: { parcels: takeReady() } })
    }
    const finish = (): void => {
      ended = true
      if (line === own) {
        line = undefined
        touch()
      }
      asked?.({ done: true, value: undefined })
      asked = undefined
    }
    const own: Line = {
      finish,
      // What one turn brings goes out together.
      wake: () => {
        if (asked === undefined || scheduled) return
        scheduled = true
        runtime.timers.soon(give)
      },
      iterator: {
        next: () =>
          new Promise((resolve) => {
            if (ended) return resolve({ done: true, value: undefined })
            if (ready.length > 0) return resolve({ done: false, value: { parcels: takeReady() } })
            asked = resolve
          }),
        return: () => {
          finish()
          return Promise.resolve({ done: true, value: undefined })
        },
      },
    }
    return own
  }

  const attach: Session['attach'] = (have) => {
    line?.finish()
    touch()
    const known = new Set(have)
    ready = []
    for (const [number, { parcel }] of unsettled) if (!known.has(number)) ready.push(parcel)
    const { iterator } = (line = createLine())
    return { [Symbol.asyncIterator]: () => iterator }
  }

  const endAll = async (): Promise<void> => {
    // First they leave, then what they had is taken back: so it goes to others without a pause.
    const left = [...members.values()].map(({ subscription, made }) =>
      subscription === undefined ? made.then((late) => late.stop()) : subscription.stop(),
    )
    ready = []
    for (const { reject } of unsettled.values()) reject(goneError(name, why))
    unsettled.clear()
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

/** Why a member did not do its parcel, as far as it said. */
class ReportedError extends Error {}

/** What members said themselves is logged where they are. */
export function isReported(error: unknown): boolean {
  return error instanceof ReportedError || error instanceof HopelessError || error instanceof GoneError
}

class GoneError extends Error {
  override readonly name = 'GoneError'
}

function goneError(name: string, why: string): GoneError {
  return new GoneError(`Client "${name}" is gone with what it had in hand: ${why}`)
}

function failureOf(message: string, name: string | undefined): Error {
  if (name === 'HopelessError') return new HopelessError(message)
  return Object.assign(new ReportedError(message), { name: name ?? 'Error' })
}
