import type { ConfigSnapshot } from './source.ts'

/** What the sources that processes share have at one moment, by their names. */
export type ConfigContent = { readonly mark: string; readonly snapshots: ReadonlyMap<string, ConfigSnapshot> }

/** A change of settings on its way to the processes of a system, or one that came there. */
export type ConfigRelease = {
  /** From 1 on, in this data directory. */
  readonly number: number
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly of: 'start' | 'change' | 'rollback'
  /** `superseded`: the sources changed once more while it was tried, or all processes ended and it is tried again, as `why` says. */
  readonly outcome: 'trying' | 'released' | 'rolled back' | 'superseded'
  /** Who had it done; undefined: the sources changed, or it did not go well. */
  readonly by?: string | undefined
  /** Of one that did not come to all. */
  readonly why?: readonly string[] | undefined
  /** Of a rollback: the release whose settings count again. */
  readonly to?: number | undefined
  /** What it changed, 50 of them at most. */
  readonly keys: readonly string[]
}

/** What it brings is kept of the last ones, for a rollback. */
export type StoredRelease = ConfigRelease & { readonly mark: string; readonly content?: ConfigContent | undefined }

/** What all processes of a system know of its releases. `turn` counts what they were told, so that who was slow is not believed. */
export type ReleaseState = { readonly turn: number; readonly leader: string; readonly releases: readonly StoredRelease[] }

/** Releases that are known, and those that can be gone back to. */
const KNOWN = 20
const STORED = 5
/** How often one is tried in the midst of which all processes end. */
const TRIES = 3

export function currentOf({ releases }: Pick<ReleaseState, 'releases'>): StoredRelease {
  return releases.findLast(({ outcome }) => outcome === 'released')!
}

/** What is tried in some processes; undefined when nothing is. */
export function triedOf({ releases }: Pick<ReleaseState, 'releases'>): StoredRelease | undefined {
  const last = releases.at(-1)
  return last?.outcome === 'trying' ? last : undefined
}

/** The release that brought this and was rolled back; undefined when it may be tried. */
export function rolledBack({ releases }: Pick<ReleaseState, 'releases'>, mark: string): StoredRelease | undefined {
  const last = releases.findLast((one) => one.mark === mark)
  return last?.outcome === 'rolled back' ? last : undefined
}

/** Where a rollback goes: to the release of this number, or to the last one with other settings. */
export function rollbackTarget(state: Pick<ReleaseState, 'releases'>, to: number | undefined): StoredRelease | undefined {
  const now = currentOf(state)
  if (triedOf(state) !== undefined && to === undefined) return now
  return state.releases.findLast(
    (one) =>
      one.content !== undefined &&
      one.outcome === 'released' &&
      (to === undefined ? one.mark !== now.mark && one.number < now.number : one.number === to),
  )
}

/** The same releases with what is known now of one of them. */
export function ended(
  releases: readonly StoredRelease[],
  number: number,
  how: Partial<Pick<ConfigRelease, 'outcome' | 'why' | 'by'>>,
): readonly StoredRelease[] {
  return releases.map((one) => (one.number === number ? { ...one, ...how } : one))
}

/** With no more than is worth telling to others. */
export function trimmed(releases: readonly StoredRelease[]): readonly StoredRelease[] {
  const current = currentOf({ releases })
  return releases.flatMap((one, i) => {
    const after = releases.length - i
    if (after <= STORED || one === current) return [one]
    const { content: _, ...known } = one
    return after <= KNOWN ? [known] : []
  })
}

/** What people are told of it. */
export function shown({ content: _, mark: __, ...release }: StoredRelease): ConfigRelease {
  return release
}

/**
 * What is known by a system that was ended whole, and starts again while its sources have what this marks. What was tried then is tried
 * again, and rolled back when that has happened three times: it may be why all ended.
 */
export function afterEnd(known: ReleaseState, mark: string): ReleaseState {
  const tried = triedOf(known)
  if (tried === undefined) return known
  const others = known.releases.slice(0, -1)
  const cut = others.length - 1 - others.findLastIndex((one) => one.mark !== mark || one.outcome !== 'superseded')
  const why = 'All processes ended while it was tried'
  const how =
    tried.mark !== mark
      ? ({ outcome: 'superseded' } as const)
      : cut + 1 < TRIES
        ? ({ outcome: 'superseded', why: [`${why}; it is tried again`] } as const)
        : ({ outcome: 'rolled back', why: [`${why}, ${TRIES} times`] } as const)
  return { ...known, releases: ended(known.releases, tried.number, how) }
}

/** What counts at a start in place of what the sources have: that was not well, or nobody knows yet whether it is. */
export function insteadOf({ releases }: ReleaseState, { mark }: ConfigContent): ConfigContent | undefined {
  const last = releases.findLast((one) => one.mark === mark)
  return last === undefined || last.outcome === 'released' ? undefined : currentOf({ releases }).content
}

/** The same once this content counts: a release of its own, unless it is what counted before. */
export function resumed(known: ReleaseState, content: ConfigContent, now: number): ReleaseState {
  const { releases } = known
  if (currentOf(known).mark === content.mark) return known
  const number = releases.at(-1)!.number + 1
  const started = { number, since: now, of: 'start', outcome: 'released', keys: [], mark: content.mark, content } as const
  return { ...known, releases: [...releases, started] }
}

/** Whoever tried it looks at it no more. */
export function withoutTried(releases: readonly StoredRelease[]): readonly StoredRelease[] {
  const tried = triedOf({ releases })
  const why = ['The process that led it has ended, or was away']
  return tried === undefined ? releases : ended(releases, tried.number, { outcome: 'rolled back', why })
}
