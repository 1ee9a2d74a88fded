/** `dure choose`: which way to communicate, for people and for programs. */
import { CliError, EXIT, layoutOf, say, type Shell } from '../shell.ts'
import type { Measured } from './measure/measure.ts'
import { PLAIN, type Lang, type Need, type Question } from './needs.ts'
import { STYLES } from './styles.ts'
import { choiceText, measuredText } from './text.ts'
import { choiceJson, tell } from './told.ts'

export { ALL_NEEDS, COMPLEXITIES, INDEPENDENCES, NEEDS } from './needs.ts'

/** What a command line says; nothing of it must be. */
export type Asked = Partial<Omit<Question, 'needs'>> & {
  readonly need?: readonly Need[]
  readonly measure?: boolean
  readonly seconds?: number
  readonly lang?: Lang
}

export type Chosen = { readonly json: unknown; readonly text: string }

/** @throws {CliError} where nothing is said, and nobody can be asked */
export async function chooseStyle(
  shell: Shell,
  { lang = languageOf(shell), measure = false, seconds = 1, ...asked }: Asked,
): Promise<Chosen> {
  const page = { lang, ...layoutOf(shell) }
  const measured = measure ? await measureAll(shell, seconds) : undefined
  // Who has everything measured and says nothing else wants the numbers.
  const question = saidIn(asked) ?? (measured === undefined ? await askedOf(shell, lang) : undefined)
  const styles = measured === undefined ? STYLES : (await import('./measure/measure.ts')).withMeasured(STYLES, measured)
  const told = question && tell(question, styles)
  return {
    json: { ...(measured && { measured }), ...(told && (choiceJson(told, lang) as object)) },
    text: [measured && measuredText(measured, page), told && choiceText(told, page)].filter(Boolean).join('\n\n'),
  }
}

async function measureAll(shell: Shell, seconds: number): Promise<readonly Measured[]> {
  // It brings the doors along, which nothing else here needs.
  const { measure } = await import('./measure/measure.ts')
  return measure({ seconds, progress: (style) => say(shell, `Measuring ${style}`) })
}

export function languageOf({ process: { env } }: Shell): Lang {
  return (env['LC_ALL'] || env['LANG'] || '').startsWith('ko') ? 'ko' : 'en'
}

function saidIn({ need, responseTime, throughput, complexity, independence }: Asked): Question | undefined {
  const all = { needs: need, responseTime, throughput, complexity, independence }
  const said = Object.entries(all).filter(([, value]) => value !== undefined)
  return said.length === 0 ? undefined : { ...PLAIN, ...Object.fromEntries(said) }
}

async function askedOf(shell: Shell, lang: Lang): Promise<Question> {
  if (!shell.interactive) {
    const why =
      'Cannot choose: nothing is said of what is needed, and nobody can be asked here; say it, as in "dure choose --need answer,browser"'
    throw new CliError(why, { exitCode: EXIT.misuse })
  }
  const { askQuestion } = await import('./ask.ts')
  return askQuestion(lang)
}
