import { CallError, type Message } from '../../../contract/contract.ts'
import type { Runtime } from '../../../runtime/runtime.ts'
import { checkMessages } from '../../limits.ts'
import { inParts, pack, BATCH_SIZE, sizeOf, type Pack } from './pack.ts'
import { mayPass } from './trying.ts'

/**
 * Gathers what is published in one turn, and all that comes while a call is under way, into the next call. One call at a
 * time, and tried again before anything later goes: so the order in which things were asked for is the order they have.
 */
export type Publisher = {
  /** Resolves when all are durable. What the caller makes of the messages meanwhile changes nothing. */
  readonly add: (messages: readonly Message[]) => Promise<void>
  /** Resolves when nothing is under way. */
  readonly idle: () => Promise<void>
}

/** What one caller asked for, in parts that can travel. */
type Request = {
  readonly parts: readonly Pack[]
  readonly size: number
  next: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** UTF-16 units that may wait, about; more is refused. */
const MOST = 64 * 1024 * 1024

/** @param options.send makes one call, and tries again while that may help */
export function createPublisher(options: { runtime: Runtime; send: (messages: Pack) => Promise<void> }): Publisher {
  const { runtime, send } = options
  let waiting: Request[] = []
  let size = 0
  let running = false
  let quiet: (() => void)[] = []

  const run = async (): Promise<void> => {
    // Promises are settled while this runs, so what they lead to is seen by the next look.
    while (waiting.length > 0) await next()
    running = false
    for (const resolve of quiet) resolve()
    quiet = []
  }

  const next = async (): Promise<void> => {
    const requests: Request[] = []
    const messages: (string | number | null)[] = []
    let filled = 0
    for (const request of waiting) {
      // A part of what is larger than one call goes alone.
      if (requests.length > 0 && (request.parts.length > 1 || filled + request.size > BATCH_SIZE)) break
      requests.push(request)
      filled += request.size
      for (const field of request.parts[request.next]!) messages.push(field)
      if (request.parts.length > 1) break
    }
    try {
      await send(messages)
      for (const request of requests) if (++request.next === request.parts.length) finish(request, undefined)
    } catch (error) {
      // One that is refused does not spoil it for those that went with it.
      if (requests.length > 1 && !mayPass(error)) for (const request of requests) await sendAlone(request)
      else for (const request of requests) finish(request, { error })
    }
    waiting = waiting.filter((request) => request.next < request.parts.length)
  }

  const sendAlone = async (request: Request): Promise<void> => {
    await send(request.parts[0]!).then(
      () => finish(request, undefined),
      (error: unknown) => finish(request, { error }),
    )
  }

  const finish = (request: Request, failure: { error: unknown } | undefined): void => {
    request.next = request.parts.length
    size -= request.size
    if (failure === undefined) request.resolve()
    else request.reject(failure.error)
  }

  return {
    add: async (messages) => {
      if (messages.length === 0) return
      checkMessages(messages)
      const own = messages.reduce((sum, message) => sum + sizeOf(message), 0)
      if (size > 0 && size + own > MOST) {
        throw new CallError(
          'RESOURCE_EXHAUSTED',
          `Cannot publish ${messages.length} messages: ${size} characters wait for the broker already, and ${MOST} may; try again later`,
        )
      }
      size += own
      await new Promise<void>((resolve, reject) => {
        waiting.push({ parts: inParts(messages, (message) => message).map(packed), size: own, next: 0, resolve, reject })
        if (running) return
        running = true
        runtime.timers.soon(() => void run())
      })
    },
    idle: () => (running ? new Promise((resolve) => void quiet.push(resolve)) : Promise.resolve()),
  }
}

function packed(messages: readonly Message[]): Pack {
  const into: (string | number | null)[] = []
  for (const message of messages) pack(into, message, message.delay ?? 0)
  return into
}
