/** `npm run chaos -- gateway`: what whoever reads and buys through an API gateway notices of copies killed and frozen, of new routes, and of the port handed on. */
import { numberFlag } from '../../workload/flags.ts'
import { chaosProgram, PLACES } from '../program.ts'
import { runGateway } from './run.ts'
import { verdictsOf } from './verdicts.ts'

const FLAGS = {
  rounds: numberFlag({
    help: 'How often a copy is killed, drained, routes change, the port is handed on',
    fallback: 5,
    least: 1,
  }),
  freeze: numberFlag({ help: 'Seconds that a copy stands still', fallback: 5, least: 1, most: 60 }),
  concurrency: numberFlag({ help: 'Transactions outstanding at any time', fallback: 8, least: 1, most: 1_000 }),
  seed: numberFlag({ help: 'Seed of the load', fallback: 1 }),
  ...PLACES,
}

const ABOUT = `
The marketplace with a process for each service and three HTTP doors, and "dure gateway --supervised" before these. While customers buy
and others only read, copies of the door are killed (-9), frozen and drained, the gateway's routes change, and its port is handed to a
successor: of what may be repeated nothing may fail, or take longer than it has; and every invariant of the workload must hold.`

/** @throws {FlagError} */
export function main(words: readonly string[]): Promise<number> {
  return chaosProgram({
    ...{ name: 'gateway', words, flags: FLAGS, about: ABOUT },
    run: (flags, world) => runGateway({ ...flags, ...world }),
    verdicts: verdictsOf,
    more: ({ complaints }) => Object.entries(complaints).map(([what, count]) => `  ${count} × ${what}`),
  })
}
