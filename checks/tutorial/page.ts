export const PAGES = { en: 'docs/tutorial/README.md', ko: 'docs/tutorial/README.ko.md' } as const

/**
 * What a tutorial's page asks its reader to do, read from its fenced blocks in their order. Their info strings say more than is
 * seen: `sh` runs to its end, `sh fails` ends with a failure, `sh until` is asked until it answers so, `sh stays` runs until
 * the next that stays, `sh stopped` stops that first, `sh beside` runs while the page goes on. `text` is what the command before it prints; `text stays` is what
 * the one that stays prints next, `text beside` all of what ran beside. `ts` is a whole file, named in its first line; with
 * `ts made` the file is there already.
 */
export type Step =
  | { readonly kind: 'command'; readonly line: number; readonly how: How; readonly text: string; readonly prints: string }
  | { readonly kind: 'prints'; readonly line: number; readonly who: 'stays' | 'beside'; readonly prints: string }
  | { readonly kind: 'file'; readonly line: number; readonly path: string; readonly text: string; readonly made: boolean }

const HOW = ['ends', 'fails', 'until', 'stays', 'stopped', 'beside'] as const
export type How = (typeof HOW)[number]

type Block = { readonly line: number; readonly language: string; readonly mark: string; readonly text: string }

const FENCE = /^```(\w*) ?(\w*)\n(.*?)^```$/gms

/** @throws when a block is none that the reader could follow */
export function stepsOf(page: string): readonly Step[] {
  const steps: Step[] = []
  const blocks = blocksOf(page)
  for (const [at, { line, language, mark, text }] of blocks.entries()) {
    if (language === 'ts') {
      const path = /^\/\/ (src\/\S+\.ts)\n/.exec(text)?.[1]
      if (path === undefined) throw new Error(`Line ${line}: a file's first line has to name it, such as "// src/system.ts"`)
      steps.push({ kind: 'file', line, path, text: text.slice(text.indexOf('\n') + 1), made: mark === 'made' })
    } else if (language === 'sh') {
      const how = HOW.find((each) => each === (mark || 'ends'))
      if (how === undefined) throw new Error(`Line ${line}: "sh ${mark}" is none of ${HOW.join(', ')}`)
      const next = blocks[at + 1]
      const prints = next?.language === 'text' && next.mark === '' ? next.text : '…\n'
      steps.push({ kind: 'command', line, how, text, prints })
    } else if (language === 'text' && (mark === 'stays' || mark === 'beside')) {
      steps.push({ kind: 'prints', line, who: mark, prints: text })
    } else if (language !== 'text' || blocks[at - 1]?.language !== 'sh') {
      throw new Error(`Line ${line}: a block of "${language} ${mark}" is nothing to do, and no command stands before it`)
    }
  }
  return steps
}

function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(FENCE)].map(({ index, 1: language = '', 2: mark = '', 3: text = '' }) => ({
    ...{ line: page.slice(0, index).split('\n').length, language, mark, text },
  }))
}

/** What is told of output: `…` stands for anything within a line, and alone for any number of lines. */
export function outputPattern(prints: string, { whole }: { readonly whole: boolean }): RegExp {
  const lines = plain(prints).split('\n')
  // Nothing may follow as well.
  const open = lines.at(-1)?.trim() === '…'
  const parts = (open ? lines.slice(0, -1) : lines).map((line) =>
    line.trim() === '…' ? '(?:.*\\n)*?' : `${linePattern(line)}(?:\\n|$)`,
  )
  if (open) parts.push('[^]*')
  return new RegExp(whole ? `^${parts.join('')}$` : `(?<=^|\\n)${parts.join('')}`)
}

/** Columns stand apart by as much as what is in them is long. */
function linePattern(line: string): string {
  const columns = (part: string): string => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/ {2,}/g, ' +')
  return line.split('…').map(columns).join('.*')
}

/** Without what nobody sees: spaces at the ends of lines, empty lines before and after. */
export function plain(output: string): string {
  return output
    .replaceAll('\r', '')
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/^\n+|\n+$/g, '')
}

/** What has to be the same in every language: all but comments, the language that is asked for, and what is printed in it. */
export function withoutWords(steps: readonly Step[]): readonly unknown[] {
  return steps.map((step) => {
    if (step.kind === 'file') return { ...step, line: 0, text: step.text.replaceAll(COMMENT, '//') }
    if (step.kind === 'prints') return { ...step, line: 0, prints: step.prints.replaceAll(HANGUL_LINE, '') }
    const printed = step.text.includes('--lang') ? '' : step.prints
    return { ...step, line: 0, prints: printed, text: step.text.replace(/--lang \w+/, '--lang').replaceAll(/ # .*$/gm, '') }
  })
}

const COMMENT = /\/\/ .*$|\/\*\* .* \*\//gm
const HANGUL_LINE = /^.*[가-힣].*\n/gm

/** Headings by their level, and where links lead, by the English page: these are the same in every language too. */
export function shapeOf(page: string): { readonly headings: readonly string[]; readonly links: readonly string[] } {
  const prose = page.replaceAll(FENCE, '')
  return {
    headings: [...prose.matchAll(/^(#+) /gm)].map(([, level]) => level!),
    links: [...prose.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!.replace('.ko.md', '.md')),
  }
}
