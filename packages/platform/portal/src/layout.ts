/** What every page has around its content. */
import { html, type Html, type Language } from 'dure/door/internal'
import { LONGEST_QUERY } from './search.ts'
import { WORDS, type Words } from './words.ts'

export type Setting = { readonly language: Language; readonly words: Words; readonly system: string }

/** What a page says, and how its tab is called. */
export type Content = { readonly title: string; readonly status?: number; readonly body: Html }

const NAMES: Readonly<Record<Language, string>> = { en: 'English', ko: '한국어' }

/** @param here its path with its query, to which the other language leads as well; @param query what was searched for */
export function layout({ language, words, system }: Setting, content: Content, here: URL, query: string): string {
  const other: Language = language === 'en' ? 'ko' : 'en'
  const search = new URLSearchParams(here.searchParams)
  search.set('lang', other)
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${content.title} · ${system}</title>
        <link rel="icon" href="/icon.svg" />
        <link rel="stylesheet" href="/portal.css" />
      </head>
      <body>
        <a class="skip" href="#content">${words.skip}</a>
        <header>
          <a class="home" href="/"><b>${system}</b> ${words.portal}</a>
          <form role="search" action="/" method="get">
            <input
              type="search"
              name="q"
              value="${query}"
              maxlength="${String(LONGEST_QUERY)}"
              aria-label="${words.search}"
              placeholder="${words.searchHint}"
            />
            <button>${words.find}</button>
          </form>
          <nav aria-label="${words.languages}">
            <a href="?${search.toString()}" lang="${other}" hreflang="${other}">${NAMES[other]}</a>
          </nav>
        </header>
        <main id="content" tabindex="-1">
          <h1>${content.title}</h1>
          ${content.body}
        </main>
      </body>
    </html> `.html
}

/**
 * A table that can be reached by the keyboard where it is wider than the page. On a phone each row is a block with the head before each
 * cell, which takes its roles from it: they are said again.
 */
export function table(label: string, heads: readonly string[], rows: readonly (readonly (string | Html)[])[]): Html {
  return html`<div class="table" tabindex="0" role="region" aria-label="${label}">
    <table role="table">
      <thead role="rowgroup">
        <tr role="row">
          ${heads.map((head) => html`<th scope="col" role="columnheader">${head}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(
          (row) =>
            html`<tr role="row">
              ${row.map((cell, at) => html`<td role="cell" data-head="${heads[at]!}">${cell === '' ? '' : html`<div>${cell}</div>`}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

export const errorContent = (title: string, text: string, status: number): Content => ({
  ...{ title, status },
  body: html`<p>${text}</p>`,
})

export const settingOf = (language: Language, system: string): Setting => ({ language, system, words: WORDS[language] })
