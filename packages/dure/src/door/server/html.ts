/** Pages that a server draws: text that is escaped, in a language that the browser asks for. */

/** Text that is HTML already. */
export type Html = { readonly html: string }

const SIGNS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** HTML of a template: whatever is not HTML already is escaped. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[] | undefined)[]): Html {
  const shown = (value: (typeof values)[number]): string => {
    if (value === undefined) return ''
    if (typeof value === 'string') return value.replace(/[&<>"']/g, (sign) => SIGNS[sign]!)
    return 'html' in value ? value.html : value.map((each) => each.html).join('')
  }
  return { html: parts.map((part, at) => `${part}${at < values.length ? shown(values[at]) : ''}`).join('') }
}

export type Language = 'en' | 'ko'

/** The first language that is asked for and spoken here: of `locales` (names with spaces between them), then of the browser. */
export function languageOf(accepted: string | undefined, locales: string | undefined): Language {
  const wanted = [
    ...(locales ?? '').split(' ').map((name) => ({ name, quality: 2 })),
    ...(accepted ?? '').split(',').map((part) => {
      const [name = '', ...rest] = part.trim().split(';')
      const quality = rest.map((each) => /^\s*q=([\d.]+)\s*$/.exec(each)?.[1]).find((each) => each !== undefined)
      return { name, quality: quality === undefined ? 1 : Number(quality) }
    }),
  ]
  const known = wanted
    .map(({ name, quality }) => ({ language: name.toLowerCase().split('-')[0], quality }))
    .filter(({ language, quality }) => (language === 'en' || language === 'ko') && quality > 0)
    .sort((one, other) => other.quality - one.quality)
  return (known[0]?.language as Language | undefined) ?? 'en'
}
