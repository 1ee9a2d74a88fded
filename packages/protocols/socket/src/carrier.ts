import type { Line } from './session.ts'

/** What a connection is carried by. */
export type Carrier = Line & {
  /** Stops and goes on with reading what the client sends. */
  readonly pause: () => void
  readonly resume: () => void
  readonly destroy: () => void
  /** Asks whether anybody is there; undefined where the client has to ask for that with `hello`. */
  readonly ping: (() => void) | undefined
}
