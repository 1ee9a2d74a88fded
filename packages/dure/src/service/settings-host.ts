import type { ConfigRelease, ConfigStatus, ReleaseOptions, RollbackOptions } from '../config/config.ts'
import type { Configuration, Fleet, Looked, Member, Step } from '../config/internal.ts'
import type { Acts } from '../telemetry/internal.ts'

/** What processes ask each other about settings, and tell each other. */
export type SettingsQuestion =
  | { readonly ask: 'state' | 'look' | 'status' }
  | { readonly step: Step }
  | { readonly rollback: RollbackOptions }
  | { readonly release: ReleaseOptions }

/** The other processes of the system, where there are some. */
export type Others = {
  /** Of this process. */
  readonly id: string
  /** Those with these services that take calls now; this one too, so that they are in one order. */
  readonly present: (services: readonly string[]) => readonly Other[]
  readonly watch: Fleet['watch']
}
export type Other = Pick<Member, 'id' | 'name' | 'services'> & { readonly ask: (question: SettingsQuestion) => Promise<unknown> }

/** What doors may ask about settings. */
export type SettingsHost = {
  /** How the settings of the system stand: as the process knows it that leads changes of them. */
  readonly status: () => Promise<ConfigStatus>
  /** Changes that were made, or tried, since the system started, the last one first. */
  readonly history: () => Promise<readonly ConfigRelease[]>
  /** Has former settings count again. @throws {CallError} FAILED_PRECONDITION when none are known */
  readonly rollback: (options?: RollbackOptions) => Promise<ConfigRelease>
  /** Releases what the sources have, though it was rolled back. @throws {CallError} when it cannot be used */
  readonly release: (options?: ReleaseOptions) => Promise<ConfigRelease>
}

/** A service that runs in this process. */
export type Hosted = { readonly name: string; readonly copy: string; readonly look: () => Promise<Looked> }

export type Settings = {
  readonly configuration: Configuration
  readonly host: SettingsHost
  /** Answers other processes. */
  readonly answer: (question: SettingsQuestion) => Promise<unknown>
  /** From now on changes are released to all. */
  readonly begin: (options: { readonly instances: readonly Hosted[]; readonly acts: Acts }) => void
}
