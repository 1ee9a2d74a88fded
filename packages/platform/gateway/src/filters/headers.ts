import { checkField } from '../proxy/proxy.ts'
import { filter, type Filter } from '../filter.ts'

/** Fields by name: a value that they are set to, or false to take them out. */
export type HeaderChanges = Readonly<Record<string, string | false>>

type Changed = {
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
}

const change =
  (changes: HeaderChanges) =>
  (message: Changed): void => {
    for (const name in changes) {
      const value = changes[name]!
      if (value === false) message.removeHeader(name)
      else message.setHeader(name, value)
    }
  }

/**
 * Sets headers of requests and answers, or takes them out.
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
  for (const changes of [request, answer])
    for (const [name, value] of Object.entries(changes ?? {})) checkField(name, value === false ? '' : value)
  return filter('headers', {
    ...(request !== undefined && { before: change(request) }),
    ...(answer !== undefined && { after: change(answer) }),
  })
}
