import type { Step, Stepped } from './participant.ts'
import type { ReleaseState } from './release.ts'

/** How a service stands in one process. */
export type Looked = {
  readonly service: string
  readonly ready: boolean
  readonly reasons: readonly string[]
  /** Answered since it started, and those of them that failed for no fault of their callers. */
  readonly calls: number
  readonly failed: number
}

export type WaveOptions = {
  /** Milliseconds for which those who have a change first are looked at. Default 10,000. */
  readonly look?: number
  /** The share of calls that may fail there beyond those that fail in the others, from 0 to 1. Default 0.05. */
  readonly failures?: number
}

/** A process with services that have settings. */
export type Member = {
  readonly id: string
  /** As people know it: `pay#2`. */
  readonly name: string
  readonly services: readonly string[]
  readonly state: () => Promise<ReleaseState>
  readonly step: (step: Step) => Promise<Stepped>
  readonly look: () => Promise<readonly Looked[]>
}

/** The processes of a system as one of them sees them. */
export type Fleet = {
  /** All that take calls now, this one too where it has such services, in an order that all agree on: the first of them leads. */
  readonly members: () => readonly Member[]
  readonly watch: (changed: () => void) => { readonly stop: () => void }
}

type Asked = { readonly by?: string | undefined; readonly reason?: string | undefined }
/** `to`: a release by its number. Default: the last one with other settings. */
export type RollbackOptions = Asked & { readonly to?: number | undefined }
/** `now`: to all processes at once. Default false. */
export type ReleaseOptions = Asked & { readonly now?: boolean | undefined }
