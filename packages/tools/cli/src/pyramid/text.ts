/** What the layers caught and cost, in words. */
import { hang, table } from '@dure/simulation/text/internal'
import { durationText, harmless } from '../format.ts'
import { paint } from '../shell.ts'
import type { Layer } from './layers.ts'
import type { Caught, LayerResult } from './run.ts'

export type Lang = 'en' | 'ko'
type Page = { readonly lang: Lang; readonly columns: number; readonly color: boolean }
type Text = Readonly<Record<Lang, string>>

const NAMES: Readonly<Record<Layer, Text>> = {
  unit: { en: 'unit', ko: '단위' },
  contract: { en: 'contract', ko: '계약' },
  component: { en: 'component', ko: '컴포넌트' },
  equivalence: { en: 'equivalence', ko: '배치 동등성' },
  'end-to-end': { en: 'end to end', ko: '종단 간' },
}
const HEAD: readonly Text[] = [
  { en: 'Layer', ko: '층' },
  { en: 'Tests', ko: '테스트' },
  { en: 'Caught', ko: '잡은 것' },
  { en: 'Skipped', ko: '건너뜀' },
  { en: 'Took', ko: '시간' },
  { en: 'A test', ko: '하나에' },
  { en: 'Slowest file', ko: '가장 느린 파일' },
]
/** A narrow terminal has the first five. */
const NARROW = 64
const ALL: Text = { en: 'All', ko: '전체' }
const NONE: Text = { en: 'no tests', ko: '테스트 없음' }

export function pyramidText(results: readonly LayerResult[], page: Page): string {
  const { lang, columns } = page
  const wide = columns >= NARROW
  const row = (name: string, one: Omit<LayerResult, 'layer' | 'files'>): readonly string[] => [
    ...[name, one.tests === 0 ? NONE[lang] : String(one.tests), one.tests === 0 ? '' : String(one.caught.length)],
    ...[one.skipped === 0 ? '' : String(one.skipped), one.tests === 0 ? '' : durationText(one.ms)],
    ...(wide && one.tests > 0
      ? [durationText(one.ms / one.tests), one.slowest === undefined ? '' : harmless(one.slowest.file)]
      : []),
  ]
  const lines = table(
    [
      HEAD.slice(0, wide ? 7 : 5).map((text) => text[lang]),
      ...results.map((one) => row(NAMES[one.layer][lang], one)),
      row(ALL[lang], together(results)),
    ],
    { columns, right: [1, 2, 3, 4, 5], ...(wide && { shorten: [6] }) },
  )
  const [head = '', ...rest] = lines
  const marked = rest.map((line, at) => ((results[at]?.caught.length ?? 0) > 0 ? paint(page, 'red', line) : line))
  return [
    paint(page, 'bold', head),
    ...marked,
    ...results.flatMap((one) => caughtText(one, page)),
    '',
    verdict(results, page),
  ].join('\n')
}

function together(results: readonly LayerResult[]): Omit<LayerResult, 'layer' | 'files'> {
  const sum = (of: (one: LayerResult) => number): number => results.reduce((all, one) => all + of(one), 0)
  return {
    ...{ tests: sum(({ tests }) => tests), skipped: sum(({ skipped }) => skipped), ms: sum(({ ms }) => ms) },
    ...{ caught: results.flatMap(({ caught }) => caught), slowest: undefined },
  }
}

function caughtText({ layer, caught }: LayerResult, page: Page): readonly string[] {
  if (caught.length === 0) return []
  const { lang, columns } = page
  const title = { en: `Caught by ${NAMES[layer].en} tests`, ko: `${NAMES[layer].ko} 테스트가 잡은 것` }[lang]
  return ['', paint(page, 'bold', title), ...caught.flatMap((one) => oneText(one, page, columns))]
}

/** Lines of a message; the whole of it is what `node --test FILE` tells. */
const LINES = 6

function oneText({ file, line, name, message }: Caught, page: Page, columns: number): readonly string[] {
  const place = `${file}${line > 0 ? `:${line}` : ''}`
  const said = message.split('\n').filter((text) => text.trim() !== '')
  const cut = said.length > LINES ? [...said.slice(0, LINES), '…'] : said
  return [
    hang('  ✖ ', harmless(name || place), columns),
    ...(name === '' ? [] : [paint(page, 'dim', hang('    ', harmless(place), columns))]),
    ...cut.map((text) => hang('    ', harmless(text.trimEnd()), columns)),
  ]
}

function verdict(results: readonly LayerResult[], page: Page): string {
  const { lang } = page
  const { tests, caught, ms } = together(results)
  const by = results.filter((one) => one.caught.length > 0).map((one) => `${NAMES[one.layer][lang]} ${one.caught.length}`)
  const took = durationText(ms)
  if (caught.length === 0)
    return paint(
      page,
      'green',
      {
        en: `Nothing was caught by ${tests} tests in ${took}.`,
        ko: `테스트 ${tests}개가 ${took} 동안 아무것도 잡지 않았습니다.`,
      }[lang],
    )
  const text = {
    en: `${caught.length} of ${tests} tests caught something in ${took}: ${by.join(', ')}.`,
    ko: `테스트 ${tests}개 가운데 ${caught.length}개가 ${took} 동안 무언가를 잡았습니다: ${by.join(', ')}.`,
  }[lang]
  return paint(page, 'red', hang('', text, page.columns))
}
