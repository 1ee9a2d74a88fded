import type { Head } from '../wire/wire.ts'
import type { Answer } from './answer.ts'
import type { Limits } from './limits.ts'
import type { Time } from './timed.ts'
import type { Endpoint, Failure } from './upstream.ts'

/** What a gateway decides about requests. */
export type Decisions<Request> = {
  /** Finds out whom it goes to. An answer: nobody. */
  readonly begin: (request: Request) => Answer | undefined | Promise<Answer | undefined>
  /** Whom to ask now; undefined when there is nobody. */
  readonly pick: (request: Request) => Endpoint | undefined
  /** One that was asked has answered, or has not; whether another try may be made. */
  readonly tried: (request: Request, endpoint: Endpoint, how: Failure | number) => boolean
  /** An answer is about to be passed on. An own one: it is given instead. */
  readonly answering: (request: Request, head: Head) => Answer | undefined
  /** Changes an own answer. @param passable its body may be passed through stages */
  readonly refusing: (request: Request, answer: Answer, passable: boolean) => Answer
  readonly ended: (request: Request) => void
  /** All of a request that was to be kept (`keeps`) is there; undefined: it was too long, or came too late to be kept. */
  readonly arrived?: (request: Request, body: readonly Buffer[] | undefined) => void
}

export type Surroundings<Request> = {
  readonly limits: Limits
  readonly time: Time
  readonly decisions: Decisions<Request>
  readonly name: string
  readonly trusting: boolean
  /** Whether clients come over TLS. */
  readonly secure: boolean
  /** What they speak, as the field Via says it; undefined: the version that the head of each request has. */
  readonly version?: string | undefined
  readonly closing: () => boolean
  /** Reads as all sockets do. */
  readonly plainly?: boolean | undefined
}
