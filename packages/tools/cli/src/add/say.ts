/** The text of a project's language. */
export type Say = (en: string, ko: string) => string

export const sayIn =
  (lang: 'en' | 'ko'): Say =>
  (en, ko) =>
    lang === 'ko' ? ko : en
