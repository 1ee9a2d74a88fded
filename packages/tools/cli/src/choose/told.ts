/** All that is said of a choice: for people by `text.ts`, for programs as JSON. */
import { changesOf, choose, judge, type Change, type Choice, type Judged } from './rules.ts'
import {
  COMPLEXITY,
  INDEPENDENCE,
  NEEDS,
  type Complexity,
  type Independence,
  type Lang,
  type Question,
  type Text,
} from './needs.ts'
import type { Style } from './styles.ts'

export type Told = {
  readonly question: Question
  readonly choice: Choice
  /** Simpler styles that come nearest, with what keeps each from being chosen. */
  readonly simpler: readonly Judged[]
  readonly changes: readonly Change[]
}

/** Of the simpler styles, so many are told. */
const MOST_SIMPLER = 4

export function tell(question: Question, styles: readonly Style[]): Told {
  const choice = choose(question, styles)
  const before = choice.kind === 'one' ? judge(question, styles.slice(0, styles.indexOf(choice.chosen))) : []
  const simpler = before.toSorted((a, b) => a.obstacles.length - b.obstacles.length).slice(0, MOST_SIMPLER)
  return { question, choice, simpler, changes: changesOf(question, styles) }
}

/** By criterion: what a style has, beside what was asked. */
export function reasonsOf(style: Style, question: Question): readonly Text[] {
  const { complexity, independence } = style
  const [time, rate] = [ms(style.responseTime), count(style.throughput)]
  const allowed = Number.isFinite(question.responseTime) ? ms(question.responseTime) : undefined
  const asked = question.throughput > 0 ? count(question.throughput) : undefined
  return [
    style.why,
    {
      en: `response time: about ${time} beside the handler’s own${allowed === undefined ? '' : `, and ${allowed} are allowed`}`,
      ko: `응답 시간: 핸들러가 쓰는 시간 외에 약 ${time}${allowed === undefined ? '' : `, 허용은 ${allowed}`}`,
    },
    {
      en: `throughput: about ${rate} calls/s on a core${asked === undefined ? '' : `, and ${asked} are asked`}`,
      ko: `처리량: 코어 하나에 초당 약 ${rate}회${asked === undefined ? '' : `, 요구는 ${asked}회`}`,
    },
    {
      en: `complexity: ${complexity} (${COMPLEXITY[complexity].en})`,
      ko: `복잡도: ${LEVELS[complexity]} (${COMPLEXITY[complexity].ko})`,
    },
    {
      en: `independence: ${independence} (${INDEPENDENCE[independence].en})`,
      ko: `독립성: ${LEVELS[independence]} (${INDEPENDENCE[independence].ko})`,
    },
    ...question.needs
      .filter((need) => style.serves.includes(need))
      .map((need) => ({ en: `need: ${NEEDS[need].en}`, ko: `요구: ${NEEDS[need].ko}` })),
  ]
}

export function choiceJson({ question, choice, simpler, changes }: Told, lang: Lang): unknown {
  const { responseTime, ...rest } = question
  const whole = (style: Style): unknown => ({
    style: style.name,
    title: style.title[lang],
    reasons: reasonsOf(style, question).map((one) => one[lang]),
    costs: style.costs[lang],
    against: style.against[lang],
    guide: guideOf(style, lang),
  })
  const judged = ({ style, obstacles }: Judged): unknown => ({ style: style.name, obstacles })
  const more = {
    changes: changes.map(({ criterion, change, chosen }) => ({ criterion, ...change, style: chosen.name })),
  }
  const asked = { ...rest, ...(Number.isFinite(responseTime) && { responseTime }) }
  switch (choice.kind) {
    case 'one':
      return { asked, kind: 'one', ...(whole(choice.chosen) as object), simpler: simpler.map(judged), ...more }
    case 'several':
      return {
        asked,
        kind: 'several',
        parts: choice.parts.map(({ need, chosen }) => ({ need, ...(whole(chosen) as object) })),
        ...more,
      }
    case 'none':
      return { asked, kind: 'none', nearest: choice.nearest.map(judged), ...more }
  }
}

export const guideOf = ({ guide }: Style, lang: Lang): string => `docs/guides/${guide}${lang === 'ko' ? '.ko' : ''}.md`

/** In Korean; in English they are called as they are. */
export const LEVELS: Readonly<Record<Complexity | Independence, string>> = {
  ...{ low: '낮음', medium: '중간', high: '높음' },
  ...{ none: '없음', release: '따로 배포', time: '따로 동작' },
}

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
export const count = (value: number): string => number.format(value)
/** Milliseconds and seconds are written alike in both languages. */
export const ms = (value: number): string => (value >= 1_000 ? `${number.format(value / 1_000)} s` : `${number.format(value)} ms`)
