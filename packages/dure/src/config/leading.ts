import { describeThrown } from '../contract/internal.ts'
import { currentOf, trimmed, withoutTried, type StoredRelease, type ReleaseState } from './release.ts'
import type { Participant, Step } from './participant.ts'
import type { Fleet, Member } from './fleet.ts'

/** What members said, by their ids: why they do not have what they were to have. */
export type Said = ReadonlyMap<string, readonly string[]>

/** The word of the one process that leads, and whether it is heard. */
export type Leading = {
  readonly state: () => ReleaseState
  /** Whether this process is the one that should lead, and whether it does. */
  readonly isDue: () => boolean
  readonly isHeard: () => boolean
  /** Finds out what was said before, and takes over; what was being tried then is rolled back. */
  readonly adopt: () => Promise<void>
  /** Tells those who have not heard yet. */
  readonly greet: () => Promise<void>
  readonly isComplete: () => boolean
  /** Tells all what is known from now on, and each what it is to have. */
  readonly say: (
    releases: readonly StoredRelease[],
    first?: { readonly of: StoredRelease; readonly by: readonly Member[] },
  ) => Promise<Said>
  readonly leave: () => void
}

/** How what could not be told begins. */
export const UNHEARD = 'It does not answer'

export function createLeading(options: {
  readonly id: string
  readonly participant: Participant
  readonly fleet: Fleet
  /** Before anybody is told of it. */
  readonly keep: (state: ReleaseState) => Promise<void>
}): Leading {
  const { id, participant, fleet, keep } = options
  /** Who knows what was said last. */
  const greeted = new Set<string>()
  let heard = false

  const tell = async (member: Member, step: Step): Promise<readonly string[]> => {
    try {
      const { turn, problems } = await member.step(step)
      // Somebody else leads as well, or has led: what he said is found out first.
      if (turn !== step.state.turn) heard = false
      else greeted.add(member.id)
      return problems
    } catch (error) {
      return [`${UNHEARD}: ${describeThrown(error).message}`]
    }
  }
  const say: Leading['say'] = async (releases, first) => {
    greeted.clear()
    const state: ReleaseState = { turn: participant.state().turn + 1, leader: id, releases: trimmed(releases) }
    const own: Step = { state, want: currentOf(state).number, first: false }
    await keep(state)
    const said = fleet.members().map(async (member): Promise<readonly [string, readonly string[]]> => {
      const isFirst = first?.by.some((one) => one.id === member.id) === true
      return [member.id, await tell(member, isFirst ? { state, want: first!.of.number, first: true } : own)]
    })
    return new Map(await Promise.all(said))
  }
  return {
    state: participant.state,
    isDue: () => fleet.members()[0]?.id === id,
    isHeard: () => heard,
    adopt: async () => {
      const states = await Promise.all(fleet.members().map((member) => member.state().catch(() => undefined)))
      const latest = states.reduce<ReleaseState>((a, b) => (b !== undefined && b.turn > a.turn ? b : a), participant.state())
      await participant.step({ state: latest, want: currentOf(latest).number, first: false })
      heard = true
      await say(withoutTried(latest.releases))
    },
    greet: async () => {
      const state = participant.state()
      const step: Step = { state, want: currentOf(state).number, first: false }
      const present = fleet.members()
      for (const known of greeted) if (!present.some((member) => member.id === known)) greeted.delete(known)
      await Promise.all(present.filter((member) => !greeted.has(member.id)).map((member) => tell(member, step)))
    },
    isComplete: () => heard && fleet.members().every((member) => greeted.has(member.id)),
    say,
    leave: () => {
      heard = false
      greeted.clear()
    },
  }
}
