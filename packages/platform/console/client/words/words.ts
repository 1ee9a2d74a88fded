/** Every text of the console, in the reader's language. */
import { language } from '../settings.ts'
import { en } from './en.ts'
import { fill, type Given } from './fill.ts'
import { ko } from './ko.ts'

export type Word = keyof typeof en

const tables: Readonly<Record<'en' | 'ko', Readonly<Record<Word, string>>>> = { en, ko }

/** The text of a word, with what is given in its places. */
export const t = (word: Word, given: Given = {}): string => fill(tables[language.value][word], given)

/** Whether there is a text of this name: servers name states that may have none. */
export function known(word: string): word is Word {
  return Object.hasOwn(en, word)
}

/** A state, kind or level as a server names it, in words where there are some. */
export function tell(kind: string, name: string): string {
  const word = `${kind}.${name}`
  return known(word) ? t(word) : name
}
