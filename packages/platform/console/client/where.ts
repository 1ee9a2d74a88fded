/** Where the reader is: the address says all of it, so that it can be shared. */
import { computed, signal } from '@preact/signals'

const address = signal(location.pathname + location.search)

/** `/traces/4bf9…` as `['traces', '4bf9…']`. */
export const path = computed(() => split(address.value.split('?')[0]!))

/** What follows the question mark. */
export const query = computed(() => new URLSearchParams(address.value.split('?')[1] ?? ''))

function split(pathname: string): readonly string[] {
  return pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

addEventListener('popstate', () => {
  address.value = location.pathname + location.search
})

/** Goes to a path of this console; `replace` leaves no step to go back to. */
export function go(to: string, how: { readonly replace?: boolean } = {}): void {
  if (to === address.value) return
  history[how.replace === true ? 'replaceState' : 'pushState'](null, '', to)
  address.value = to
}

/** The path as it is, with other values behind the question mark; undefined and '' take one away. */
export function withQuery(changes: Readonly<Record<string, string | undefined>>): string {
  const next = new URLSearchParams(query.value)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  return address.value.split('?')[0]! + (text === '' ? '' : `?${text}`)
}

/** A path of parts, each escaped. */
export function to(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`
}

/** Clicks on links of this console change the page without loading it anew. */
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = (event.target as Element | null)?.closest?.('a')
    if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
    event.preventDefault()
    go(link.pathname + link.search)
  })
}
