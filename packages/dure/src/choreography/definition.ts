import type { AnyEvent } from '../contract/contract.ts'
import type { Extension, ReceivedEvent } from '../service/service.ts'
import type { Step } from './path.ts'

export type ChoreographyStep = {
  readonly event: AnyEvent
  /** The events that come before it: once all are there, it is its turn. Default: the step above it; the first step waits for none. */
  readonly after?: readonly AnyEvent[]
  /** Milliseconds after its turn has come until it is late: then `choreography.late` is published, once. Default: it may take for ever. */
  readonly within?: number
  /** It need not come. */
  readonly optional?: boolean
  /** It need not come any more once one of these has. */
  readonly unless?: readonly AnyEvent[]
  /** With it all is over: nothing is missing any more. */
  readonly ends?: boolean
}

export type ChoreographyOptions<Steps extends readonly ChoreographyStep[]> = {
  /** Which instance an event belongs to; undefined: to none. */
  readonly key: (event: ReceivedEvent<Steps[number]['event']>) => string | undefined
  readonly steps: Steps
  /** Milliseconds that an instance is remembered in which nothing has happened. Default: seven days. */
  readonly retention?: number
}

/** A choreography that a service lists among its `extensions`. Made by `choreography`. */
export type Choreography = Extension & {
  readonly steps: readonly Step[]
  readonly retention: number
}

/** What `choreography.late` says. Times are milliseconds since the epoch. */
export type LateStep = {
  readonly choreography: string
  readonly key: string
  /** The event that has not come. */
  readonly step: string
  /** When its turn had come. */
  readonly since: number
}

/** An instance as people see it. */
export type ObservedPath = {
  readonly choreography: string
  readonly key: string
  readonly ended: boolean
  readonly path: readonly { readonly event: string; readonly id: string; readonly time: number }[]
  readonly missing: readonly { readonly event: string; readonly since: number; readonly late: boolean }[]
}
