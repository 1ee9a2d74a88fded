/** What a page holds, read from its text: headings, fenced blocks, links. */
export type Block = { readonly language: string; readonly text: string }

const FENCE = /^```(\w*)[^\n]*\n(.*?)^```$/gms

export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(FENCE)].map(([, language, text]) => ({ language: language!, text: text! }))
}

/** `##` for a heading of the second level, and so on: translated pages differ in their words, not in this. */
export function headingsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^(#+) /gm)].map(([, level]) => level!)
}

/** Where a page leads, without the addresses of others and without anchors. */
export function linksOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!)
}

/** A file made of a page's TypeScript block: named by a first line such as `// domain/seats.ts`, else by its number. */
export type SnippetFile = { readonly path: string; readonly text: string }

export function snippetFiles(page: string): readonly SnippetFile[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'ts')
    .map(({ text }, at) => ({ path: /^\/\/ (\S+\.ts)$/m.exec(text.split('\n', 1)[0]!)?.[1] ?? `${at + 1}.ts`, text }))
}

/** What the snippets say they print: `console.log(1 + 1) // → 2`. */
export function promised(files: readonly SnippetFile[]): readonly string[] {
  return files.flatMap(({ text }) => [...text.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line!.trim()))
}

function prose(page: string): string {
  return page.replaceAll(FENCE, '')
}
