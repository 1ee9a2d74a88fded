/** `npm run docs:patterns`: writes index.md and index.ko.md from rows.ts and proofs.ts. */
import { writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { proofs, type Proof } from './proofs/proofs.ts'
import { sections, type Row } from './rows.ts'

type Words = {
  readonly title: string
  readonly intro: string
  readonly head: string
  readonly works: string
  readonly begun: string
  readonly not: string
  readonly code: string
  readonly guide: string
  readonly test: string
}

const words: Readonly<Record<'en' | 'ko', Words>> = {
  en: {
    title: 'The pattern language',
    intro:
      '[한국어](index.ko.md)\n\nWhat Dure is to do, row by row, and what of it works today. A row that works links its code, its guide and the\ntests that break it. Everything else says so.',
    head: '| | pattern | state | where |\n|---|---|---|---|',
    works: '**works**',
    begun: 'begun',
    not: 'not yet',
    code: 'code',
    guide: 'guide',
    test: 'test',
  },
  ko: {
    title: '패턴 언어',
    intro:
      '[English](index.md)\n\n두레가 하려는 일을 한 줄씩, 그리고 오늘 동작하는 것을 보여 줍니다. 동작하는 줄은 코드, 안내서, 그것을 깨뜨리는 테스트로\n이어집니다. 나머지는 아직이라고 적습니다.',
    head: '| | 패턴 | 상태 | 위치 |\n|---|---|---|---|',
    works: '**동작**',
    begun: '진행 중',
    not: '아직',
    code: '코드',
    guide: '안내서',
    test: '테스트',
  },
}

/** A page of all rows, in one language. */
export function page(language: 'en' | 'ko'): string {
  const text = words[language]
  const all = sections.flatMap(({ rows }) => rows)
  const working = all.filter(({ id }) => proofs[id]?.state === 'works').length
  const count = language === 'en' ? `${working} of ${all.length} rows work.` : `${all.length}줄 가운데 ${working}줄이 동작합니다.`
  const parts = sections.map(({ title, ko, rows }, index) => {
    const heading = language === 'en' ? `${title} (${ko})` : ko
    return `## ${index + 1} ${heading}\n\n${text.head}\n${rows.map((row) => line(row, language)).join('\n')}\n`
  })
  const notice = '<!-- Made by `npm run docs:patterns` from rows.ts and proofs.ts: change those. -->'
  return `${notice}\n\n# ${text.title}\n\n${text.intro}\n\n${count}\n\n${parts.join('\n')}`
}

function line({ id, name, ko }: Row, language: 'en' | 'ko'): string {
  const text = words[language]
  const proof = proofs[id]
  const pattern = language === 'en' ? `${name} · ${ko}` : `${ko} · ${name}`
  const part = proof?.part === undefined ? '' : ` (${proof.part[language]})`
  const state = proof === undefined ? text.not : `${text[proof.state]}${part}`
  return `| ${id} | ${cell(pattern)} | ${cell(state)} | ${proof === undefined ? '' : links(proof, language)} |`
}

function links({ code, guide, tests }: Proof, language: 'en' | 'ko'): string {
  const text = words[language]
  const read = guide === undefined ? [] : [language === 'ko' ? guide.replace(/\.md$/, '.ko.md') : guide]
  const link = (label: string, paths: readonly string[]): string =>
    paths
      .map((path, index) => `[${label}${paths.length > 1 ? ` ${index + 1}` : ''}](${posix.relative('docs/patterns', path)})`)
      .join(' ')
  return [link(text.code, code), link(text.guide, read), link(text.test, tests)].filter((part) => part !== '').join(' · ')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, 'index.md'), page('en'))
  writeFileSync(join(import.meta.dirname, 'index.ko.md'), page('ko'))
}
