/**
 * Rollouts that go back by themselves: a release is checked, started beside the one that has the calls, given more of them step by step while
 * both are compared, and taken back when it does worse. What was done is in a SQLite file, so that whoever comes after a killed deployer goes on.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CallError } from 'dure/contract'
import { takeLock } from 'dure/data/adapter'
import { realRuntime, type Runtime } from 'dure/runtime'
import type { RecordAct } from 'dure/telemetry'
import { createActs } from 'dure/telemetry/internal'
import { keepDeployment } from '@dure/testing/contracts'
import { DeployError } from '../errors.ts'
import type { Release } from '../release.ts'
import type { Deployed, Target } from '../target/target.ts'
import { troubles } from './check.ts'
import { LIMITS, type Limits } from './judge.ts'
import { openRecords, type Rollout, type Step } from './records.ts'
import { carryOn, goBack, type RolloutOptions } from './rollout.ts'
import { scaleLoop, type AutoscaleOptions, type Autoscaling } from './scale-loop.ts'

export { autoscale, type AutoscaleLimits, type AutoscaleState, type Sample } from './autoscale.ts'
export { judge, type Judgement, type Limits, type Seen } from './judge.ts'
export type { Rollout, RolloutState, Step } from './records.ts'
export type { AutoscaleOptions, Autoscaling } from './scale-loop.ts'

/** Where releases of one system run, and how they come there. */
export type EnvironmentOptions = {
  /** `production`, `staging`: as the facts name it. */
  readonly name: string
  readonly target: Target
  /** Where it keeps what was done. One deployer at a time. */
  readonly directory: string
  /** Copies of a release that is the first. Default 1; later ones get as many as the one before. */
  readonly copies?: number
  readonly settings?: Readonly<Record<string, string>>
  /** Secrets by the names of variables; one that is undefined or empty is missing, and nothing is started. */
  readonly secrets?: Readonly<Record<string, string | undefined>>
  /** Of the variables that are settings of services (`environment({ prefix })`): those that are required must be there. Default: not checked. */
  readonly prefix?: string
  /** The folder of facts that `dure can-i-deploy` judges by, which is told what runs then. Default: not asked. */
  readonly facts?: string
  /** Percent of the calls, one after the other. Default 5, 25, 100. */
  readonly shares?: readonly number[]
  /** Milliseconds that a release is watched with each share. Default 60,000. */
  readonly watch?: number
  /** Milliseconds it may take to get ready. Default 120,000. */
  readonly readiness?: number
  readonly limits?: Partial<Limits>
  /** Writes who did what to an audit log. Default: the platform's own file has it. */
  readonly record?: RecordAct
  readonly runtime?: Runtime
}

export type Outcome = {
  readonly outcome: 'done' | 'rolled back' | 'refused'
  /** Why, where it is not done. */
  readonly reasons: readonly string[]
}

export type DeployOptions = {
  /** Who asks for it. Default `unknown`. */
  readonly by?: string
  /** Told of each step, after it was written down. */
  readonly onStep?: (step: Step) => void
  /** Has the rollout go back when it aborts. */
  readonly signal?: AbortSignal
}

export type Platform = {
  readonly name: string
  /**
   * Brings a release there. A rollout that a killed deployer left is carried on when it is of this release, and else taken back first.
   * @throws {DeployError} `ROLLOUT` while another deployer works; `TARGET` when the target fails: asked again, it goes on
   */
  readonly deploy: (release: Release, options?: DeployOptions) => Promise<Outcome>
  /**
   * Has the release before the one that has the calls, or one that is named by its version or digest, take them again at once; where a rollout
   * is unfinished, that one is taken back. Answers what has them now.
   */
  readonly rollBack: (options?: DeployOptions & { readonly to?: string }) => Promise<Release>
  /** Has so many copies of the release that has the calls run. */
  readonly scale: (copies: number, options?: DeployOptions) => Promise<void>
  /** Changes the number of copies with the load, until it is stopped; not while a rollout goes on. */
  readonly autoscale: (options: AutoscaleOptions) => Autoscaling
  readonly releases: () => Promise<readonly Deployed[]>
  /** The latest rollouts with their steps, the latest first. */
  readonly rollouts: (limit?: number) => readonly (Rollout & { readonly steps: readonly Step[] })[]
  readonly close: () => void
}

