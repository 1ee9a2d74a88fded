/**
 * A target whose copies are at ports of this machine, behind one gateway: all of the port but how a copy is started and stopped, which a
 * `CopyHost` knows. What is meant to be is written down before it is done, so whoever comes after a killed deployer finds it.
 */
import { mkdirSync } from 'node:fs'
import { realRuntime, type Runtime } from 'dure/runtime'
import { createCopies, type CopyHost } from './copies.ts'
import { writeAtomically } from './detached.ts'
import { frontDoor } from './front-door.ts'
import type { Target } from './port.ts'
import { describedTrouble, environmentProblems, idOf, shareProblems } from './wanted.ts'

export type BehindGatewayOptions = {
  /** Where it keeps what is meant to run, and the copies their folders. One target a directory. */
  readonly directory: string
  /** Where callers come, on `host` (default 127.0.0.1: this machine only). */
  readonly port: number
  readonly host?: string
  /** Milliseconds that copies may take to get ready. Default 60,000. */
  readonly readiness?: number
  /** What a copy is asked whether it is ready. Default `/health/ready`. */
  readonly readyPath?: string
  readonly runtime?: Runtime
}

/** A target of this machine, and a way to end all of it. */
export type BehindGateway = Target & { readonly stop: () => Promise<void> }

/**
 * Makes a target of this machine from what knows how to run a copy of a release at a port.
 *
 * @example
 * ```ts
 * import { behindGateway } from '@dure/deploy'
 *
 * const target = behindGateway(
 *   {
 *     name: 'nothing',
 *     start: async ({ name, port }) => console.log(`${name} would listen on ${port}`),
 *     stop: async () => {},
 *     state: async () => ({ state: 'ended', restarts: 0 }),
 *   },
 *   { directory: '.nothing', port: 8080 },
 * )
 * console.log(target.name, await target.list()) // → nothing []
 * ```
 */
export function behindGateway(copies: CopyHost, options: BehindGatewayOptions): BehindGateway {
  const {
    directory,
    port,
    host = '127.0.0.1',
    readiness = 60_000,
    readyPath = '/health/ready',
    runtime = realRuntime(),
  } = options
  const { timers } = runtime
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const front = frontDoor({ directory, host, port, timers })
  const { read, keep, find, tellFront, runOf, healthOf, bring, take, ready, environmentFile } = createCopies(copies, {
    ...{ directory, readyPath, readiness, front, runtime },
  })

  const plan: Target['plan'] = async (wanted) => {
    const refused = [...environmentProblems(wanted), ...((await copies.refused?.(wanted)) ?? [])]
    const there = read().find(({ release }) => release.digest === wanted.release.digest)?.places.length ?? 0
    const { system, version } = wanted.release
    const more = wanted.copies - there
    return { refused, changes: more > 0 ? [`start ${more} of ${system} ${version}, which take no calls yet`] : [] }
  }
  const apply: Target['apply'] = async (wanted) => {
    const { release } = wanted
    const { refused } = await plan(wanted)
    if (refused.length > 0) throw describedTrouble(`apply ${release.system} ${release.version}`, refused)
    writeAtomically(environmentFile(release), JSON.stringify({ ...wanted.settings, ...wanted.secrets }))
    const entries = read()
    if (!entries.some((one) => one.release.digest === release.digest))
      keep([...entries, { release, share: 0, places: [], leaving: [], last: wanted.copies }])
    await bring(release.digest, Math.max(wanted.copies, find(release.digest).places.length))
    await tellFront()
  }
  const shift: Target['shift'] = async (shares) => {
    const entries = read()
    const given = Object.entries(shares).filter(([, share]) => share !== 0)
    const problems = shareProblems(shares, (digest) => find(digest, entries).places.length > 0)
    if (problems.length > 0) throw describedTrouble('share the calls', problems)
    keep(entries.map((one) => ({ ...one, share: shares[one.release.digest] ?? 0 })))
    for (const [digest] of given) take(digest)
    await tellFront()
  }
  const scale: Target['scale'] = async (digest, count) => {
    const { release, share, places } = find(digest)
    const problems = count === 0 ? [] : environmentProblems({ copies: count })
    const taking = count === 0 && share > 0 ? [`it takes ${share} % of the calls; give them to others first`] : []
    const refused = [...problems, ...taking, ...((count > 0 && (await copies.refused?.({ release, copies: count }))) || [])]
    if (refused.length > 0) throw describedTrouble(`scale ${release.system} ${release.version}`, refused)
    await bring(digest, count)
    if (count <= places.length) return
    try {
      await ready(digest)
    } catch (error) {
      await bring(digest, places.length)
      throw error
    }
    if (share > 0) take(digest)
    await tellFront()
  }
  const rollBack: Target['rollBack'] = async (digest) => {
    const { places, last } = find(digest)
    // Also where it has all that it needs: some may have ended.
    await bring(digest, places.length === 0 ? last : places.length)
    try {
      await ready(digest)
    } catch (error) {
      await bring(digest, places.length)
      throw error
    }
    await shift({ [digest]: 100 })
    for (const { release } of read()) if (release.digest !== digest) await bring(release.digest, 0)
  }
  return {
    ...{ name: copies.name, plan, apply, shift, scale, rollBack },
    health: async (digest) => {
      const { release, places } = find(digest)
      const calls = (await front.counts())[idOf(release)]
      return { copies: await Promise.all(places.map((place) => healthOf(release, place))), ...(calls !== undefined && { calls }) }
    },
    list: async () => read().map(({ release, share, places }) => ({ release, share, copies: places.length })),
    stop: async () => {
      await front.stop()
      for (const { release, places, leaving } of read())
        await Promise.all([...places, ...leaving].map((place) => copies.stop(runOf(release, place))))
      keep([])
    },
  }
}
