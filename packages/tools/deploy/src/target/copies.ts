/** The copies of releases on a machine: what is meant to run, written down before it is done, and what does. */
import { join } from 'node:path'
import { freePort } from '@dure/testing/servers'
import type { Runtime } from 'dure/runtime'
import type { Release } from '../release.ts'
import { readJson, writeAtomically } from './detached.ts'
import type { FrontDoor } from './front-door.ts'
import type { CopyHealth, Wanted } from './port.ts'
import { describedTrouble, idOf } from './wanted.ts'

/** A copy that is to run. */
export type CopyRun = {
  /** Of letters, digits and `-`: of the release, and which copy of it. */
  readonly name: string
  readonly release: Release
  /** Of 127.0.0.1: where it has to take calls, and answer `/health/ready`. */
  readonly port: number
  /** Its own, which stays as long as the release is on the list. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
}

/** `ended`: it does not run and will not by itself. */
export type CopyState = { readonly state: 'running' | 'ended'; readonly restarts: number; readonly reason?: string }

/** How copies are run: processes, containers, units. */
export type CopyHost = {
  readonly name: string
  /** Why it would not run this. */
  readonly refused?: (wanted: Wanted) => Promise<readonly string[]> | readonly string[]
  /** Starts one that does not run; resolves before it is ready. */
  readonly start: (run: CopyRun) => Promise<void>
  /** Has it finish what is under way, and end. */
  readonly stop: (run: Pick<CopyRun, 'name' | 'folder'>) => Promise<void>
  readonly state: (run: Pick<CopyRun, 'name' | 'folder'>) => Promise<CopyState>
}

/** `taking`: it was ready, so that it gets calls. */
type Place = { readonly number: number; readonly port: number; readonly taking: boolean }
/** A release that is meant to be here. */
export type Entry = {
  readonly release: Release
  readonly share: number
  readonly places: readonly Place[]
  /** Those that get no calls any more, until they have ended. */
  readonly leaving: readonly Place[]
  /** How many copies it had when it last had some. */
  readonly last: number
}

export type Copies = {
  readonly read: () => readonly Entry[]
  readonly keep: (entries: readonly Entry[]) => void
  /** @throws {DeployError} `TARGET` for a release that is not there */
  readonly find: (digest: string, entries?: readonly Entry[]) => Entry
  readonly tellFront: () => Promise<void>
  readonly runOf: (release: Release, place: Place) => CopyRun
  readonly healthOf: (release: Release, place: Place) => Promise<CopyHealth>
  /** Brings the copies of a release to a number, in what is meant to be and then in fact. */
  readonly bring: (digest: string, count: number) => Promise<void>
  /** Has all copies of a release take calls, when the front is told next. */
  readonly take: (digest: string) => void
  /** Resolves when all copies of a release are ready. @throws {DeployError} `TARGET` when they do not get so */
  readonly ready: (digest: string) => Promise<void>
  /** Where the settings and secrets of a release are kept, for its owner alone. */
  readonly environmentFile: (release: Release) => string
}

/** @param options `readyPath`, `readiness`: as `behindGateway` takes them */
export function createCopies(
  host: CopyHost,
  options: {
    readonly directory: string
    readonly readyPath: string
    readonly readiness: number
    readonly front: FrontDoor
    readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  },
): Copies {
  const { directory, readyPath, readiness, front, runtime } = options
  const { clock, timers } = runtime
  const file = join(directory, 'target.json')
  const read = (): readonly Entry[] => readJson<readonly Entry[]>(file) ?? []
  const keep = (entries: readonly Entry[]): void => writeAtomically(file, JSON.stringify(entries))
  const nameOf = (release: Release, { number }: Place): string => `${idOf(release)}-${number}`
  const folderOf = (release: Release, place: Place): string => join(directory, 'copies', nameOf(release, place))
  const environmentFile = (release: Release): string => join(directory, `${idOf(release)}.environment.json`)
  const find = (digest: string, entries = read()): Entry => {
    const entry = entries.find(({ release }) => release.digest === digest)
    if (entry === undefined)
      throw describedTrouble(`find the release ${digest} on the ${host.name}`, [`it was never applied here; deploy it`])
    return entry
  }
  const change = (digest: string, how: Partial<Entry>): Entry => {
    const entries = read()
    const next = { ...find(digest, entries), ...how }
    keep(entries.map((one) => (one.release.digest === digest ? next : one)))
    return next
  }
  const tellFront = (): Promise<void> =>
    front.tell(
      read().map(({ release, share, places }) => ({
        ...{ id: idOf(release), share },
        addresses: places.filter(({ taking }) => taking).map((place) => `127.0.0.1:${place.port}`),
      })),
    )
  const runOf = (release: Release, place: Place): CopyRun => ({
    ...{ name: nameOf(release, place), release, port: place.port, folder: folderOf(release, place) },
    environment: readJson<Record<string, string>>(environmentFile(release)) ?? {},
  })
  const healthOf = async (release: Release, place: Place): Promise<CopyHealth> => {
    const run = runOf(release, place)
    const { state, ...about } = await host.state(run)
    if (state === 'ended') return { name: run.name, state, ...about }
    const why = await asked(`http://127.0.0.1:${place.port}${readyPath}`)
    if (why === undefined) return { ...about, name: run.name, state: 'ready' }
    return { reason: why.text, ...about, name: run.name, state: why.answered ? 'unready' : 'starting' }
  }
  /** Ends what gets no calls any more; also what a deployer left that was killed before it had. */
  const endLeaving = async (digest: string): Promise<void> => {
    const { release, leaving } = find(digest)
    if (leaving.length === 0) return
    await tellFront()
    await Promise.all(leaving.map((place) => host.stop(runOf(release, place))))
    change(digest, { leaving: [] })
  }
  const bring = async (digest: string, count: number): Promise<void> => {
    // A copy that comes has the folder of one that goes.
    await endLeaving(digest)
    const { release, places } = find(digest)
    const added: Place[] = []
    for (let number = places.length + 1; number <= count; number++) added.push({ number, port: await freePort(), taking: false })
    // Before they are started: who comes after a killed deployer knows of all that may run.
    const next = change(digest, {
      ...{ places: [...places.slice(0, count), ...added], leaving: places.slice(count) },
      ...(count > 0 && { last: count }),
    })
    for (const place of next.places) await host.start(runOf(release, place))
    await endLeaving(digest)
  }
  const take = (digest: string): void =>
    void change(digest, { places: find(digest).places.map((place) => ({ ...place, taking: true })) })
  const ready = async (digest: string): Promise<void> => {
    const { release, places } = find(digest)
    const until = clock.monotonic() + readiness
    for (;;) {
      const all = await Promise.all(places.map((place) => healthOf(release, place)))
      const wrong = all.filter(({ state }) => state !== 'ready')
      if (wrong.length === 0) return
      if (all.some(({ state }) => state === 'ended') || clock.monotonic() > until)
        throw describedTrouble(
          `have ${release.system} ${release.version} take calls`,
          wrong.map(({ name, state, reason = 'it says nothing' }) => `copy ${name} is ${state}: ${reason}`),
        )
      await timers.sleep(20)
    }
  }

  return { read, keep, find, tellFront, runOf, healthOf, bring, take, ready, environmentFile }
}

/** Milliseconds that a copy may take to say whether it is ready. */
const ANSWER = 2_000

/** Why a copy is not ready; undefined when it is. */
async function asked(url: string): Promise<{ readonly answered: boolean; readonly text: string } | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER) })
    const text = (await answer.text()).slice(0, 300)
    return answer.status === 200 ? undefined : { answered: true, text: `it answers ${answer.status}: ${text}` }
  } catch (error) {
    const { cause, message } = error as Error & { readonly cause?: { readonly code?: string } }
    return { answered: false, text: `it does not answer (${cause?.code ?? message})` }
  }
}
