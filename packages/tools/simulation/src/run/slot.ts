import type { Running } from 'dure/service'
import type { Process } from '../kernel/kernel.ts'
import type { Pin } from './faults.ts'
import type { Place } from './placement.ts'

/** Of which release a process is: the one before, or the system's own. */
export type Release = 'before' | 'own'

/** A place where processes of one kind live, one after another, as a supervisor keeps it. */
export type Slot = Place & {
  life: number
  process: Process | undefined
  running: Running | undefined
  /** The release that its processes are started with from now on, and that of the last one that was started. */
  release: Release
  started: Release | undefined
  /** Frozen ones whose successor has been started, and those that were revived afterwards. */
  readonly zombies: Set<Process>
  /** Those that have been told to stop, and answer what they have. */
  readonly leaving: Set<Process>
  /** It is to die or to stand still at one of its next steps. */
  pending: PendingStep | undefined
}

/** A death or a standstill to come, at one of the next steps. */
export type PendingStep = {
  readonly point: string
  /** Steps of this kind that are let pass; with a pin only those of its moment are. */
  left: number
  readonly pin: Pin | undefined
  /** Steps of this moment, by kind. */
  moment: number
  readonly seen: Map<string, number>
  readonly trigger: (where: { readonly point: string; readonly nth: number } | undefined) => boolean
}
