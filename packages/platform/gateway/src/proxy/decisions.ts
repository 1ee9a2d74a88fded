import type { Head } from '../wire/wire.ts'
import type { Answer } from './answer.ts'
import type { Limits } from './limits.ts'
import type { Time } from './timed.ts'
import type { Endpoint, Failure } from './upstream.ts'

/** What a gateway decides about requests; all of it is told of one by its client, which stands for the request under way. */
export type Decisions<Client> = {
  /** Finds out whom it goes to. An answer: nobody. */
  readonly begin: (client: Client) => Answer | undefined | Promise<Answer | undefined>
  /** Whom to ask now; undefined when there is nobody. */
  readonly pick: (client: Client) => Endpoint | undefined
  /** One that was asked has answered, or has not; whether another try may be made. */
  readonly tried: (client: Client, endpoint: Endpoint, how: Failure | number) => boolean
  /** An answer is about to be passed on. An own one: it is given instead. */
  readonly answering: (client: Client, head: Head) => Answer | undefined
  /** Changes an own answer. */
  readonly refusing: (client: Client, answer: Answer) => Answer
  readonly ended: (client: Client) => void
}

export type Surroundings<Client> = {
  readonly limits: Limits
  readonly time: Time
  readonly decisions: Decisions<Client>
  readonly name: string
  readonly trusting: boolean
  readonly closing: () => boolean
  readonly left: (client: Client) => void
  /** Reads as all sockets do. */
  readonly plainly?: boolean | undefined
}
