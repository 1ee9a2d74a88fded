import type { IncomingHttpHeaders } from 'node:http'

/** A header by its lower-case name; of several that came, all, as RFC 9110 joins them. */
export function headerOf(headers: IncomingHttpHeaders): (name: string) => string | undefined {
  return (name) => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined
    return Array.isArray(value) ? value.join(', ') : value
  }
}
