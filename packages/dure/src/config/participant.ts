import type { Steered } from './steered.ts'
import type { ReleaseState } from './release.ts'

/** What a process is told of releases, and which of them is to count there. */
export type Step = {
  readonly state: ReleaseState
  readonly want: number
  /** It is among the first who have it. */
  readonly first: boolean
}

/** `turn`: of what this process knows now. `problems`: why it does not have what it was to have. */
export type Stepped = { readonly turn: number; readonly problems: readonly string[] }

/** What one process knows and does of releases. */
export type Participant = {
  readonly state: () => ReleaseState
  readonly step: (step: Step) => Promise<Stepped>
}

/** @param begun what it starts with; undefined: what its sources have, which is the first release */
export function createParticipant(options: {
  readonly steered: Steered
  readonly id: string
  readonly now: number
  readonly begun: ReleaseState | undefined
}): Participant {
  const { steered, id, now } = options
  const content = steered.now()
  let state: ReleaseState = options.begun ?? {
    turn: 1,
    leader: id,
    releases: [{ number: 1, since: now, of: 'start', outcome: 'released', keys: [], mark: content.mark, content }],
  }
  let last: Promise<unknown> = Promise.resolve()

  const take = async ({ state: told, want, first }: Step): Promise<Stepped> => {
    const isLate = told.turn < state.turn || (told.turn === state.turn && told.leader !== state.leader)
    if (isLate) return { turn: state.turn, problems: [`It was told of something else already, by "${state.leader}"`] }
    state = told
    const { content } = told.releases.find(({ number }) => number === want) ?? {}
    const isThere = content === undefined || content.mark === steered.now().mark
    return { turn: state.turn, problems: isThere ? [] : await steered.take(content, { first }) }
  }
  return {
    state: () => state,
    // One after the other, as they were told.
    step: (step) => {
      const next = last.then(() => take(step))
      last = next.catch(() => {})
      return next
    },
  }
}
