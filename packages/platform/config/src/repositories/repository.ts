/** Where the settings of the server are: files of a folder or of Git, or rows. */
import type { ParsedConfig } from 'dure/config/parse'

/** A file that may have settings of an application, or rows that stand for one. */
export type Candidate = {
  /** `config/app-prod.yml`, from the root of the repository. */
  readonly path: string
  readonly application: string
  readonly profile: string | undefined
}

export type SettingsFile = {
  /** As answers say it. */
  readonly name: string
  /** Read once; what is wrong with it is in it. */
  readonly parsed: () => ParsedConfig
}

/** What a repository has under a label at one moment, all of it. */
export type Revision = {
  /** A commit, or what else tells one content from another. */
  readonly version: string
  /** Folders that are searched, the last goes before the others. `{application}`, `{profile}` and `{label}` stand for what is asked for. */
  readonly folders: readonly string[]
  /** By their paths, of these files those that are there. @throws {ConfigFault} */
  readonly read: (candidates: readonly Candidate[]) => Promise<ReadonlyMap<string, SettingsFile>>
}

export type Repository = {
  /** What is there now; undefined: there is no such label. @throws {ConfigFault} when it cannot be read */
  readonly at: (label: string | undefined) => Promise<Revision | undefined>
  /** Has what is elsewhere fetched. It never rejects: what was known before is served on. */
  readonly refresh: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** A repository, opened when the server starts. */
export type OpenRepository = (world: RepositoryWorld) => Promise<Repository>

export type RepositoryWorld = {
  /** Where it may keep what it fetches. */
  readonly directory: string
  readonly runtime: import('dure/runtime').Runtime
  readonly log: import('dure/telemetry').Logger
  readonly limits: RepositoryLimits
}

export type RepositoryLimits = {
  /** Bytes of a file of settings. Default 1 MiB. */
  readonly file: number
  /** Files of a repository. Default 20,000. */
  readonly files: number
  /** Bytes of files that are kept in memory. Default 64 MiB. */
  readonly memory: number
}

/** Endings of the files that are read, as Spring orders them: the first goes before the others. */
export const ENDINGS: readonly string[] = ['properties', 'yml', 'yaml']

export function isSettings(path: string): boolean {
  return ENDINGS.some((ending) => path.endsWith(`.${ending}`))
}
