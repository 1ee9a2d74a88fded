/** The five criteria, asked of a person at a terminal. */
import { isCancel, multiselect, select } from '@clack/prompts'
import { CliError } from '../shell.ts'
import {
  ALL_NEEDS,
  COMPLEXITIES,
  COMPLEXITY,
  INDEPENDENCE,
  INDEPENDENCES,
  NEEDS,
  type Lang,
  type Need,
  type Question,
  type Text,
} from './needs.ts'

/** What is asked on. Nothing but answers goes to standard output. */
const output = process.stderr

export async function askQuestion(lang: Lang): Promise<Question> {
  const say = (en: string, ko: string): string => (lang === 'ko' ? ko : en)
  const labelled = <T extends string>(values: readonly T[], texts: Readonly<Record<T, Text>>) =>
    values.map((value) => ({ value: value as string, label: texts[value][lang] }))
  const needs = answered(
    await multiselect<string>({
      message: say('What is it for? (space marks, enter goes on)', '무엇을 위한 것입니까? (스페이스로 고르고 엔터로 계속)'),
      options: labelled(ALL_NEEDS, NEEDS),
      initialValues: ['answer'],
      required: true,
      output,
    }),
  )
  const responseTime = answered(
    await select<number>({
      message: say('Within what time must 99 of 100 be there?', '100번 중 99번은 얼마 안에 와야 합니까?'),
      options: [
        { value: Infinity, label: say('It does not matter', '상관없음') },
        ...[1_000, 100, 20, 5, 1].map((value) => ({ value, label: value >= 1_000 ? `${value / 1_000} s` : `${value} ms` })),
      ],
      output,
    }),
  )
  const throughput = answered(
    await select<number>({
      message: say('How many calls a second, on one core, at the busiest time?', '가장 바쁠 때 코어 하나에 초당 몇 회입니까?'),
      options: [
        { value: 0, label: say('Few', '조금') },
        ...[500, 2_000, 5_000, 10_000].map((value) => ({ value, label: value.toLocaleString('en') })),
      ],
      output,
    }),
  )
  const independence = answered(
    await select<string>({
      message: say('How far must the sides do without each other?', '양쪽이 얼마나 서로 없이 지내야 합니까?'),
      options: labelled(INDEPENDENCES, INDEPENDENCE),
      output,
    }),
  )
  const complexity = answered(
    await select<string>({
      message: say('What may it ask of the team?', '팀이 얼마나 감당할 수 있습니까?'),
      options: labelled(COMPLEXITIES, COMPLEXITY),
      initialValue: 'high',
      output,
    }),
  )
  return {
    ...{ responseTime, throughput },
    needs: needs as Need[],
    independence: independence as Question['independence'],
    complexity: complexity as Question['complexity'],
  }
}

function answered<T>(answer: T | symbol): Exclude<T, symbol> {
  if (isCancel(answer)) throw new CliError('Nothing was chosen')
  return answer as Exclude<T, symbol>
}