/**
 * Opens the platform of an environment.
 *
 * @example
 * ```ts
 * import { dureStart, host, openPlatform } from '@dure/deploy'
 *
 * const platform = openPlatform({
 *   name: 'production',
 *   directory: '.deploy/platform',
 *   target: host({ directory: '.deploy/host', port: 8080, program: (run) => dureStart(run, { folder: `/srv/shop/${run.release.version}` }) }),
 *   secrets: { DATABASE_URL: process.env['DATABASE_URL'] },
 * })
 * console.log(await platform.releases()) // → []
 * platform.close()
 * ```
 */
export function openPlatform(options: EnvironmentOptions): Platform {
  const { name, target, directory, settings = {}, secrets = {}, runtime = realRuntime() } = options
  const shares = checkedShares(options.shares ?? [5, 25, 100])
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const records = openRecords(directory)
  const acts = createActs({ record: options.record, runtime })
  const unfinished = (): Rollout | undefined =>
    records.rollouts(1).find(({ state }) => state === 'running' || state === 'rolling back')
  const serving = async (): Promise<Deployed | undefined> =>
    (await target.list()).toSorted((a, b) => b.share - a.share).find(({ share }) => share > 0)

  /** Nobody else changes anything meanwhile; the lock goes with the process, however it ends. */
  const alone = async <T>(action: string, subject: string, by: string, work: () => Promise<T>): Promise<T> => {
    const lock = lockOf(directory, name)
    try {
      return await acts.along({ action: `deploy.${action}`, actor: by, subject, about: { environment: name } }, work)
    } finally {
      lock.release()
    }
  }
  const rolloutOf = (rollout: Rollout, { onStep = () => {}, signal }: DeployOptions): RolloutOptions => ({
    ...{ rollout, target, records, runtime, shares, onStep, signal },
    watch: options.watch ?? 60_000,
    readiness: options.readiness ?? 120_000,
    limits: { ...LIMITS, ...options.limits },
    wanted: { release: rollout.release, copies: rollout.copies, settings, secrets: present(secrets) },
  })
  /** What runs there from now on, for whoever asks whether the next one may. */
  const tellFacts = (release: Release): void => {
    if (options.facts === undefined) return
    for (const { service, version } of release.services) keepDeployment(options.facts, { service, version, to: name })
  }
  const begin = async (release: Release, by: string): Promise<Rollout> => {
    const before = await serving()
    const copies = before?.copies ?? options.copies ?? 1
    return records.begin({ release, copies, by, before: before?.release.digest, at: runtime.clock.now() })
  }
  const checked = async (rollout: Rollout, onStep: DeployOptions['onStep']): Promise<readonly string[]> => {
    const { id, release, copies } = rollout
    const before = (await target.list()).find((one) => one.release.digest === rollout.before)?.release
    const { prefix, facts } = options
    const reasons = await troubles({ release, copies, before, target, environment: name, settings, secrets, prefix, facts })
    const tell = (phase: Step['phase'], note: string): void => {
      const step = { rollout: id, name: 'check', phase, note, at: runtime.clock.now() }
      records.write(step)
      onStep?.(step)
    }
    if (reasons.length === 0) tell('done', '')
    else {
      tell('failed', reasons.join('; '))
      records.become(id, 'refused')
    }
    return reasons
  }

  const deploy: Platform['deploy'] = (release, { by = 'unknown', ...how } = {}) =>
    alone('rollout', `${release.system} ${release.version}`, by, async () => {
      let left = unfinished()
      if (left !== undefined && left.release.digest !== release.digest) {
        await goBack(rolloutOf(left, how), `its deployer ended, and ${release.version} is deployed`)
        left = undefined
      }
      if (left === undefined && (await serving())?.release.digest === release.digest) return { outcome: 'done', reasons: [] }
      const rollout = left ?? (await begin(release, by))
      if (rollout.state === 'running' && records.steps(rollout.id).every(({ name }) => name === 'check')) {
        const reasons = await checked(rollout, how.onStep)
        if (reasons.length > 0) return { outcome: 'refused', reasons }
      }
      const why = await carryOn(rolloutOf(rollout, how))
      if (why !== undefined) return { outcome: 'rolled back', reasons: [why] }
      tellFacts(release)
      return { outcome: 'done', reasons: [] }
    })
  const rollBack: Platform['rollBack'] = ({ by = 'unknown', to, ...how } = {}) =>
    alone('roll-back', to ?? 'the release before', by, async () => {
      const left = unfinished()
      if (left !== undefined) await goBack(rolloutOf(left, how), `${by} had it go back`)
      const list = await target.list()
      const now = await serving()
      const before = records
        .rollouts(1_000)
        .find((one) => one.state === 'done' && one.release.digest === now?.release.digest)?.before
      const wanted = to ?? (left === undefined ? before : now?.release.digest)
      const found = list.findLast(({ release }) => release.digest === wanted || release.version === wanted)
      if (found === undefined)
        throw new DeployError(
          'ROLLOUT',
          `Cannot roll back ${name}: ${to === undefined ? 'there is no release before' : `there is no "${to}"`}; there are ${list.map(({ release }) => release.version).join(', ') || 'none'}`,
        )
      if (found.share < 100) await target.rollBack(found.release.digest)
      tellFacts(found.release)
      return found.release
    })
  const scaleNow = async (copies: number): Promise<void> => {
    const now = await serving()
    if (now === undefined) throw new DeployError('ROLLOUT', `Cannot scale ${name}: nothing runs there; deploy a release`)
    const [why] = Object.values(now.release.alone ?? {})
    if (copies > 1 && why !== undefined)
      throw new DeployError('ROLLOUT', `Cannot scale ${name} to ${copies}: ${why}; keep its data in PostgreSQL (@dure/postgres)`)
    await target.scale(now.release.digest, copies)
  }
  return {
    ...{ name, deploy, rollBack },
    scale: (copies, { by = 'unknown' } = {}) =>
      alone('scale', `to ${copies}`, by, async () => {
        const left = unfinished()
        if (left !== undefined)
          throw new DeployError(
            'ROLLOUT',
            `Cannot scale ${name}: the rollout of ${left.release.version} is not over; deploy it again, or roll back`,
          )
        await scaleNow(copies)
      }),
    autoscale: (scaling) =>
      scaleLoop(scaling, {
        runtime,
        copies: async () => (unfinished() === undefined ? (await serving())?.copies : undefined),
        scale: (copies, why) => alone('scale', `to ${copies}`, `autoscaling: ${why}`, () => scaleNow(copies)),
      }),
    releases: target.list,
    rollouts: (limit = 20) => records.rollouts(limit).map((one) => ({ ...one, steps: records.steps(one.id) })),
    close: records.close,
  }
}

function present(secrets: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(secrets).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

function checkedShares(shares: readonly number[]): readonly number[] {
  const rising = shares.every((share, i) => Number.isInteger(share) && share > (shares[i - 1] ?? 0))
  if (rising && shares.at(-1) === 100) return shares
  throw new TypeError(`Cannot roll out by shares of ${shares.join(', ')} %: give whole numbers that grow, the last 100`)
}

/** @throws {DeployError} `ROLLOUT` while somebody else has it */
function lockOf(directory: string, name: string): { readonly release: () => void } {
  try {
    return takeLock(join(directory, 'deployer.lock'), name)
  } catch (cause) {
    const holder = cause instanceof CallError ? cause.details['holder'] : undefined
    if (typeof holder !== 'number') throw cause
    throw new DeployError(
      'ROLLOUT',
      `Cannot change ${name}: process ${holder} does so now; wait until it is done, or end it and ask again`,
      { cause },
    )
  }
}
