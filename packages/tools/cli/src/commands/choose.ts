import type { Command } from '@stricli/core'
import { ALL_NEEDS, COMPLEXITIES, INDEPENDENCES, NEEDS, PLAIN, type Lang, type Need, type Question } from '../choose/needs.ts'
import { STYLES } from '../choose/styles.ts'
import type { Measured } from '../choose/measure/measure.ts'
import { choiceText, measuredText } from '../choose/text.ts'
import { choiceJson, tell } from '../choose/told.ts'
import { CliError, EXIT, layoutOf, say, type Shell } from '../shell.ts'
import { defineCommand, jsonFlag, parsedFlag, printResult, switchFlag, wholeNumber } from './parameters.ts'

type Flags = Partial<Pick<Question, 'throughput' | 'responseTime' | 'complexity' | 'independence'>> & {
  readonly need?: readonly Need[]
  readonly lang?: Lang
  readonly measure?: boolean
  readonly seconds?: number
  readonly json?: boolean
}

const LANGS = ['en', 'ko'] as const

export const chooseCommand: Command<Shell> = defineCommand({
  brief: 'Help to choose how services talk to each other and to the world',
  help: `
        Chooses among a local call, the binary call between processes, REST, gRPC, GraphQL, WebSocket, lines over TCP, events and queues,
        Thrift, mail, SOAP and datagrams: the simplest that meets all that is asked. It says why, what it costs, what speaks against it,
        and what would change it. Where somebody sits at a terminal and nothing is said, it asks.

        With --measure a small contract is called over each of them on this machine, client and server in one process, one call at a
        time and then 16: how long 50 and 99 of 100 take, calls a second, bytes on the wire. Numbers given beside it choose by these.

        Needs, by what the system is to do: ${ALL_NEEDS.map((need) => `${need} (${NEEDS[need].en})`).join(', ')}.`,
  examples: [
    'dure choose',
    'dure choose --need answer,browser --response-time 50',
    'dure choose --need tell --independence time --lang ko',
    'dure choose --need answer --independence release --throughput 5000 --json',
    'dure choose --measure',
  ],
  flags: {
    responseTime: parsedFlag(wholeNumber(0, 86_400_000), 'MS', 'Within how many milliseconds 99 of 100 must be there'),
    throughput: parsedFlag(wholeNumber(0, 1_000_000_000), 'N', 'Calls a second on one core at the busiest time'),
    complexity: {
      kind: 'enum',
      values: COMPLEXITIES,
      optional: true,
      brief: 'What the team takes upon itself, at most (default high)',
    },
    independence: {
      ...{ kind: 'enum', values: INDEPENDENCES, optional: true },
      brief: 'Whether sides are released alone, or go on while the other is down (default none)',
    },
    need: { kind: 'enum', values: ALL_NEEDS, optional: true, variadic: ',', brief: 'What it is for (default answer)' },
    lang: { kind: 'enum', values: LANGS, optional: true, brief: 'Language of the answer (default that of the terminal)' },
    measure: switchFlag('Measure every style on this machine, and choose by these numbers'),
    seconds: parsedFlag(wholeNumber(1, 60), 'N', 'With --measure: twice so long for each style (default 1)'),
    json: jsonFlag,
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, { lang = languageOf(this), measure = false, seconds = 1, ...flags }: Flags): Promise<void> {
    const layout = { lang, ...layoutOf(this) }
    const measured = measure ? await measureAll(this, seconds) : undefined
    // Who has everything measured and says nothing else wants the numbers.
    const question = saidIn(flags) ?? (measured === undefined ? await askedOf(this, lang) : undefined)
    const styles = measured === undefined ? STYLES : (await import('../choose/measure/measure.ts')).withMeasured(STYLES, measured)
    const told = question && tell(question, styles)
    const all = {
      ...(measured && { measured }),
      ...(told && (choiceJson(told, lang) as object)),
    }
    printResult(this, flags, all, () =>
      [measured && measuredText(measured, layout), told && choiceText(told, layout)].filter(Boolean).join('\n\n'),
    )
  },
})

async function measureAll(shell: Shell, seconds: number): Promise<readonly Measured[]> {
  // It brings the doors along, which nothing else here needs.
  const { measure } = await import('../choose/measure/measure.ts')
  return measure({ seconds, progress: (style) => say(shell, `Measuring ${style}`) })
}

function languageOf({ process: { env } }: Shell): Lang {
  return (env['LC_ALL'] || env['LANG'] || '').startsWith('ko') ? 'ko' : 'en'
}

function saidIn({ need, responseTime, throughput, complexity, independence }: Flags): Question | undefined {
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
  const { askQuestion } = await import('../choose/ask.ts')
  return askQuestion(lang)
}
