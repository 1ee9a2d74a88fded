/** What a reader has chosen for this browser: language, light or dark. */
import { effect, signal, type Signal } from '@preact/signals'

export type Language = 'en' | 'ko'
export type Theme = 'system' | 'light' | 'dark'

function chosen<T extends string>(name: string, allowed: readonly T[], otherwise: T): Signal<T> {
  const known = read(name)
  const value = signal(allowed.find((one) => one === known) ?? otherwise)
  effect(() => write(name, value.value))
  return value
}

/** A browser may refuse to keep anything. */
function read(name: string): string | null {
  try {
    return localStorage.getItem(`dure.${name}`)
  } catch {
    return null
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`dure.${name}`, value)
  } catch {
    // Then it is so until the page is closed.
  }
}

export const language: Signal<Language> = chosen('language', ['en', 'ko'], navigator.language.startsWith('ko') ? 'ko' : 'en')
export const theme: Signal<Theme> = chosen('theme', ['system', 'light', 'dark'], 'system')

/** Whether pages look again by themselves. */
export const live: Signal<boolean> = signal(true)

const systemDark = matchMedia('(prefers-color-scheme: dark)')
const prefersDark = signal(systemDark.matches)
systemDark.addEventListener('change', () => {
  prefersDark.value = systemDark.matches
})

/** Changes whenever colours do: whoever paints by itself looks at it. */
export const dark: Signal<boolean> = signal(false)

effect(() => {
  document.documentElement.lang = language.value
})
effect(() => {
  document.documentElement.dataset['theme'] = theme.value
  dark.value = theme.value === 'dark' || (theme.value === 'system' && prefersDark.value)
})
