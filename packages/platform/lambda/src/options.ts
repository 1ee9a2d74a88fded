import type { Message } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import type { StartOptions } from 'dure/service'
import type { Logger } from 'dure/telemetry'

export type LambdaOptions = {
  /** Which of the system's services are in the function. What they need of others is `external`. Default: all. */
  readonly services?: readonly string[]
  /**
   * Takes what its services publish and the work that they send: resolved means durable. `structuredText` of `dure/messaging/adapter` is
   * a message as one text. Default: the system's broker, which must be one over the network.
   */
  readonly publish?: (messages: readonly Message[]) => Promise<void>
  /**
   * `one`: the platform never runs two instances at once (on AWS: a reserved concurrency of 1) and `directory` outlives them, so that data
   * may be in SQLite. Default `many`.
   */
  readonly instances?: 'one' | 'many'
  /** Milliseconds of the time of an invocation that are kept to answer in. Default 500. */
  readonly margin?: number
  /** Milliseconds for which an event of a schedule lets its services try again what has failed. Default 10,000. */
  readonly retrying?: number
  /** Where embedded parts keep their files. Default `/tmp/dure`, the one place that a function may write to, and which it loses. */
  readonly directory?: string
  /** Default: JSON lines on standard error. */
  readonly log?: Logger
  readonly logLevel?: StartOptions['logLevel']
  /** Default: the real world. */
  readonly runtime?: Runtime
}
