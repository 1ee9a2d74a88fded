/** `npm run chaos -- identity`: what users and programs notice at a gateway when the stores of their sessions, and the issuer of their tokens, are killed. */
import { numberFlag } from '../../workload/flags.ts'
import { chaosProgram, PLACES } from '../program.ts'
import { runIdentity } from './run.ts'
import { verdictsOf } from './verdicts.ts'

const FLAGS = {
  seconds: numberFlag({ help: 'For which each of them is away', fallback: 4, least: 1, most: 60 }),
  readers: numberFlag({ help: 'Who asks at any time with each of the three', fallback: 4, least: 1, most: 100 }),
  ...PLACES,
}

const ABOUT = `
A gateway in a process of its own lets in by sessions in Redis, by sessions in Memcached, and by tokens. While some ask with each of them,
Redis, Memcached and the issuer of the tokens are killed (-9) one after the other, and started again. Whom it concerns is refused with
503 within the time that a store has, the others notice nothing, tokens whose keys are known are good on, and afterwards all is as the guides say.`

/** @throws {FlagError} */
export function main(words: readonly string[]): Promise<number> {
  return chaosProgram({
    ...{ name: 'identity', words, flags: FLAGS, about: ABOUT },
    run: (flags, world) => runIdentity({ ...flags, ...world }),
    verdicts: verdictsOf,
  })
}
