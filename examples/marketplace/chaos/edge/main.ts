/** `npm run chaos -- edge`: what callers of two copies notice when one is killed, one stands still, and far too much is asked. */
import { numberFlag, switchFlag } from '../../workload/flags.ts'
import { chaosProgram, PLACES } from '../program.ts'
import { runEdge } from './edge.ts'
import { UNGUARDED } from './shop.ts'
import { verdictsOf } from './verdicts.ts'

const FLAGS = {
  kills: numberFlag({ help: 'How often a copy is killed', fallback: 6, least: 1, most: 1_000 }),
  freeze: numberFlag({ help: 'Seconds that a copy stands still', fallback: 4, least: 1, most: 25 }),
  seconds: numberFlag({ help: 'Seconds for which three times the capacity is offered', fallback: 10, least: 1 }),
  deadline: numberFlag({ help: 'Milliseconds each call has', fallback: 1_000, least: 100 }),
  places: numberFlag({ help: 'Calls a copy works on at once', fallback: 16, least: 1 }),
  work: numberFlag({ help: 'Milliseconds one takes it', fallback: 200, least: 1 }),
  unguarded: switchFlag('Call without any policy, to see what they are for'),
  seed: numberFlag({ help: 'Seed of the load', fallback: 1 }),
  ...PLACES,
}

const ABOUT = `
Two copies of the marketplace's carts under load, with PostgreSQL, on one machine. One after the other is killed (-9): no
call may fail, all of them may be made twice. One stands still: nobody may wait past the deadline, it is left out, and called
again when it goes on. Then three times as much is asked as both can do: as much as they can do must be answered, and of
those who buy nearly all, while others are shed.`

/** @throws {FlagError} */
export function main(words: readonly string[]): Promise<number> {
  return chaosProgram({
    ...{ name: 'edge', words, flags: FLAGS, about: ABOUT },
    run: ({ unguarded, places, work, ...flags }, world) =>
      runEdge({ ...flags, ...world, ...(unguarded ? { policies: UNGUARDED } : {}), work: { places, ms: work } }),
    verdicts: (result, { deadline }) => verdictsOf(result, deadline),
  })
}
