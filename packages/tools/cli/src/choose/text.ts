/** A choice in words. */
import { hang, table } from '@dure/simulation/text/internal'
import { durationText } from '../format.ts'
import { paint } from '../shell.ts'
import type { Change, Judged, Obstacle } from './rules.ts'
import type { Measured } from './measure/measure.ts'
import { INDEPENDENCE, NEEDS, type Lang, type Question, type Text } from './needs.ts'
import { STYLES, type Style } from './styles.ts'
import { count, guideOf, LEVELS, ms, reasonsOf, type Told } from './told.ts'

type Page = { readonly lang: Lang; readonly columns: number; readonly color: boolean }

export function choiceText({ question, choice, simpler, changes }: Told, page: Page): string {
  const { lang, columns } = page
  const otherwise = section(
    page,
    CHANGES,
    changes.map((one) => changeText(one, question, lang)),
  )
  switch (choice.kind) {
    case 'one':
      return [
        ...styleText(choice.chosen, question, page),
        ...section(page, SIMPLER, judgedTexts(simpler, lang)),
        ...otherwise,
      ].join('\n')
    case 'several': {
      const parts = choice.parts.flatMap(({ need, chosen }) => [
        '',
        paint(page, 'cyan', `${NEEDS[need][lang]}:`),
        ...styleText(chosen, { ...question, needs: [need] }, page),
      ])
      return [hang('', SEVERAL[lang], columns), ...parts, ...otherwise].join('\n')
    }
    case 'none':
      return [
        hang('', NONE[lang], columns),
        ...judgedTexts(choice.nearest, lang).map((line) => hang('  ', line, columns)),
        ...otherwise,
      ].join('\n')
  }
}

const CHOSEN = { en: 'the simplest that meets all that was asked', ko: '물은 것을 모두 채우는 가장 단순한 방식입니다' }
const SIMPLER = { en: 'Simpler, and not enough', ko: '더 단순하지만 모자란 것' }
const CHANGES = { en: 'What would change it', ko: '이러면 달라집니다' }
const SEVERAL = {
  en: 'No style meets all of these needs, and a contract may have several doors: one for each need.',
  ko: '이 요구를 모두 채우는 방식은 없습니다. 계약 하나에 진입점을 여럿 둘 수 있으니, 요구마다 하나씩입니다.',
}
const NONE = {
  en: 'No style meets all that was asked. Nearest are:',
  ko: '물은 것을 모두 채우는 방식은 없습니다. 가장 가까운 것은 다음과 같습니다.',
}

function section(page: Page, title: Text, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return []
  return ['', paint(page, 'bold', title[page.lang]), ...lines.map((line) => hang('  ', line, page.columns))]
}

function styleText(style: Style, question: Question, page: Page): readonly string[] {
  const { lang } = page
  return [
    hang('', `${paint(page, 'green', style.title[lang])}: ${CHOSEN[lang]}`, page.columns),
    ...section(
      page,
      { en: 'Why', ko: '이유' },
      reasonsOf(style, question).map((one) => one[lang]),
    ),
    ...section(page, { en: 'What it costs', ko: '비용' }, [style.costs[lang]]),
    ...section(page, { en: 'What speaks against it', ko: '단점' }, [style.against[lang]]),
    ...section(page, { en: 'Guide', ko: '안내서' }, [guideOf(style, lang)]),
  ]
}

/** Styles with the same obstacles share a line. */
function judgedTexts(judged: readonly Judged[], lang: Lang): readonly string[] {
  const why = ({ obstacles }: Judged): string => obstacles.map((one) => obstacleText(one)[lang]).join('; ')
  return [...Map.groupBy(judged, why)].map(
    ([words, styles]) => `${styles.map(({ style }) => style.title[lang]).join(', ')}: ${words}`,
  )
}

function obstacleText(obstacle: Obstacle): Text {
  switch (obstacle.criterion) {
    case 'response time': {
      const [has, asked] = [ms(obstacle.has), ms(obstacle.asked)]
      return { en: `takes about ${has}, and ${asked} are allowed`, ko: `약 ${has}, 허용은 ${asked}` }
    }
    case 'throughput': {
      const [has, asked] = [count(obstacle.has), count(obstacle.asked)]
      return { en: `about ${has} calls/s, and ${asked} are asked`, ko: `초당 약 ${has}회, 요구는 ${asked}회` }
    }
    case 'complexity':
      return {
        en: `its complexity is ${obstacle.has}, and ${obstacle.asked} is allowed`,
        ko: `복잡도 ${LEVELS[obstacle.has]}, 허용은 ${LEVELS[obstacle.asked]}`,
      }
    case 'independence':
      return missing(INDEPENDENCE[obstacle.asked])
    case 'need':
      return missing(NEEDS[obstacle.asked])
  }
}

const missing = ({ en, ko }: Text): Text => ({ en: `cannot do this: ${en}`, ko: `이것을 못 함: ${ko}` })

function changeText({ change, chosen }: Change, question: Question, lang: Lang): string {
  return `${conditionOf(change, question)[lang]} → ${chosen.title[lang]}`
}

function conditionOf(change: Partial<Question>, question: Question): Text {
  const { responseTime, throughput, complexity, independence, needs = [] } = change
  if (responseTime !== undefined) return { en: `${ms(responseTime)} are allowed`, ko: `허용이 ${ms(responseTime)}` }
  if (throughput !== undefined) return { en: `${count(throughput)} calls/s are asked`, ko: `요구가 초당 ${count(throughput)}회` }
  if (complexity !== undefined) return { en: `complexity ${complexity} is allowed`, ko: `허용 복잡도 ${LEVELS[complexity]}` }
  if (independence !== undefined) return INDEPENDENCE[independence]
  const added = needs.find((one) => !question.needs.includes(one))
  if (added !== undefined) return NEEDS[added]
  const gone = NEEDS[question.needs.find((one) => !needs.includes(one))!]
  return { en: `not needed any more: ${gone.en}`, ko: `필요 없어짐: ${gone.ko}` }
}

/** The fastest first. */
export function measuredText(measured: readonly Measured[], { lang, columns, ...page }: Page): string {
  const head = lang === 'ko' ? ['방식', 'p50', 'p99', '초당 호출', '바이트'] : ['style', 'p50', 'p99', 'calls/s', 'bytes']
  const rows = measured
    .toSorted((a, b) => a.p50 - b.p50)
    .map(({ style, p50, p99, callsPerSecond, bytes, failed }) => [
      STYLES.find(({ name }) => name === style)!.title[lang],
      ...[durationText(p50), durationText(p99), count(callsPerSecond), bytes === undefined ? '-' : String(bytes)],
      ...(failed > 0 ? [lang === 'ko' ? `${failed}회 실패` : `${failed} failed`] : []),
    ])
  const [first = '', ...rest] = table([head, ...rows], { columns, right: [1, 2, 3, 4] })
  return [paint(page, 'dim', first), ...rest].join('\n')
}
