/** `npm run chaos -- settings`: what calls notice of changes of settings, of bad ones and of a secret that is rotated. */
import { numberFlag } from '../../workload/flags.ts'
import { chaosProgram, PLACES } from '../program.ts'
import { runSettings } from './run.ts'
import { verdictsOf } from './verdicts.ts'

const FLAGS = {
  readers: numberFlag({ help: 'Who calls at any time', fallback: 4, least: 1, most: 100 }),
  ...PLACES,
}

const ABOUT = `
A shop in processes of its own, three of them copies of the service that has its settings changed under load: to a provider with which the
service would not be ready, to one whose calls fail, and to another secret, which is rolled back in the end. What is bad goes back by itself and costs no call;
a release that was tried when the supervisor was killed goes on at the next start; and the bytes of all secrets are in no log, span, letter, file or database.`

/** @throws {FlagError} */
export function main(words: readonly string[]): Promise<number> {
  return chaosProgram({
    ...{ name: 'settings', words, flags: FLAGS, about: ABOUT },
    run: (flags, world) => runSettings({ ...flags, ...world }),
    verdicts: verdictsOf,
  })
}
