import { checkField } from '../proxy/proxy.ts'
import { filter, type Filter } from '../filter.ts'

/** Fields by name: a value that they are set to, false to take them out, or a value that is put behind those that are there. */
export type HeaderChanges = Readonly<Record<string, string | false | { readonly add: string }>>

type Changed = {
  readonly header: (name: string) => string | undefined
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
}

const change =
  (changes: HeaderChanges) =>
  (message: Changed): void => {
    for (const name in changes) {
      const value = changes[name]!
      if (value === false) message.removeHeader(name)
      else if (typeof value === 'string') message.setHeader(name, value)
      else {
        const before = message.header(name.toLowerCase())
        message.setHeader(name, before === undefined ? value.add : `${before}, ${value.add}`)
      }
    }
  }

function check(name: string, value: HeaderChanges[string]): void {
  checkField(name, value === false ? '' : typeof value === 'string' ? value : value.add)
  // Its values have commas of their own.
  if (typeof value === 'object' && name.toLowerCase() === 'set-cookie')
    throw new TypeError('Cannot put another value behind "set-cookie": it is not a list; set it')
}

/**
 * Sets headers of requests and answers, adds to them, or takes them out.
 * @throws {TypeError} when a field cannot be of such a name, or have such a value
 *
 * @example
 * ```ts
 * import { headers } from '@dure/gateway'
 *
 * const safe = headers({ request: { 'x-internal': false }, answer: { 'x-frame-options': 'DENY', server: false } })
 * console.log(safe.name) // → headers
 * ```
 */
export function headers({ request, answer }: { readonly request?: HeaderChanges; readonly answer?: HeaderChanges }): Filter {
  for (const changes of [request, answer]) for (const [name, value] of Object.entries(changes ?? {})) check(name, value)
  return filter('headers', {
    ...(request !== undefined && { before: change(request) }),
    ...(answer !== undefined && { after: change(answer) }),
  })
}
