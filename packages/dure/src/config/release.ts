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
  /** `superseded`: the sources changed once more while it was tried. */
  readonly outcome: 'trying' | 'released' | 'rolled back' | 'superseded'
  /** Who had it done; undefined: the sources changed, or it did not go well. */
  readonly by?: string | undefined
  /** Of one that was rolled back. */
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
 * What is known by a system that was ended whole and starts again with this content. What was tried then is rolled back; what the
 * sources have is a release of its own, unless it counted before.
 */
export function resumed(known: ReleaseState, content: ConfigContent, now: number): ReleaseState {
  const releases = withoutTried(known.releases)
  if (currentOf({ releases }).mark === content.mark) return { ...known, releases }
  const number = releases.at(-1)!.number + 1
  const started = { number, since: now, of: 'start', outcome: 'released', keys: [], mark: content.mark, content } as const
  return { ...known, releases: [...releases, started] }
}

/** What counts in place of what the sources have, because that was rolled back before the system ended. */
export function insteadOf(known: ReleaseState, content: ConfigContent): ConfigContent | undefined {
  const releases = withoutTried(known.releases)
  return rolledBack({ releases }, content.mark) === undefined ? undefined : currentOf({ releases }).content
}

/** Whoever tried it looks at it no more. */
export function withoutTried(releases: readonly StoredRelease[]): readonly StoredRelease[] {
  const tried = triedOf({ releases })
  const why = ['The process that led it has ended, or was away']
  return tried === undefined ? releases : ended(releases, tried.number, { outcome: 'rolled back', why })
}
