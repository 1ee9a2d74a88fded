import { CallError } from 'dure/contract'
import type { Random } from 'dure/runtime'
import type { Chance, Trace } from '../kernel/kernel.ts'
import type { CheckWorld, LoadWorld, Simulation } from './options.ts'
import { messageOf, Violation } from './violation.ts'

/** Users at work. */
export type RunningLoad = {
  /** Resolves when every user has made their last step. */
  readonly begin: (until: number) => Promise<void>
  readonly violation: () => Violation | undefined
  readonly made: () => readonly string[]
  readonly refused: () => number
  /** Steps that were begun and have not ended. */
  readonly inHand: () => readonly string[]
}

export function createLoad(options: {
  readonly simulation: Simulation
  readonly world: LoadWorld & Pick<CheckWorld, 'deadLetters' | 'ask'>
  readonly chance: Chance
  readonly trace: Trace
  readonly now: () => number
  readonly random: (name: string) => Random
  /** The only steps that are made; all, when undefined. */
  readonly only: ReadonlySet<string> | undefined
}): RunningLoad {
  const { world, chance, trace, now, only } = options
  const { clients = 4, pause = 1_000, step } = options.simulation.load
  const made: string[] = []
  const inHand = new Set<string>()
  let violation: Violation | undefined
  let refused = 0

  const use = async (user: number, until: number): Promise<void> => {
    const wait = chance.site(`user ${user}`)
    let due = now()
    for (let number = 0; ; number++) {
      due += wait() * pause * 2
      if (due >= until || violation !== undefined) return
      // A step has its time, whatever became of those before it: so leaving one out does not move the others.
      if (now() > due) continue
      await world.sleep(due - now())
      const name = `user ${user} step ${number}`
      if (only?.has(name) === false) continue
      trace.add(now(), 'clients', 'step', name)
      made.push(name)
      inHand.add(name)
      try {
        await step({ ...world, user, number, random: options.random(name) })
      } catch (error) {
        refused++
        // A status is an answer; anything else is a finding of the step's own.
        if (!(error instanceof CallError)) violation ??= new Violation('what users see', messageOf(error))
        else trace.add(now(), 'clients', 'was refused', `${name} ${error.code}`)
      } finally {
        inHand.delete(name)
      }
    }
  }

  return {
    begin: async (until) => void (await Promise.all(Array.from({ length: clients }, (_, user) => use(user, until)))),
    violation: () => violation,
    made: () => made,
    refused: () => refused,
    inHand: () => [...inHand],
  }
}
