/**
 * The port to where releases run. Several releases run there side by side, each takes a share of the calls, and who changes what is there
 * says what is wanted: asked twice, nothing is done twice. One deployer changes a target at a time (the platform sees to that).
 */
import type { Release } from '../release.ts'
import type { CallCounts } from './counts.ts'

export type Target = {
  /** What it is in messages and lists: `host`, `container`. */
  readonly name: string
  /** What `apply` would change, and why it would be refused, without changing anything. */
  readonly plan: (wanted: Wanted) => Promise<Plan>
  /**
   * Has so many copies of a release run beside what is there. They take no calls until `shift` gives them a share. Resolves when they have
   * been started, which is before they are ready: `health` tells that. Copies that there are already stay as they are.
   * @throws {DeployError} `TARGET` when it is refused, or they cannot be started
   */
  readonly apply: (wanted: Wanted) => Promise<void>
  /** How the copies of a release are, and what became of its calls. @throws {DeployError} `TARGET` for a release that is not there */
  readonly health: (release: string) => Promise<ReleaseHealth>
  /**
   * Gives releases, by their digests, shares of the calls in percent, which are 100 together; those that are not named get none. Calls
   * under way end where they began.
   * @throws {DeployError} `TARGET` for other sums, and for a share of a release that has no copy here
   */
  readonly shift: (shares: Readonly<Record<string, number>>) => Promise<void>
  /**
   * Has so many copies of a release run. New ones take calls when they are ready; those that are one too many get no new calls and end
   * when they have answered what they have. 0 ends all: the release stays on the list, for `rollBack`.
   * @throws {DeployError} `TARGET` for a release that is not there, for 0 of one that has a share, and when new copies do not get ready
   */
  readonly scale: (release: string, copies: number) => Promise<void>
  /**
   * Has a release that is on the list take all calls again, with as many copies as it had last, and ends all others; those that take
   * calls go on until it is ready.
   * @throws {DeployError} `TARGET` for a release that is not there, and when its copies do not get ready: then nothing has changed
   */
  readonly rollBack: (release: string) => Promise<void>
  /** Releases that were applied, the latest last. */
  readonly list: () => Promise<readonly Deployed[]>
}

/** What is to run. */
export type Wanted = {
  readonly release: Release
  /** 1 to 64. */
  readonly copies: number
  /** Environment variables of its processes. */
  readonly settings?: Readonly<Record<string, string>>
  /** The same that nobody else may read: in no list of processes, no log, no message. */
  readonly secrets?: Readonly<Record<string, string>>
}

export type Plan = {
  /** In words, in their order; none when all is as wanted. */
  readonly changes: readonly string[]
  /** Why it would not be done; none when it would. */
  readonly refused: readonly string[]
}

export type CopyHealth = {
  readonly name: string
  /** `ended`: it does not run and will not by itself. */
  readonly state: 'starting' | 'ready' | 'unready' | 'ended'
  /** How often it fell over and was started again. */
  readonly restarts: number
  /** Why it is not ready, as far as it is known. */
  readonly reason?: string
}

export type ReleaseHealth = {
  readonly copies: readonly CopyHealth[]
  /** Since the release is here, where the target sees the calls. */
  readonly calls?: CallCounts
}

export type Deployed = {
  readonly release: Release
  /** Copies that are meant to run. */
  readonly copies: number
  /** Percent of the calls. */
  readonly share: number
}
